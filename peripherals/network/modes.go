package network

import (
	"strconv"
	"strings"

	"github.com/mdlayher/ethtool"
)

// readModes asks the ethtool netlink family (Linux 5.6) for all interfaces.
func readModes() (map[string]Modes, error) {
	c, err := ethtool.New()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	all, err := c.LinkModes()
	if err != nil {
		return nil, err
	}
	out := make(map[string]Modes, len(all))
	for _, m := range all {
		out[m.Interface.Name] = modesOf(m)
	}
	return out, nil
}

// modesOf is what of an answer matters.
func modesOf(m *ethtool.LinkMode) Modes {
	out := Modes{Duplex: DuplexUnknown, OwnMbps: best(m.Ours), PeerMbps: best(m.Peer)}
	// The kernel says -1 (as unsigned) where there is no link.
	if m.SpeedMegabits > 0 && m.SpeedMegabits < 1<<20 {
		out.SpeedMbps = m.SpeedMegabits
	}
	switch m.Duplex {
	case ethtool.Full:
		out.Duplex = DuplexFull
	case ethtool.Half:
		out.Duplex = DuplexHalf
	}
	return out
}

// best is the highest speed of link modes by their names: "1000baseT/Full".
func best(modes []ethtool.AdvertisedLinkMode) (most int) {
	for _, m := range modes {
		digits, _, ok := strings.Cut(m.Name, "base")
		if n, err := strconv.Atoi(digits); ok && err == nil && n < 1<<20 {
			most = max(most, n)
		}
	}
	return most
}

package host

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxCandidates bounds the addresses that an offer makes us send checks to.
const maxCandidates = 32

// keepCandidates leaves the candidates that we would send checks to, of all
// sections together the first maxCandidates. A terminal that is reached by
// none of them reaches us: its own checks give us its address.
func keepCandidates(sections []*sdp.MediaDescription, loopback bool) {
	left := maxCandidates
	for _, m := range sections {
		m.Attributes = slices.DeleteFunc(slices.Clone(m.Attributes), func(a sdp.Attribute) bool {
			if a.Key != "candidate" {
				return false
			}
			if left == 0 || !checkable(a.Value, loopback) {
				return true
			}
			left--
			return false
		})
	}
}

// checkable reports a candidate (RFC 8839, 5.1) that is a UDP address of one
// machine, with loopback of this one. Names are not resolved, mDNS ones neither.
func checkable(candidate string, loopback bool) bool {
	f := strings.Fields(candidate) // foundation component transport priority address port "typ" type
	if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
		return false
	}
	ip, err := netip.ParseAddr(f[4])
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return false
	}
	if port, err := strconv.ParseUint(f[5], 10, 16); err != nil || port == 0 {
		return false
	}
	return !loopback || ip.Unmap().IsLoopback()
}

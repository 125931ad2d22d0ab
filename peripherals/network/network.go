// Package network tells the facts of this machine's network interfaces: cable
// or Wi-Fi, the speed that was agreed and the one that both ends could do,
// duplex, damaged and dropped frames, how often the link was lost, and the radio
// signal. It asks the kernel: sysfs, the ethtool netlink family, and
// /proc/net/wireless.
//
// It measures nothing, changes nothing, watches nothing and needs no rights;
// addresses and routes are internal/netwatch's. What the kernel or the driver
// does not say stays zero or "not known". Functions are safe on any goroutine.
package network

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
)

// Kind is what an interface is.
type Kind string

// Kinds.
const (
	KindCable    Kind = "cable"
	KindWiFi     Kind = "wi-fi"
	KindMobile   Kind = "mobile"
	KindVirtual  Kind = "virtual" // of a virtual machine, a tunnel or a bridge
	KindLoopback Kind = "loopback"
	KindUnknown  Kind = "not known"
)

// Duplexes.
const (
	DuplexFull    = "full"
	DuplexHalf    = "half"
	DuplexUnknown = "not known"
)

// Facts is what is known of an interface now. Counters count since the machine
// started or the driver was loaded; they only grow.
type Facts struct {
	Name      string
	Kind      Kind
	MTU       int    // bytes
	SpeedMbps int    // as agreed, 0: not known
	OwnMbps   int    // the best that this end offers, 0: not known
	PeerMbps  int    // the best that the other end offers, 0: not known
	Duplex    string // one of the Duplex constants

	Damaged uint64 // frames with wrong checksum, length or form, or no carrier
	Dropped uint64 // frames that found no room here
	Losses  uint64 // how often the link went down

	SignalDBm int // of Wi-Fi, 0: not known
}

// Fallen says that a cable runs slower than both of its ends offered: a wire is
// broken, or a plug is not quite in.
func (f Facts) Fallen() bool {
	best := min(f.OwnMbps, f.PeerMbps)
	return f.Kind == KindCable && f.SpeedMbps > 0 && f.SpeedMbps < best
}

// Source is where the facts are read; the zero value is this machine.
type Source struct {
	Class    fs.FS                            // nil: /sys/class/net
	Wireless func() ([]byte, error)           // nil: reads /proc/net/wireless
	Modes    func() (map[string]Modes, error) // by interface; nil: ethtool netlink
}

// Modes is what an interface's two ends agreed and offered.
type Modes struct {
	SpeedMbps, OwnMbps, PeerMbps int    // 0: not known
	Duplex                       string // one of the Duplex constants
}

func (s Source) withDefaults() Source {
	if s.Class == nil {
		s.Class = os.DirFS("/sys/class/net")
	}
	if s.Wireless == nil {
		s.Wireless = func() ([]byte, error) { return os.ReadFile("/proc/net/wireless") }
	}
	if s.Modes == nil {
		s.Modes = readModes
	}
	return s
}

// Read returns the facts of the interface of that name. Only an interface that
// does not exist is an error.
func (s Source) Read(name string) (Facts, error) {
	s = s.withDefaults()
	f, err := readClass(s.Class, name)
	if err != nil {
		return f, fmt.Errorf("network interface %s: %w", name, err)
	}
	// Both are asked of drivers that often have no answer.
	if modes, err := s.Modes(); err == nil {
		f.take(modes[name])
	}
	if f.Kind == KindWiFi {
		if b, err := s.Wireless(); err == nil {
			f.SignalDBm = parseWireless(b)[name]
		}
	}
	return f, nil
}

func (f *Facts) take(m Modes) {
	if m.SpeedMbps > 0 {
		f.SpeedMbps = m.SpeedMbps
	}
	if m.Duplex == DuplexFull || m.Duplex == DuplexHalf {
		f.Duplex = m.Duplex
	}
	f.OwnMbps, f.PeerMbps = m.OwnMbps, m.PeerMbps
}

// NameOf returns the name of the interface that has an address.
func NameOf(a netip.Addr) (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list network interfaces: %w", err)
	}
	a = a.Unmap().WithZone("")
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && (p.Addr().Unmap() == a || p.Contains(a) && a.IsLoopback()) {
				return i.Name, nil
			}
		}
	}
	return "", fmt.Errorf("no network interface has the address %v", a)
}

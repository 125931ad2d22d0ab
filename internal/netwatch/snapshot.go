package netwatch

import (
	"cmp"
	"net/netip"
	"slices"
)

// Kind is what an interface is made of, best first.
type Kind uint8

// Kinds in the order in which they are preferred.
const (
	Cable    Kind = iota // a wire, as far as its driver tells
	Virtual              // bridges, bonds, tunnels: what is below is not known
	Wireless             // IEEE 802.11
	Mobile               // a modem, or a telephone that shares its own
)

// String names the kind for people.
func (k Kind) String() string {
	return [...]string{"cable", "virtual", "wireless", "mobile", "?"}[min(k, Mobile+1)]
}

// Interface is one over which packets can leave.
type Interface struct {
	Index int
	Name  string
	Kind  Kind
	// Default says that the main routing table has a way to everywhere there.
	Default bool
	Metric  uint32 // of the best such route, lower is better
	// Addresses can be used as a source now, in ascending order: neither
	// loopback nor IPv6 link-local, not deprecated and not still being probed.
	Addresses []netip.Addr
}

// Snapshot is the state of the network at one moment. It does not change.
type Snapshot struct {
	// Interfaces that are up, have a carrier and an address; the preferred
	// first: with a default route, then by kind, metric and index.
	Interfaces []Interface
	// Stale says that a default route leads over an interface that cannot be
	// used: the kernel may choose it all the same.
	Stale bool
}

// Of returns the interface that has the address.
func (s Snapshot) Of(a netip.Addr) (Interface, bool) {
	a = a.Unmap().WithZone("")
	for _, i := range s.Interfaces {
		if slices.Contains(i.Addresses, a) {
			return i, true
		}
	}
	return Interface{}, false
}

// Preferred returns the best interface, false when there is none.
func (s Snapshot) Preferred() (Interface, bool) {
	if len(s.Interfaces) == 0 {
		return Interface{}, false
	}
	return s.Interfaces[0], true
}

// Equal reports whether both say the same.
func (s Snapshot) Equal(o Snapshot) bool {
	return s.Stale == o.Stale && slices.EqualFunc(s.Interfaces, o.Interfaces, func(a, b Interface) bool {
		return a.Index == b.Index && a.Name == b.Name && a.Kind == b.Kind && a.Default == b.Default && a.Metric == b.Metric &&
			slices.Equal(a.Addresses, b.Addresses)
	})
}

// prefer orders interfaces, the best first.
func prefer(a, b Interface) int {
	switch {
	case a.Default && !b.Default:
		return -1
	case b.Default && !a.Default:
		return 1
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Index, b.Index))
}

package netwatch

import (
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Bounds of what is kept, whatever the kernel says.
const (
	maxLinks     = 1024
	maxAddresses = 64 // of one link
	maxRoutes    = 1024
)

// state is what the kernel's messages add up to. One goroutine owns it.
type state struct {
	kind   func(name string) Kind
	links  map[uint32]*link
	routes map[route]bool // ways to everywhere
}

type link struct {
	name      string
	kind      Kind
	known     bool // a message about the link itself came
	up        bool // and running, which includes the carrier
	loopback  bool
	addresses map[netip.Addr]bool
}

// route is one default route. The kernel names one of these by all of them.
type route struct {
	out    uint32
	family uint8
	metric uint32
	via    netip.Addr
}

func newState(kind func(string) Kind) *state {
	return &state{kind: kind, links: make(map[uint32]*link), routes: make(map[route]bool)}
}

// take folds one message in; what does not concern us or cannot be read
// changes nothing.
func (s *state) take(m netlink.Message) {
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		var l rtnetlink.LinkMessage
		if l.UnmarshalBinary(m.Data) == nil {
			s.takeLink(&l, m.Header.Type == unix.RTM_NEWLINK)
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		var a rtnetlink.AddressMessage
		if a.UnmarshalBinary(m.Data) == nil {
			s.takeAddress(&a, m.Header.Type == unix.RTM_NEWADDR)
		}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		var r rtnetlink.RouteMessage
		if r.UnmarshalBinary(m.Data) == nil {
			s.takeRoute(&r, m.Header.Type == unix.RTM_NEWROUTE)
		}
	}
}

// link returns the link of an index, a new one if there is room.
func (s *state) link(index uint32) *link {
	l := s.links[index]
	if l == nil && len(s.links) < maxLinks {
		l = &link{addresses: make(map[netip.Addr]bool)}
		s.links[index] = l
	}
	return l
}

func (s *state) takeLink(m *rtnetlink.LinkMessage, there bool) {
	if m.Family != unix.AF_UNSPEC {
		return // of a bridge's ports: the link itself stays
	}
	if !there {
		delete(s.links, m.Index)
		maps.DeleteFunc(s.routes, func(r route, _ bool) bool { return r.out == m.Index })
		return
	}
	l := s.link(m.Index)
	if l == nil || m.Attributes == nil {
		return
	}
	if l.name != m.Attributes.Name || !l.known {
		l.name, l.kind = m.Attributes.Name, s.kind(m.Attributes.Name)
	}
	l.known = true
	l.up = m.Flags&unix.IFF_UP != 0 && m.Flags&unix.IFF_RUNNING != 0
	l.loopback = m.Flags&unix.IFF_LOOPBACK != 0
	if c := m.Attributes.Carrier; c != nil && *c == 0 {
		l.up = false
	}
	if m.Flags&unix.IFF_UP == 0 { // the kernel forgets these without a word
		maps.DeleteFunc(s.routes, func(r route, _ bool) bool { return r.out == m.Index })
	}
}

func (s *state) takeAddress(m *rtnetlink.AddressMessage, there bool) {
	if m.Attributes == nil {
		return
	}
	raw := m.Attributes.Local // of point-to-point links Address is the peer's
	if raw == nil {
		raw = m.Attributes.Address
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return
	}
	a = a.Unmap()
	if a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.Is6() && a.IsLinkLocalUnicast() {
		return
	}
	flags := m.Attributes.Flags | uint32(m.Flags)
	if flags&unix.IFA_F_OPTIMISTIC != 0 { // may be used before it is known to be alone (RFC 4429)
		flags &^= unix.IFA_F_TENTATIVE | unix.IFA_F_DEPRECATED
	}
	usable := there && flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_DEPRECATED) == 0
	if !usable {
		if l := s.links[m.Index]; l != nil {
			delete(l.addresses, a)
		}
		return
	}
	if l := s.link(m.Index); l != nil && len(l.addresses) < maxAddresses {
		l.addresses[a] = true
	}
}

func (s *state) takeRoute(m *rtnetlink.RouteMessage, there bool) {
	table := m.Attributes.Table
	if table == 0 {
		table = uint32(m.Table)
	}
	if m.DstLength != 0 || table != unix.RT_TABLE_MAIN || m.Type != unix.RTN_UNICAST {
		return
	}
	outs := []uint32{m.Attributes.OutIface}
	for _, hop := range m.Attributes.Multipath {
		outs = append(outs, hop.Hop.IfIndex)
	}
	via, _ := netip.AddrFromSlice(m.Attributes.Gateway)
	for _, out := range outs {
		r := route{out, m.Family, m.Attributes.Priority, via}
		switch {
		case out == 0:
		case !there:
			delete(s.routes, r)
		case len(s.routes) < maxRoutes:
			s.routes[r] = true
		}
	}
}

// check looks for carriers that are lost before the kernel says so. Their
// return it says at once.
func (s *state) check(lost func(name string) bool) (changed bool) {
	for _, l := range s.links {
		if l.known && l.up && !l.loopback && len(l.addresses) > 0 && lost(l.name) {
			l.up, changed = false, true
		}
	}
	return changed
}

// snapshot lists what can be used.
func (s *state) snapshot() Snapshot {
	var out Snapshot
	for index, l := range s.links {
		if !l.known || !l.up || l.loopback || len(l.addresses) == 0 {
			continue
		}
		i := Interface{Index: int(index), Name: l.name, Kind: l.kind, Metric: math.MaxUint32}
		for a := range l.addresses {
			i.Addresses = append(i.Addresses, a)
		}
		slices.SortFunc(i.Addresses, netip.Addr.Compare)
		for r := range s.routes {
			if r.out == index {
				i.Default, i.Metric = true, min(i.Metric, r.metric)
			}
		}
		out.Interfaces = append(out.Interfaces, i)
	}
	for r := range s.routes {
		l := s.links[r.out]
		out.Stale = out.Stale || l == nil || !l.up
	}
	slices.SortFunc(out.Interfaces, prefer)
	return out
}

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
)

// Cable joins two nodes (a veth pair).
type Cable struct {
	A, B *Interface
}

// Interface is one end of a [Cable] or a [Hop].
type Interface struct {
	Node *Node
	Name string // as the node sees it, such as eth0
	peer *Interface
}

// Join lays a cable between two nodes; both ends are up and have no addresses but those that
// the kernel gives (IPv6, link-local; no duplicate address detection). The ends are called eth0, eth1 and so on, one number a cable.
func (l *Lab) Join(a, b *Node) (*Cable, error) {
	l.mu.Lock()
	name := fmt.Sprintf("eth%d", l.cables)
	l.cables++
	l.mu.Unlock()
	c := &Cable{A: &Interface{Node: a, Name: name}, B: &Interface{Node: b, Name: name}}
	c.A.peer, c.B.peer = c.B, c.A
	err := ip("link", "add", name, "netns", a.name, "type", "veth", "peer", "name", name, "netns", b.name)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(c.A.SetUp(true), c.B.SetUp(true))
}

// Plug connects the cable, or pulls it out at end B: A keeps its addresses and
// sees that there is no carrier.
func (c *Cable) Plug(in bool) error { return c.B.SetUp(in) }

// BlockUDP drops, silently as a firewall does, all UDP that comes over the
// cable, in both directions, or stops to.
func (c *Cable) BlockUDP(block bool) error {
	return errors.Join(c.A.blockUDP(block), c.B.blockUDP(block))
}

// blockUDP drops what comes in at an end. It is a rule of routing, as
// packet filters are not in every kernel.
func (i *Interface) blockUDP(block bool) error {
	change := "del"
	if block {
		change = "add"
	}
	var errs []error
	for _, family := range []string{"-4", "-6"} {
		errs = append(errs, i.Node.ip(family, "rule", change, "pref", "10", "iif", i.Name, "ipproto", "udp", "blackhole"))
	}
	return errors.Join(errs...)
}

// SetUp sets the interface up or down by administration. One that goes down
// loses its routes and IPv6 addresses.
func (i *Interface) SetUp(up bool) error {
	state := "down"
	if up {
		state = "up"
	}
	return i.Node.ip("link", "set", "dev", i.Name, state)
}

// AddAddress gives the interface an address, usable at once (no duplicate
// address detection).
func (i *Interface) AddAddress(a netip.Prefix) error {
	args := []string{"addr", "add", a.String(), "dev", i.Name}
	if a.Addr().Is6() {
		args = append(args, "nodad")
	}
	return i.Node.ip(args...)
}

// RemoveAddress takes an address away.
func (i *Interface) RemoveAddress(a netip.Prefix) error {
	return i.Node.ip("addr", "del", a.String(), "dev", i.Name)
}

// ChangeAddress gives the interface another address and takes the old one
// away, in this order, as DHCP does after a move.
func (i *Interface) ChangeAddress(from, to netip.Prefix) error {
	return errors.Join(i.AddAddress(to), i.RemoveAddress(from))
}

// Address is an address in a test network for the k-th cable (from 0): host 1
// to 254 in 198.18.k.0/24 (RFC 2544).
func Address(k, host int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(k), byte(host)}), 24)
}

// Address6 is [Address] in 2001:db8:k::/64 (RFC 3849).
func Address6(k, host int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(k >> 8), byte(k), 15: byte(host)}), 64)
}

package linktest

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
	"github.com/blade-shadow/terminal/internal/peer"
)

const (
	natTime  = 1200 * time.Millisecond // for all of it
	natTries = 3
)

// nat finds out how the NAT on the way maps and filters, from the two ports of
// the host. The host has one address, so what only a second address tells stays
// open. What cannot be found out is "not known".
func (r *run) nat(ctx context.Context, p lane.Path, hello linktest.Message) linktest.NAT {
	unknown := linktest.NAT{Mapping: linktest.BehaviourNotKnown, Filtering: linktest.BehaviourNotKnown}
	if len(hello.Ports) != 2 || hello.Ports[0] == hello.Ports[1] || hello.Key == "" || !p.Local.IsValid() {
		return unknown
	}
	network := r.cfg.Net
	if network == nil {
		var err error
		if network, err = peer.NewNet(); err != nil {
			return unknown
		}
	}
	c, err := network.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.Local, 0)))
	if err != nil {
		return unknown
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, natTime)
	defer cancel()
	m := mirror{conn: c, key: hello.Key}
	for i, port := range hello.Ports {
		m.ports[i] = &net.UDPAddr{IP: p.Remote.Addr().AsSlice(), Port: port, Zone: p.Remote.Addr().Zone()}
	}
	return m.ask(ctx)
}

// mirror asks the host's two ports what we look like.
type mirror struct {
	conn  transport.UDPConn
	key   string
	ports [2]*net.UDPAddr
}

// ask does so in an order in which no answer opens the way for the next: the
// second port is spoken to only after it was to answer uncalled.
func (m *mirror) ask(ctx context.Context) linktest.NAT {
	out := linktest.NAT{Mapping: linktest.BehaviourNotKnown, Filtering: linktest.BehaviourNotKnown}
	first, ok := m.seen(ctx, 0, false)
	if !ok {
		return out
	}
	_, uncalled := m.seen(ctx, 0, true)
	out.Filtering = linktest.BehaviourPerPort
	if uncalled {
		out.Filtering = linktest.BehaviourShared
	}
	own, _ := netip.ParseAddrPort(m.conn.LocalAddr().String()) // zero: then it is not ours
	if netip.AddrPortFrom(own.Addr().Unmap(), own.Port()) == first {
		out.Mapping = linktest.BehaviourNone
		if uncalled {
			out.Filtering = linktest.BehaviourNone
		}
		return out
	}
	if second, ok := m.seen(ctx, 1, false); ok {
		out.Mapping = linktest.BehaviourPerPort
		if second == first {
			out.Mapping = linktest.BehaviourShared
		}
	}
	return out
}

// seen asks a port, for an answer from the other one if swap is set, and returns
// the address that the host saw.
func (m *mirror) seen(ctx context.Context, port int, swap bool) (netip.AddrPort, bool) {
	set := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(m.key)}
	if swap {
		set = append(set, stun.RawAttribute{Type: linktest.ChangeRequest, Value: []byte{0, 0, 0, linktest.ChangePort}})
	}
	msg, err := stun.Build(set...)
	if err != nil {
		return netip.AddrPort{}, false
	}
	deadline, _ := ctx.Deadline()
	per := max(time.Until(deadline)/(2*natTries), 20*time.Millisecond)
	for range natTries {
		if _, err := m.conn.WriteTo(msg.Raw, m.ports[port]); err != nil {
			return netip.AddrPort{}, false
		}
		if a, ok := m.wait(msg.TransactionID, time.Now().Add(per)); ok {
			return a, true
		}
		if ctx.Err() != nil {
			break
		}
	}
	return netip.AddrPort{}, false
}

// wait reads until the answer with that number comes or it is too late.
func (m *mirror) wait(id [stun.TransactionIDSize]byte, until time.Time) (netip.AddrPort, bool) {
	if m.conn.SetReadDeadline(until) != nil {
		return netip.AddrPort{}, false
	}
	buf := make([]byte, 512)
	for {
		n, _, err := m.conn.ReadFrom(buf)
		if err != nil {
			return netip.AddrPort{}, false
		}
		if a, ok := parseMirrored(buf[:n], id); ok {
			return a, true
		}
	}
}

// parseMirrored reads the address in the answer to a request.
func parseMirrored(b []byte, id [stun.TransactionIDSize]byte) (netip.AddrPort, bool) {
	if !stun.IsMessage(b) {
		return netip.AddrPort{}, false
	}
	msg := &stun.Message{Raw: append([]byte(nil), b...)}
	var a stun.XORMappedAddress
	if msg.Decode() != nil || msg.TransactionID != id || msg.Type != stun.BindingSuccess || a.GetFrom(msg) != nil {
		return netip.AddrPort{}, false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), ok && a.Port > 0 && a.Port <= 65535
}

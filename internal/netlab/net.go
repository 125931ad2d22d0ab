package netlab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// Net is a transport.Net whose UDP sockets have an impaired link to
// everything: what they send passes one direction of a profile, what they
// receive the other. All its sockets share the link. TCP and names pass
// unchanged.
//
// A socket starts two or three goroutines of its own, as the kernel would work for
// it; Close ends them once what was sent before has left. [Net.Wait] waits
// for the last. Over sockets of the kernel time is real; over those of a
// virtual network (pion's vnet) it may run in a testing/synctest bubble.
type Net struct {
	transport.Net // for what is not impaired

	link   *link
	isHost bool
	open   sync.WaitGroup
}

var _ transport.Net = (*Net)(nil)

// NewNet returns a network for the terminal's end of a link: what its
// sockets send passes Profile.Up, what they receive Profile.Down. With inner
// nil it is over the kernel's (stdnet). The profile's time begins now.
func NewNet(inner transport.Net, seed uint64, p Profile) *Net {
	if inner == nil {
		std, err := stdnet.NewNet()
		if err != nil {
			std = &stdnet.Net{} // knows no interfaces, which is how that error shows
		}
		inner = std
	}
	return &Net{Net: inner, link: newLink(seed, p)}
}

// NewHostNet is [NewNet] for the host's end.
func NewHostNet(inner transport.Net, seed uint64, p Profile) *Net {
	n := NewNet(inner, seed, p)
	n.isHost = true
	return n
}

// SetProfile changes the link; the profile's time begins now. Packets on
// their way arrive as they would have.
func (n *Net) SetProfile(p Profile) { n.link.setProfile(p) }

// Blackout loses everything in both directions for d from now on; 0 ends it.
func (n *Net) Blackout(d time.Duration) { n.link.blackout(d) }

// Stats returns what happened in both directions so far.
func (n *Net) Stats() (up, down ModelStats) { return n.link.stats() }

// Wait returns when all sockets are closed and nothing is on its way.
func (n *Net) Wait() { n.open.Wait() }

// ListenUDP opens an impaired socket.
func (n *Net) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	return n.impair(c)
}

// ListenPacket opens an impaired socket, if network is one of UDP's.
func (n *Net) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := n.Net.ListenPacket(network, address)
	if err != nil || !isUDP(network) {
		return c, err
	}
	return n.impairAny(c)
}

// DialUDP opens an impaired connected socket.
func (n *Net) DialUDP(network string, laddr, raddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.DialUDP(network, laddr, raddr)
	if err != nil {
		return nil, err
	}
	return n.impair(c)
}

// Dial opens a connection, an impaired one if network is one of UDP's.
func (n *Net) Dial(network, address string) (net.Conn, error) {
	c, err := n.Net.Dial(network, address)
	if err != nil || !isUDP(network) {
		return c, err
	}
	return n.impairAny(c)
}

// CreateDialer returns a dialer whose UDP connections are impaired.
func (n *Net) CreateDialer(d *net.Dialer) transport.Dialer {
	return dialer{n, n.Net.CreateDialer(d)}
}

type dialer struct {
	net   *Net
	inner transport.Dialer
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.inner.Dial(network, address)
	if err != nil || !isUDP(network) {
		return c, err
	}
	return d.net.impairAny(c)
}

// CreateListenConfig returns a configuration whose UDP sockets are impaired.
func (n *Net) CreateListenConfig(c *net.ListenConfig) transport.ListenConfig {
	return listenConfig{n, n.Net.CreateListenConfig(c)}
}

type listenConfig struct {
	net   *Net
	inner transport.ListenConfig
}

func (l listenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return l.inner.Listen(ctx, network, address)
}

func (l listenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	c, err := l.inner.ListenPacket(ctx, network, address)
	if err != nil || !isUDP(network) {
		return c, err
	}
	return l.net.impairAny(c)
}

func isUDP(network string) bool { return strings.HasPrefix(network, "udp") }

// impairAny is impair for a socket of whatever type; it takes ownership of c.
func (n *Net) impairAny(c interface{ Close() error }) (transport.UDPConn, error) {
	u, ok := c.(transport.UDPConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("impair a socket: %T is no transport.UDPConn", c)
	}
	return n.impair(u)
}

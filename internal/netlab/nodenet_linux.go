package netlab

import (
	"context"
	"net"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// nodeNet is a transport.Net whose sockets are on a node.
type nodeNet struct{ node *Node }

var _ transport.Net = nodeNet{}

// Net returns a network whose sockets and interfaces are the node's,
// whichever goroutine uses it: for client.Config, host.Config or [NewNet].
// Addresses are literal; there are no names on a node.
func (n *Node) Net() transport.Net { return nodeNet{n} }

// DialContext opens a connection from the node, for http.Transport.
func (n *Node) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return on(n, func() (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) })
}

// Listen opens a listener on the node, for an http.Server.
func (n *Node) Listen(network, address string) (net.Listener, error) {
	return on(n, func() (net.Listener, error) { return net.Listen(network, address) })
}

// on calls f on a node.
func on[T any](n *Node, f func() (T, error)) (v T, err error) {
	err = n.Do(func() error {
		v, err = f()
		return err
	})
	return v, err
}

// std calls f on the node with the standard network as it is there now.
func std[T any](n nodeNet, f func(*stdnet.Net) (T, error)) (T, error) {
	return on(n.node, func() (T, error) {
		s, err := stdnet.NewNet()
		if err != nil {
			var none T
			return none, err
		}
		return f(s)
	})
}

func (n nodeNet) ListenPacket(network, address string) (net.PacketConn, error) {
	return on(n.node, func() (net.PacketConn, error) { return net.ListenPacket(network, address) })
}

func (n nodeNet) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := on(n.node, func() (*net.UDPConn, error) { return net.ListenUDP(network, laddr) })
	if err != nil {
		return nil, err
	}
	// A smaller buffer is a slower session, not a failed one.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return c, nil
}

func (n nodeNet) ListenTCP(network string, laddr *net.TCPAddr) (transport.TCPListener, error) {
	return std(n, func(s *stdnet.Net) (transport.TCPListener, error) { return s.ListenTCP(network, laddr) })
}

func (n nodeNet) Dial(network, address string) (net.Conn, error) {
	return on(n.node, func() (net.Conn, error) { return net.Dial(network, address) })
}

func (n nodeNet) DialUDP(network string, laddr, raddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := on(n.node, func() (*net.UDPConn, error) { return net.DialUDP(network, laddr, raddr) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (n nodeNet) DialTCP(network string, laddr, raddr *net.TCPAddr) (transport.TCPConn, error) {
	c, err := on(n.node, func() (*net.TCPConn, error) { return net.DialTCP(network, laddr, raddr) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (n nodeNet) ResolveIPAddr(network, address string) (*net.IPAddr, error) {
	return net.ResolveIPAddr(network, address)
}

func (n nodeNet) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	return net.ResolveUDPAddr(network, address)
}

func (n nodeNet) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	return net.ResolveTCPAddr(network, address)
}

func (n nodeNet) Interfaces() ([]*transport.Interface, error) {
	return std(n, func(s *stdnet.Net) ([]*transport.Interface, error) { return s.Interfaces() })
}

func (n nodeNet) InterfaceByIndex(index int) (*transport.Interface, error) {
	return std(n, func(s *stdnet.Net) (*transport.Interface, error) { return s.InterfaceByIndex(index) })
}

func (n nodeNet) InterfaceByName(name string) (*transport.Interface, error) {
	return std(n, func(s *stdnet.Net) (*transport.Interface, error) { return s.InterfaceByName(name) })
}

func (n nodeNet) CreateDialer(d *net.Dialer) transport.Dialer { return nodeDialer{n.node, d} }

type nodeDialer struct {
	node  *Node
	inner *net.Dialer
}

func (d nodeDialer) Dial(network, address string) (net.Conn, error) {
	return on(d.node, func() (net.Conn, error) { return d.inner.Dial(network, address) })
}

func (n nodeNet) CreateListenConfig(c *net.ListenConfig) transport.ListenConfig {
	return nodeListenConfig{n.node, c}
}

type nodeListenConfig struct {
	node  *Node
	inner *net.ListenConfig
}

func (l nodeListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return on(l.node, func() (net.Listener, error) { return l.inner.Listen(ctx, network, address) })
}

func (l nodeListenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return on(l.node, func() (net.PacketConn, error) { return l.inner.ListenPacket(ctx, network, address) })
}

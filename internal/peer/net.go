package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"golang.org/x/sys/unix"
)

// socketBuffer is asked of the kernel for each UDP socket: with its default of
// 208 KiB an unpaced 100 Mb/s stream loses 41 % of its packets.
const socketBuffer = 4 << 20

// dialTimeout bounds how long a relay is called.
const dialTimeout = 5 * time.Second

// NewNet returns the kernel's network with large socket buffers and with the
// interfaces that there are when they are asked for.
func NewNet() (transport.Net, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	return &kernel{Net: n}, nil
}

// NewBoundNet is NewNet, and what is sent from an address leaves by the
// interface that owner names for it, whatever the routes say: a cable without
// a carrier keeps its default route for seconds. owner returns "" for
// addresses that go by the routes; the zero address stands for none in
// particular. Sockets are opened on goroutines of pion.
func NewBoundNet(owner func(netip.Addr) string) (transport.Net, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	return &kernel{Net: n, owner: owner}, nil
}

// kernel is the standard network. Its UDP sockets are bare *net.UDPConn, which
// pion needs for its fast path.
type kernel struct {
	*stdnet.Net
	owner func(netip.Addr) string // nil: none is bound
}

// ListenUDP opens a socket and enlarges its buffers as far as the kernel
// lets us (net.core.rmem_max, wmem_max).
func (n *kernel) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	var lc net.ListenConfig
	address := ":0"
	if laddr != nil {
		address = laddr.String()
		if a, ok := netip.AddrFromSlice(laddr.IP); ok && n.owner != nil {
			lc.Control = BindTo(n.owner(a.Unmap()))
		}
	}
	p, err := lc.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	c, ok := p.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("network %q is not UDP: %w", network, net.UnknownNetworkError(network))
	}
	// A smaller buffer is a slower session, not a failed one.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return c, nil
}

// DialTCP connects to a relay.
func (n *kernel) DialTCP(network string, laddr, raddr *net.TCPAddr) (transport.TCPConn, error) {
	if laddr != nil || n.owner == nil {
		return net.DialTCP(network, laddr, raddr)
	}
	d := net.Dialer{Timeout: dialTimeout, Control: BindTo(n.owner(netip.Addr{}))}
	c, err := d.Dial(network, raddr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// Interfaces lists the interfaces of this moment.
func (n *kernel) Interfaces() ([]*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// BindTo returns what binds a socket to an interface before it is used
// (SO_BINDTODEVICE, which needs no privilege since Linux 5.7), nil for "". A
// kernel that refuses leaves the way to its routes.
func BindTo(name string) func(network, address string, c syscall.RawConn) error {
	if name == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.BindToDevice(int(fd), name) })
	}
}

// IsLoopback reports whether only this machine can be meant by a host's name or
// address, as it stands in a URL without its brackets.
func IsLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

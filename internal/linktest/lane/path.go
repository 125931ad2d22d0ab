package lane

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// Path is how the packets go.
type Path struct {
	Local     netip.Addr // of this machine's interface, where it is known
	LocalPort uint16     // of the socket
	Remote    netip.AddrPort
	TCP       bool // the first hop is TCP
	Relayed   bool // a TURN server is between
}

// IPHeader is how long the packets' IP header is.
func (p Path) IPHeader() int {
	if p.Remote.Addr().Unmap().Is4() {
		return 20
	}
	return 40
}

// Path returns the chosen one, ok once there is one.
func (l *Lane) Path() (p Path, ok bool) {
	s := l.pc.SCTP()
	if s == nil || s.Transport() == nil || s.Transport().ICETransport() == nil {
		return p, false
	}
	pair, err := s.Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return p, false
	}
	p.TCP = pair.Local.Protocol == webrtc.ICEProtocolTCP
	p.Relayed = pair.Local.Typ == webrtc.ICECandidateTypeRelay || pair.Remote.Typ == webrtc.ICECandidateTypeRelay
	local, port := pair.Local.Address, pair.Local.Port
	if pair.Local.Typ != webrtc.ICECandidateTypeHost && pair.Local.RelatedAddress != "" {
		local, port = pair.Local.RelatedAddress, pair.Local.RelatedPort
	}
	p.Local, _ = netip.ParseAddr(local) // unknown stays zero
	p.LocalPort = port
	if a, err := netip.ParseAddr(pair.Remote.Address); err == nil {
		p.Remote = netip.AddrPortFrom(a, pair.Remote.Port)
	}
	return p, true
}

// SocketDrops is how many packets the kernel threw away because this program
// did not read the lane's socket in time; -1 where it does not say.
func (l *Lane) SocketDrops() int {
	p, ok := l.Path()
	if !ok || p.TCP || p.Relayed {
		return -1
	}
	total := -1
	for _, name := range [...]string{"/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if n := readDrops(f, p.LocalPort); n >= 0 {
			total = max(total, 0) + n
		}
		_ = f.Close() // it was only read
	}
	return total
}

// readDrops adds up the last column of the sockets with that local port, in the
// format of /proc/net/udp; -1: there is none.
func readDrops(r io.Reader, port uint16) int {
	total := -1
	s := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) < 13 {
			continue
		}
		_, at, ok := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(at, 16, 16); !ok || err != nil || uint16(n) != port {
			continue
		}
		if n, err := strconv.ParseUint(f[len(f)-1], 10, 31); err == nil {
			total = max(total, 0) + int(n)
		}
	}
	return total
}

// whole is a network whose UDP packets are not cut up on the way: routers drop
// what is too large for them, and a probe shows it. The kernel refuses what is
// too large for the interface.
type whole struct{ transport.Net }

// ListenUDP opens a socket with "don't fragment".
func (w whole) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := w.Net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		dontFragment(u)
	}
	return c, nil
}

// dontFragment sets it for both families. Where the kernel refuses, probes find
// sizes that are cut up; nothing else is wrong then.
func dontFragment(c *net.UDPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	})
}

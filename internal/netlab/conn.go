package netlab

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/deadline"
)

const (
	socketBuffer = 4 << 20 // bytes asked of the kernel for each socket
	inboxCap     = 8 << 20 // bytes that wait for Read, as a socket buffer would hold
	maxDatagram  = 65535
)

// conn is an impaired UDP socket. Packets wait on two lines: out leads to the
// socket, in leads from it to the inbox that Read empties.
type conn struct {
	transport.UDPConn // the socket itself

	net      *Net
	out      *line[*net.UDPAddr] // to nil: to the socket's peer
	in       *line[*net.UDPAddr]
	deadline *deadline.Deadline
	wake     chan struct{} // one token: the inbox may have something
	closed   chan struct{}
	once     sync.Once

	mu    sync.Mutex
	inbox []arrival // first come first served from head on
	head  int
	bytes int // in inbox
}

// arrival is a packet, or an error of the socket, that waits for Read.
type arrival struct {
	buf  []byte // in's
	from *net.UDPAddr
	err  error
}

// impair puts a link before a socket, which it owns from now on.
func (n *Net) impair(inner transport.UDPConn) (transport.UDPConn, error) {
	// A smaller buffer is a slower session, not a failed one.
	_ = inner.SetReadBuffer(socketBuffer)
	_ = inner.SetWriteBuffer(socketBuffer)
	c := &conn{
		UDPConn: inner, net: n, deadline: deadline.New(),
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	alarms, err := alarmsFor(inner)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	c.out = newLine(n.link.start, alarms[0], c.transmit)
	c.in = newLine(n.link.start, alarms[1], c.arrive)
	n.open.Go(func() {
		c.out.run()
		_ = c.UDPConn.Close()
	})
	n.open.Go(c.in.run)
	n.open.Go(c.receive)
	return c, nil
}

// alarmsFor returns precise alarms for a socket of the kernel, and ones that a
// synctest bubble understands for others.
func alarmsFor(c transport.UDPConn) ([2]alarm, error) {
	if _, kernel := c.(*net.UDPConn); kernel {
		return preciseAlarms()
	}
	return [2]alarm{newTimerAlarm(), newTimerAlarm()}, nil
}

// receive reads the socket until it is closed.
func (c *conn) receive() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := c.UDPConn.ReadFromUDP(buf)
		select {
		case <-c.closed:
			return
		default:
		}
		if err != nil {
			// Such as an ICMP error on a connected socket: Read reports it.
			c.put(arrival{err: err})
			if errors.Is(err, net.ErrClosed) || !temporary(err) {
				return
			}
			continue
		}
		c.send(c.in, c.net.isHost, buf[:n], from)
	}
}

// temporary reports whether a socket goes on after an error. Only errors of
// the system can pass.
func temporary(err error) bool {
	var system *os.SyscallError
	return errors.As(err, &system)
}

// send passes a packet into the link and what is left of it onto a line.
func (c *conn) send(l *line[*net.UDPAddr], up bool, packet []byte, addr *net.UDPAddr) {
	arrivals, n := c.net.link.send(up, len(packet))
	for _, due := range arrivals[:n] {
		l.push(due, packet, addr)
	}
}

// arrive moves a packet from its line into the inbox.
func (c *conn) arrive(buf []byte, from *net.UDPAddr, _ time.Duration) {
	if !c.put(arrival{buf: buf, from: from}) {
		c.in.recycle(buf)
	}
}

// put adds to the inbox; a full one drops what is new, as the kernel does.
func (c *conn) put(a arrival) bool {
	c.mu.Lock()
	full := c.bytes+len(a.buf) > inboxCap || len(c.inbox)-c.head > inboxCap/slabSize*8
	if !full {
		c.bytes += len(a.buf)
		c.inbox = append(c.inbox, a)
	}
	c.mu.Unlock()
	c.signal()
	return !full
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take removes the first of the inbox.
func (c *conn) take() (a arrival, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.head == len(c.inbox) {
		return a, false
	}
	a = c.inbox[c.head]
	c.inbox[c.head] = arrival{}
	c.head++
	c.bytes -= len(a.buf)
	if c.head == len(c.inbox) {
		c.inbox, c.head = c.inbox[:0], 0
	} else {
		c.signal() // for another reader
		if c.head >= 1024 && c.head*2 >= len(c.inbox) {
			c.inbox, c.head = c.inbox[:copy(c.inbox, c.inbox[c.head:])], 0
		}
	}
	return a, true
}

// transmit gives a packet to the socket when it is due.
func (c *conn) transmit(buf []byte, to *net.UDPAddr, _ time.Duration) {
	// What cannot be sent is lost, which is what this package is about.
	if to == nil {
		_, _ = c.UDPConn.Write(buf)
	} else {
		_, _ = c.UDPConn.WriteToUDP(buf, to)
	}
	c.out.recycle(buf)
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}

// read waits for the next packet.
func (c *conn) read(b []byte) (int, *net.UDPAddr, error) {
	for {
		select {
		case <-c.closed:
			return 0, nil, c.opError("read", net.ErrClosed)
		case <-c.deadline.Done():
			return 0, nil, c.opError("read", os.ErrDeadlineExceeded)
		default:
		}
		if a, ok := c.take(); ok {
			if a.err != nil {
				return 0, nil, a.err
			}
			n := copy(b, a.buf)
			c.in.recycle(a.buf)
			return n, a.from, nil
		}
		select {
		case <-c.wake:
		case <-c.closed:
		case <-c.deadline.Done():
		}
	}
}

func (c *conn) Read(b []byte) (int, error) {
	n, _, err := c.read(b)
	return n, err
}

func (c *conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.read(b)
	if err != nil {
		return n, nil, err
	}
	return n, from, nil
}

func (c *conn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) { return c.read(b) }

func (c *conn) ReadMsgUDP(b, _ []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, addr, err = c.read(b)
	return n, 0, 0, addr, err
}

// write sends a packet; as with a socket of the kernel nobody learns what
// becomes of it.
func (c *conn) write(b []byte, to *net.UDPAddr) (int, error) {
	select {
	case <-c.closed:
		return 0, c.opError("write", net.ErrClosed)
	default:
	}
	if len(b) > maxDatagram {
		return 0, c.opError("write", errors.New("message too long"))
	}
	c.send(c.out, !c.net.isHost, b, to)
	return len(b), nil
}

func (c *conn) Write(b []byte) (int, error) {
	if c.RemoteAddr() == nil {
		return c.UDPConn.Write(b) // fails, with the socket's own words
	}
	return c.write(b, nil)
}

func (c *conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.opError("write", errors.New("the address is not one of UDP"))
	}
	return c.WriteToUDP(b, to)
}

func (c *conn) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	if to == nil {
		return 0, c.opError("write", errors.New("missing address"))
	}
	// The caller may change the address after the call.
	return c.write(b, net.UDPAddrFromAddrPort(to.AddrPort()))
}

func (c *conn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if to == nil {
		n, err = c.Write(b)
	} else {
		n, err = c.WriteToUDP(b, to)
	}
	return n, len(oob), err
}

func (c *conn) SetDeadline(t time.Time) error      { return c.SetReadDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error  { c.deadline.Set(t); return nil }
func (c *conn) SetWriteDeadline(_ time.Time) error { return nil } // no write waits

// Close ends reading at once. The socket itself is closed when what was
// written before has left it, as it would be on its way by then.
func (c *conn) Close() error {
	err := c.opError("close", net.ErrClosed)
	c.once.Do(func() {
		close(c.closed)
		err = c.UDPConn.SetReadDeadline(time.Unix(1, 0)) // wakes receive
		c.in.end(true)
		c.out.end(false)
	})
	return err
}

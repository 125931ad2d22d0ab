package linktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/peer"
)

const (
	// maxAnswers bounds what a mirror sends in a test.
	maxAnswers = 64
	maxSTUN    = 512 // bytes of a request that are read
	maxErrors  = 64  // of reading, after which a port is given up
)

// mirror is two UDP ports that tell who asks what its address looks like from
// here (RFC 8489, 2; RFC 5780, 4). It answers only requests with this test's
// key, never with more bytes than it got, and so many in all: it cannot be used
// to send somebody else something.
type mirror struct {
	key     string
	sockets [2]transport.UDPConn
	answers int // owned by run
}

// openMirror opens the two ports.
func openMirror(cfg Config) (*mirror, error) {
	network := cfg.Net
	if network == nil {
		var err error
		if network, err = peer.NewNet(); err != nil {
			return nil, err
		}
	}
	var at net.IP // every one of this machine's addresses
	if cfg.Loopback {
		at = net.IPv4(127, 0, 0, 1)
	}
	m := &mirror{key: rand.Text()}
	for i := range m.sockets {
		c, err := network.ListenUDP("udp", &net.UDPAddr{IP: at})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open a port for the NAT's kind: %w", err), m.close())
		}
		m.sockets[i] = c
	}
	return m, nil
}

func (m *mirror) ports() (ports []int) {
	for _, c := range m.sockets {
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
			ports = append(ports, a.Port)
		}
	}
	return ports
}

func (m *mirror) close() error {
	var errs []error
	for _, c := range m.sockets {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// request is one that came, for the goroutine that answers.
type request struct {
	port int // index of the socket it came to
	from net.Addr
	id   [stun.TransactionIDSize]byte
	swap bool
	size int
}

// run answers until ctx ends; it closes the ports.
func (m *mirror) run(ctx context.Context) error {
	requests := make(chan request, 8) // never closed; a full one drops
	g := errgroup.Group{}
	for i, c := range m.sockets {
		g.Go(func() error { m.read(i, c, requests); return nil })
	}
	for m.answers < maxAnswers {
		select {
		case <-ctx.Done():
			err := m.close()
			return errors.Join(g.Wait(), err)
		case r := <-requests:
			m.answer(r)
		}
	}
	<-ctx.Done()
	err := m.close()
	return errors.Join(g.Wait(), err)
}

// read takes what comes to one port until it closes.
func (m *mirror) read(port int, c transport.UDPConn, out chan<- request) {
	buf := make([]byte, maxSTUN)
	for bad := 0; bad < maxErrors; {
		n, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			bad++ // the ICMP error of an earlier answer, for example
			continue
		}
		r, ok := parseRequest(buf[:n], m.key)
		if !ok {
			continue
		}
		r.port, r.from = port, from
		select {
		case out <- r:
		default:
		}
	}
}

// parseRequest reads a binding request that has the key as its USERNAME.
func parseRequest(b []byte, key string) (r request, ok bool) {
	if !stun.IsMessage(b) {
		return r, false
	}
	msg := &stun.Message{Raw: append([]byte(nil), b...)}
	if msg.Decode() != nil || msg.Type != stun.BindingRequest {
		return r, false
	}
	name, err := msg.Get(stun.AttrUsername)
	if err != nil || string(name) != key {
		return r, false
	}
	if v, err := msg.Get(linktest.ChangeRequest); err == nil && len(v) == 4 {
		r.swap = v[3]&linktest.ChangePort != 0
	}
	r.id, r.size = msg.TransactionID, len(b)
	return r, true
}

// answer tells a request's sender its address, from the other port if wanted.
func (m *mirror) answer(r request) {
	from, ok := r.from.(*net.UDPAddr)
	if !ok {
		return
	}
	msg, err := stun.Build(stun.NewTransactionIDSetter(r.id), stun.BindingSuccess, &stun.XORMappedAddress{IP: from.IP, Port: from.Port})
	if err != nil || len(msg.Raw) > r.size {
		return
	}
	port := r.port
	if r.swap {
		port = 1 - port
	}
	m.answers++
	_, _ = m.sockets[port].WriteTo(msg.Raw, from) // lost like any datagram
}

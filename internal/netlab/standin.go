package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// maxStandIns is how many sockets face one side; beyond it the one that was
// idle for longest makes room.
const maxStandIns = 64

var errNotRunning = errors.New("the relay does not run")

// standIn is a socket that stands for one address of a side: it faces the
// other side, which sends it what is meant for that address and sees what
// comes from there as coming from the socket.
type standIn struct {
	facing side
	conn   *net.UDPConn
	local  netip.AddrPort
	peer   netip.AddrPort // whom it stands for; not valid: nobody yet
	used   uint64         // the relay's clock at the last use
}

func (r *Relay) address(facing side) netip.Addr {
	if facing == viewer {
		return r.cfg.ViewerFacing
	}
	return r.cfg.HostFacing
}

// standInFor returns the socket facing a side that stands for peer, which is
// on the other. Of those that no candidate announced the first gets the
// reserved one.
func (r *Relay) standInFor(facing side, peer netip.AddrPort, announced bool) (*standIn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	s := r.standIns[facing][peer]
	if s == nil {
		if s = r.reserved[facing]; s != nil && !announced {
			r.reserved[facing] = nil
		} else {
			var err error
			if s, err = r.openLocked(facing); err != nil {
				return nil, err
			}
		}
		s.peer = peer
		r.makeRoomLocked(facing)
		r.standIns[facing][peer] = s
	}
	s.used = r.clock
	return s, nil
}

// reserve returns the socket facing a side that will stand for the first
// address of the other which was not announced.
func (r *Relay) reserve(facing side) (*standIn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reserved[facing] == nil {
		s, err := r.openLocked(facing)
		if err != nil {
			return nil, err
		}
		r.reserved[facing] = s
	}
	return r.reserved[facing], nil
}

// makeRoomLocked closes the socket that was idle for longest when all are used.
func (r *Relay) makeRoomLocked(facing side) {
	if len(r.standIns[facing]) < maxStandIns {
		return
	}
	var oldest *standIn
	for _, s := range r.standIns[facing] {
		if oldest == nil || s.used < oldest.used {
			oldest = s
		}
	}
	delete(r.standIns[facing], oldest.peer)
	r.dropped[facing] += dropsOf([]*net.UDPConn{oldest.conn})
	_ = oldest.conn.Close()
}

// openAtLocked returns the sockets that face a side.
func (r *Relay) openAtLocked(facing side) []*net.UDPConn {
	var conns []*net.UDPConn
	for _, s := range r.standIns[facing] {
		conns = append(conns, s.conn)
	}
	if s := r.reserved[facing]; s != nil {
		conns = append(conns, s.conn)
	}
	return conns
}

// openLocked opens a socket and starts to read it.
func (r *Relay) openLocked(facing side) (*standIn, error) {
	if !r.running {
		return nil, errNotRunning
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.address(facing), 0)))
	if err != nil {
		return nil, fmt.Errorf("open a relay socket: %w", err)
	}
	// A smaller buffer loses packets under load, which Stats cannot show.
	if errors.Join(conn.SetReadBuffer(socketBuffer), conn.SetWriteBuffer(socketBuffer)) != nil {
		r.log.Warn("relay socket has small buffers")
	}
	s := &standIn{facing: facing, conn: conn, local: unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())}
	r.readers.Go(func() { r.read(s) })
	return s, nil
}

// read carries what comes to a socket until it is closed.
func (r *Relay) read(s *standIn) {
	buf := make([]byte, maxDatagram)
	for failures := 0; failures < 100; {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failures++ // such as an ICMP error of a packet before: the socket goes on
			continue
		}
		failures = 0
		// Whom the sender is for the other side is learnt even from a packet
		// that goes nowhere yet.
		out, err := r.standInFor(s.facing.other(), unmap(from), false)
		if err != nil {
			r.stray[s.facing].Add(1)
			continue
		}
		to := r.peerOf(s)
		if !to.IsValid() || to.Addr().Is4() != out.local.Addr().Is4() {
			r.stray[s.facing].Add(1)
			continue
		}
		r.forward(s.facing, buf[:n], destination{out.conn, to})
	}
}

// peerOf returns whom a socket stands for and notes the use.
func (r *Relay) peerOf(s *standIn) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.used = r.clock
	return s.peer
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

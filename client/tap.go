package client

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5/packetio"
)

// tap takes every decrypted packet at the moment pion has it. pion's
// BufferFactory asks for one buffer an SSRC; ours passes what is written to
// it on at once and has nothing to read until it is closed.
type tap struct {
	rtp  func(ssrc uint32, packet []byte) // SRTP goroutine; packet is only lent
	rtcp func(packet []byte)              // SRTCP goroutine; packet is only lent
	// flood is told, once, of a host that sends more sources than a session can
	// have: pion keeps memory for each, so the session has to end. Either of the
	// goroutines above; it must not block.
	flood func()

	sources atomic.Int32
}

// maxSources is how many sources, by SSRC, one kind of each, a host may have
// sent: two screens with repairs and FEC, sound and RTCP for each need 14, and
// a host that begins anew gets others.
const maxSources = 256

func (t *tap) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	s := &tapStream{closed: make(chan struct{})}
	if n := t.sources.Add(1); n > maxSources {
		if n == maxSources+1 {
			t.flood()
		}
		s.sink = func([]byte) {}
		return s
	}
	if kind == packetio.RTCPBufferPacket {
		s.sink = t.rtcp
	} else {
		s.sink = func(b []byte) { t.rtp(ssrc, b) }
	}
	return s
}

type tapStream struct {
	sink   func([]byte)
	closed chan struct{}
	once   sync.Once
}

func (s *tapStream) Write(b []byte) (int, error) {
	s.sink(b)
	return len(b), nil
}

// Read serves pion's own readers, which get nothing and wait for the end.
func (s *tapStream) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

func (s *tapStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

package client

import (
	"io"
	"sync"

	"github.com/pion/transport/v5/packetio"
)

// tap takes every decrypted packet at the moment pion has it. pion's
// BufferFactory asks for one buffer an SSRC; ours passes what is written to
// it on at once and has nothing to read until it is closed.
type tap struct {
	rtp  func(ssrc uint32, packet []byte) // SRTP goroutine; packet is only lent
	rtcp func(packet []byte)              // SRTCP goroutine; packet is only lent
}

func (t *tap) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	s := &tapStream{closed: make(chan struct{})}
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

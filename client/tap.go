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
	// flood is told, once, of a host that sends more sources than a session can
	// have: pion keeps memory for each, so the session has to end. Either of the
	// goroutines above; it must not block.
	flood func()

	mu      sync.Mutex // guards below; held over nothing else
	sources map[source]struct{}
	flooded bool
}

// source is one SSRC of RTP or RTCP.
type source struct {
	kind packetio.BufferPacketType
	ssrc uint32
}

// maxSources is how many sources, by SSRC, one kind of each, a host may have
// sent: two screens with repairs and FEC, sound and RTCP for each need 14, and
// a host that begins anew gets others.
const maxSources = 256

func (t *tap) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	s := &tapStream{closed: make(chan struct{})}
	admitted, first := t.admit(source{kind, ssrc})
	if !admitted {
		if first {
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

// admit notes a source. While a connection is closed pion closes the buffers of
// its sources, and asks for others when packets were on their way: those are
// not more sources. first is true for the first that is too many.
func (t *tap) admit(s source) (admitted, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sources == nil {
		t.sources = make(map[source]struct{})
	}
	if _, known := t.sources[s]; known {
		return true, false
	}
	if len(t.sources) < maxSources {
		t.sources[s] = struct{}{}
		return true, false
	}
	first = !t.flooded
	t.flooded = true
	return false, first
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

package lane

import (
	"io"
	"sync"
	"time"

	"github.com/pion/transport/v5/packetio"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// buffer is pion's BufferFactory: every decrypted packet reaches us on the
// goroutine that decrypted it, which is when it counts as arrived.
func (l *Lane) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	s := &stream{closed: make(chan struct{})}
	if kind == packetio.RTPBufferPacket {
		s.lane = l
	}
	return s
}

// stream is the buffer of one SSRC; nothing is ever read of it.
type stream struct {
	lane   *Lane // nil: RTCP, which the test has no use for
	closed chan struct{}
	once   sync.Once
}

// Write takes a packet, which is only lent.
func (s *stream) Write(b []byte) (int, error) {
	if s.lane != nil {
		s.lane.take(b)
	}
	return len(b), nil
}

// Read waits for the end.
func (s *stream) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

// Close ends readers.
func (s *stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// take sorts an inbound packet.
func (l *Lane) take(b []byte) {
	now := l.now()
	p, payload, err := linktest.ParseRTP(b)
	l.mu.Lock()
	tooMuch := l.flood.add(now, len(b))
	if err == nil && !tooMuch {
		l.takeLocked(p, payload, now)
	}
	l.mu.Unlock()
	if tooMuch {
		l.onceFlood.Do(func() { close(l.flooded) })
		return
	}
	if err == nil {
		l.answer(p, payload, now)
	}
}

func (l *Lane) takeLocked(p linktest.Packet, payload int, now time.Duration) {
	switch p.Kind {
	case linktest.KindMedia:
		if l.meter != nil && p.Step == l.step {
			l.meter.Packet(p.Number, p.Sent, now, payload)
		}
	case linktest.KindPing:
		l.baseLocked(now - p.Sent)
	case linktest.KindPong:
		l.baseLocked(now - p.Sent)
		l.pings.pong(p.Echo, now)
	case linktest.KindProbeAck, linktest.KindProbeBack:
		if int64(p.Number) < int64(len(l.probes)) {
			l.probes[p.Number].there = true
			l.probes[p.Number].back = l.probes[p.Number].back || p.Kind == linktest.KindProbeBack
		}
	}
}

func (l *Lane) baseLocked(d time.Duration) {
	if !l.based || d < l.base {
		l.base, l.based = d, true
	}
}

// answer replies to pings and probes, as often as echo allows.
func (l *Lane) answer(p linktest.Packet, payload int, now time.Duration) {
	switch p.Kind {
	case linktest.KindPing:
		if l.echo.allow(now) {
			l.small(linktest.Packet{Kind: linktest.KindPong, Number: p.Number, Sent: l.now(), Echo: p.Sent})
		}
	case linktest.KindProbe:
		if p.Number <= linktest.MaxProbe && l.echo.probe(now) {
			l.small(linktest.Packet{Kind: linktest.KindProbeAck, Number: p.Number, Sent: l.now()})
			l.sized(linktest.Packet{Kind: linktest.KindProbeBack, Number: p.Number, Sent: l.now()}, min(payload, maxPayload))
		}
	}
}

// Begin gives what arrives of a step to m, which is the lane's until End.
func (l *Lane) Begin(step uint8, m *linktest.Meter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step, l.meter = step, m
}

// End takes the meter back and returns it with the least difference of the two
// clocks that was ever seen in this direction.
func (l *Lane) End() (m *linktest.Meter, base time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, l.meter = l.meter, nil
	if m == nil {
		return nil, l.base
	}
	if floor, ok := m.Floor(); ok {
		l.baseLocked(floor)
	}
	return m, l.base
}

// echo bounds what the other end can make us send: pongs one in 5 ms in the long
// run, and 64 probes a test.
type echo struct {
	mu     sync.Mutex // guards below
	tokens time.Duration
	last   time.Duration
	probes int
}

const (
	echoEvery = 5 * time.Millisecond
	echoBurst = 64
	maxProbes = 64
)

func (e *echo) allow(now time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tokens = min(e.tokens+now-e.last, echoBurst*echoEvery)
	e.last = now
	if e.tokens < echoEvery {
		return false
	}
	e.tokens -= echoEvery
	return true
}

func (e *echo) probe(now time.Duration) bool {
	e.mu.Lock()
	e.probes++
	within := e.probes <= maxProbes
	e.mu.Unlock()
	return within && e.allow(now)
}

// flood notices another end that sends far more than was agreed: more than
// twice the most in three windows of 100 ms running.
type flood struct {
	bytes  int // in a window
	seen   int
	began  time.Duration
	strike int
}

func floodBytes(maxBps int) int { return 2*maxBps/80 + 64<<10 }

func (f *flood) add(now time.Duration, n int) bool {
	if now-f.began >= 100*time.Millisecond {
		if f.seen > f.bytes {
			f.strike++
		} else {
			f.strike = 0
		}
		f.began, f.seen = now, 0
	}
	f.seen += n
	return f.strike >= 3 || f.seen > 4*f.bytes
}

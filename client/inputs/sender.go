package inputs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/clock"
)

// slowAt is how many bytes may wait in the channel before motion slows down.
// Less would throttle on what is merely in flight.
const slowAt = 8 << 10

// slowInterval is the least time between datagrams of motion then.
const slowInterval = 16 * time.Millisecond

// tailRepeats is how often motion is sent again when it has stopped, unless
// the host says earlier that it has it.
const tailRepeats = 3

// Config is what a Sender needs.
type Config struct {
	// Write sends one datagram as one message of the channel. It is called
	// from Run and, for keys, from Handle, never twice at a time; it must not
	// block and must not keep b.
	Write func(b []byte) error
	// Buffered returns the bytes that wait in the channel; nil: always none.
	// Motion slows down from 8 KiB on, keys never do.
	Buffered func() uint64
	// Interval is the least time between two datagrams of motion, 1 to 4 ms; 0:
	// 2 ms, but 1 to a near host and 4 while the line loses something.
	Interval time.Duration
	// KeyToChannel takes the time from each key's event to the return of the
	// Write that first carried it; nil: nobody wants to know.
	KeyToChannel *metric.Latency
	// OnLEDs is called from Datagram whenever the host wants other lamps lit
	// (wire.LEDNum, ...); nil: nobody shows them.
	OnLEDs func(lit uint8)
	// OnFeedback is called from Datagram with what the host wants of pads; it
	// repeats rumble as long as that lasts. nil: they feel nothing.
	OnFeedback func(Feedback)
	// OnPointer is called from Datagram whenever the host's pointer is
	// somewhere else or looks different, newest only; nil: nobody shows it.
	OnPointer func(wire.PointerAt)
}

// Feedback is one record of what a pad is to feel and show; Type says which.
type Feedback struct {
	Type       wire.RecordType
	Rumble     wire.Rumble
	RGB        wire.RGB
	Triggers   wire.Triggers
	MotionRate wire.MotionRate
}

// Sender turns events into datagrams. New, then Run; the other methods are for
// any goroutine at any time and never block.
type Sender struct {
	cfg   Config
	clock clock.Clock
	wake  chan struct{} // capacity 1, never closed; full means that Run will look anyway
	turn  chan struct{} // capacity 1, never closed; who takes the token may write, and puts it back

	// Owned by whoever has the turn.
	buf  []byte      // the datagram being written
	news []time.Time // events that it carries for the first time

	mu sync.Mutex // guards all below
	state
	wholes wholes
	schedule
	link
}

// schedule is what decides when the next datagram is due.
type schedule struct {
	closed       bool
	running      bool // Run is, and has not said goodbye
	flush        bool // something must go at once
	moved        bool // the totals changed since the last datagram
	sent         time.Time
	snapshot     time.Time // when KEYS was sent
	motionUnsure bool      // nobody knows whether the host has the totals
	motionSeq    uint32    // the first datagram that had them
	repeats      int       // since something new was sent
}

// link is what the exchange of datagrams told.
type link struct {
	seq     uint32 // of the last datagram sent
	peerSeq uint32 // highest received
	leds    uint8
	spot    wire.PointerAt // the host's pointer, Age 0
	hasSpot bool
	rtt     time.Duration
	loss    loss
	stats   Stats
}

// Stats counts since New.
type Stats struct {
	Events    uint64 // taken from devices
	Ignored   uint64 // auto-repeat, unknown usages, events without focus
	GivenUp   uint64 // transitions that no host acknowledged
	Datagrams uint64 // written
	Malformed uint64 // datagrams of the host that broke the format
	Pointers  uint64 // places of the host's pointer, repeated ones left out
}

// New returns a sender that has the focus. It starts nothing.
func New(cfg Config) (*Sender, error) {
	if cfg.Write == nil {
		return nil, errors.New("input sender: Config.Write is nil")
	}
	if cfg.Buffered == nil {
		cfg.Buffered = func() uint64 { return 0 }
	}
	switch {
	case cfg.Interval == 0:
	case cfg.Interval < time.Millisecond || cfg.Interval > 4*time.Millisecond:
		return nil, fmt.Errorf("input sender: interval %v is not within 1 ms to 4 ms", cfg.Interval)
	}
	s := &Sender{
		cfg:   cfg,
		clock: clock.New(),
		wake:  make(chan struct{}, 1),
		turn:  make(chan struct{}, 1),
		buf:   make([]byte, 0, wire.MaxDatagram),
		news:  make([]time.Time, 0, wire.MaxEvents),
	}
	s.turn <- struct{}{}
	s.focused = true
	s.firstID = 1
	return s, nil
}

// Run writes datagrams until ctx ends or Close is called; then it tells the
// host to release everything and returns nil. An error of Write ends it early.
// After a reconnect it may be called again.
func (s *Sender) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.setRunning(true)
	defer s.setRunning(false)
	for {
		select {
		case <-ctx.Done():
			s.goodbye()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		if s.isClosed() {
			s.goodbye()
			return nil
		}
		<-s.turn
		wait, err := s.step(time.Now())
		s.turn <- struct{}{}
		if err != nil {
			return err
		}
		timer.Reset(wait)
	}
}

// sendNow writes a key from the goroutine that had it, which is running
// already; waking Run first costs up to a millisecond on a busy machine.
func (s *Sender) sendNow(now time.Time) {
	select {
	case <-s.turn:
	default:
		return // Run is writing, and will look again
	}
	if s.isRunning() {
		// Run meets the same error at its next datagram and returns it.
		_, _ = s.step(now)
	}
	s.turn <- struct{}{}
}

func (s *Sender) setRunning(running bool) {
	s.mu.Lock()
	s.running = running
	s.mu.Unlock()
}

func (s *Sender) isRunning() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running && !s.closed
}

// Close ends Run.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wakeRun()
}

// RTT returns the smoothed round trip to the host's input code, 0 while it is
// not known.
func (s *Sender) RTT() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rtt
}

// Stats returns the counts so far.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Sender) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Sender) wakeRun() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// step writes a datagram if one is due and returns how long until the next.
func (s *Sender) step(now time.Time) (wait time.Duration, err error) {
	slow := s.cfg.Buffered() >= slowAt
	s.mu.Lock()
	due := s.dueLocked(slow)
	if due.After(now) {
		s.mu.Unlock()
		return due.Sub(now), nil
	}
	s.buildLocked(now)
	due = s.dueLocked(slow)
	s.mu.Unlock()
	return due.Sub(now), s.write()
}

// write sends buf and accounts for the keys in it.
func (s *Sender) write() error {
	if err := s.cfg.Write(s.buf); err != nil {
		return fmt.Errorf("send input: %w", err)
	}
	if s.cfg.KeyToChannel == nil || len(s.news) == 0 {
		return nil
	}
	now := time.Now()
	for _, t := range s.news {
		s.cfg.KeyToChannel.RecordSpan(t, now)
	}
	return nil
}

// goodbye releases everything and says so once, if the channel still takes it;
// should it get lost, the host notices by the silence.
func (s *Sender) goodbye() {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	now := time.Now()
	s.mu.Lock()
	s.running = false // nothing follows a goodbye
	s.releaseLocked(now)
	s.buildLocked(now)
	s.buf[1] |= wire.FlagGoodbye
	s.mu.Unlock()
	_ = s.cfg.Write(s.buf)
}

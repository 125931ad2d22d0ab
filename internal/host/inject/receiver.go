package inject

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/clock"
)

// queueLength is how many datagrams may wait for Run. More than a few means
// that the device hangs; later datagrams carry what dropped ones said.
const queueLength = 64

// ledRepeat is how often lamps are told again until the terminal has them.
const ledRepeat = 100 * time.Millisecond

// Times between two datagrams that tell where the pointer is.
const (
	pointerInterval = 4 * time.Millisecond   // while it moves
	pointerRepeat   = 250 * time.Millisecond // until the terminal has the newest
)

// Injector does to the operating system what a person did at the terminal.
// Its methods are called by one goroutine and return soon. A key that the
// system has no code for is ignored; an error means that the device is gone.
type Injector interface {
	Key(u input.Usage, down bool) error
	Motion(dx, dy int32) error
	Absolute(screen uint8, x, y uint16) error // 0..65535 over the screen's picture
	Wheel(v, h int32) error                   // 1/120 detent, away from the person and to the right
	Sync() error                              // ends a group of changes that belong together
}

// Config is what a Receiver needs.
type Config struct {
	Injector Injector
	// Write sends one datagram to the terminal. It is called from Run only and
	// must not keep b.
	Write func(b []byte) error
	// Mark is told of every marker that the terminal presses
	// ([input.PageMarker]); no Injector is. It is called from Run and returns
	// at once; nil: nobody shows markers.
	Mark func(id uint16)
	// SameClock says that the terminal runs on this machine, so that the times
	// in its datagrams are of our own clock.
	SameClock bool
	// OneWay takes the time from the sending of each datagram to here, with
	// SameClock; nil: nobody wants to know.
	OneWay *metric.Latency
	Logger *slog.Logger // nil: discard
}

// Stats counts since New.
type Stats struct {
	Datagrams uint64 // accepted
	Malformed uint64 // not of our format or version
	Old       uint64 // repeated, overtaken, of an earlier epoch
	Dropped   uint64 // the queue was full
	Events    uint64 // transitions applied
	GivenUp   uint64 // transitions that the terminal stopped repeating
	DeadMan   uint64 // releases because of silence
	Pointers  uint64 // times that the terminal was told where the pointer is
}

// Receiver applies datagrams to an Injector.
type Receiver struct {
	cfg   Config
	clock clock.Clock
	queue chan *packet  // capacity queueLength, never closed; Datagram drops when free is empty
	free  chan *packet  // the packets that are not in queue
	lamps chan struct{} // capacity 1, never closed; full means that Run will look anyway
	leds  atomic.Uint32
	felt  chan struct{} // capacity 1, never closed; full means that Run will look anyway

	feelings feelings
	stats    counters
	moved    chan struct{} // capacity 1, never closed; full means that Run will look anyway

	mu   sync.Mutex // guards spot
	spot pointerSpot

	reconciler             // owned by Run
	told       pointerTold // owned by Run
}

// pointerSpot is where the host's pointer is.
type pointerSpot struct {
	wire.PointerAt           // Age is filled in on sending
	at             time.Time // when it came there; zero: nobody said where it is
}

// pointerTold is what the terminal was told of the pointer.
type pointerTold struct {
	spot   pointerSpot // zero before the first time
	seq    uint32      // the first datagram that said so
	at     time.Time   // when it was said last
	unsure bool        // the terminal may not have it
}

// packet is one datagram on its way to Run.
type packet struct {
	at   time.Time
	size int
	data [wire.MaxDatagram]byte
}

// New returns a receiver for one channel. It starts nothing.
func New(cfg Config) (*Receiver, error) {
	if cfg.Injector == nil || cfg.Write == nil {
		return nil, errors.New("input receiver: Config.Injector or Config.Write is nil")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Receiver{
		cfg:   cfg,
		clock: clock.New(),
		queue: make(chan *packet, queueLength),
		free:  make(chan *packet, queueLength),
		lamps: make(chan struct{}, 1),
		moved: make(chan struct{}, 1),
		felt:  make(chan struct{}, 1),
	}
	for range queueLength {
		r.free <- new(packet)
	}
	r.reconciler.init(cfg.Injector, &r.stats)
	if cfg.Mark != nil {
		r.mark = cfg.Mark
	}
	return r, nil
}

// Datagram takes one message of the channel, from any goroutine. It copies b
// and never blocks.
func (r *Receiver) Datagram(b []byte) {
	if len(b) > wire.MaxDatagram {
		r.stats.malformed.Add(1)
		return
	}
	select {
	case p := <-r.free:
		p.at, p.size = time.Now(), copy(p.data[:], b)
		r.queue <- p // has room for every packet there is
	default:
		r.stats.dropped.Add(1)
	}
}

// SetLEDs says which lamps the terminal shall light (wire.LEDNum, ...), from
// any goroutine.
func (r *Receiver) SetLEDs(lit uint8) {
	r.leds.Store(uint32(lit))
	select {
	case r.lamps <- struct{}{}:
	default:
	}
}

// SetPointer says where the host's pointer is and since when, from any
// goroutine; Age is not looked at. It never blocks. The terminal is told at
// most every 4 ms, and again until it has the newest.
func (r *Receiver) SetPointer(p wire.PointerAt, since time.Time) {
	p.Age = 0
	r.mu.Lock()
	r.spot = pointerSpot{p, since}
	r.mu.Unlock()
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// Run applies datagrams until ctx ends, which is what to do when the channel
// closes. It always releases what is held before it returns; nil means that
// ctx ended.
func (r *Receiver) Run(ctx context.Context) (err error) {
	defer func() {
		if released := errors.Join(r.releaseAll(), r.pads.unplug()); err == nil {
			err = released
		}
	}()
	deadMan, lamps, pointer := time.NewTimer(wire.DeadMan), time.NewTimer(ledRepeat), time.NewTimer(pointerRepeat)
	rumble := time.NewTimer(rumbleRepeat)
	defer rumble.Stop()
	defer deadMan.Stop()
	defer lamps.Stop()
	defer pointer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-r.queue:
			before := r.seq
			err = r.take(p)
			r.free <- p
			if r.seq != before {
				deadMan.Reset(wire.DeadMan)
			}
		case <-deadMan.C:
			if len(r.queue) > 0 { // we were late, not the terminal
				deadMan.Reset(time.Millisecond)
				continue
			}
			err = r.silence()
		case <-r.lamps:
			err = r.tellLEDs()
			lamps.Reset(ledRepeat)
		case <-lamps.C:
			if r.ledsUnsure {
				err = r.tellLEDs()
				lamps.Reset(ledRepeat)
			}
		case <-r.felt:
			err = r.tellRumble(rumble)
		case <-rumble.C:
			err = r.tellRumble(rumble)
		case <-r.moved:
			err = r.tellPointer(pointer)
		case <-pointer.C:
			err = r.tellPointer(pointer)
		}
		if err != nil {
			return err
		}
	}
}

// take applies one datagram and answers it where it asks for an answer.
func (r *Receiver) take(p *packet) error {
	d, err := wire.ParseDatagram(p.data[:p.size])
	if err != nil {
		r.stats.malformed.Add(1)
		r.cfg.Logger.Debug("input datagram refused", "err", err)
		return nil
	}
	if r.cfg.SameClock && r.cfg.OneWay != nil {
		oneWay := int32(r.clock.Microseconds(p.at) - d.Time)
		r.cfg.OneWay.Record(time.Duration(oneWay) * time.Microsecond)
	}
	answer, err := r.apply(d)
	if err != nil {
		return fmt.Errorf("inject input: %w", err)
	}
	if !answer {
		return nil
	}
	return r.answer(d.Time, time.Since(p.at))
}

// silence is the dead-man's switch: the terminal may be gone with a key held.
func (r *Receiver) silence() error {
	if len(r.held) == 0 && !r.pads.active() && !r.surface.active() {
		return nil
	}
	r.stats.deadMan.Add(1)
	r.cfg.Logger.Warn("input silent, keys released", "dur", wire.DeadMan)
	return r.releaseAll()
}

// answer sends ACK, and LEDS because it is state.
func (r *Receiver) answer(echo uint32, hold time.Duration) error {
	now := time.Now()
	b := r.header(now)
	b = wire.AppendAck(b, wire.Ack{Next: r.next, Echo: echo, Hold: hold})
	b = wire.AppendLEDs(b, wire.LEDs{Lit: uint8(r.leds.Load())})
	return r.write(r.appendPointer(b, now))
}

// tellLEDs sends LEDS, and the pointer because it costs little.
func (r *Receiver) tellLEDs() error {
	now := time.Now()
	b := wire.AppendLEDs(r.header(now), wire.LEDs{Lit: uint8(r.leds.Load())})
	r.ledsUnsure, r.ledSeq = true, r.outSeq
	return r.write(r.appendPointer(b, now))
}

// tellPointer sends where the pointer is if the terminal has not been told or
// may not have heard, and sets when to look again.
func (r *Receiver) tellPointer(next *time.Timer) error {
	now := time.Now()
	r.mu.Lock()
	spot := r.spot
	r.mu.Unlock()
	news := r.isNews(spot)
	if r.told.unsure && !wire.Newer32(r.told.seq, r.heard) {
		r.told.unsure = false
	}
	wait := pointerRepeat
	if news {
		wait = pointerInterval
	}
	switch left := r.told.at.Add(wait).Sub(now); {
	case !news && !r.told.unsure:
		next.Reset(pointerRepeat)
		return nil
	case left > 0:
		next.Reset(left)
		return nil
	}
	next.Reset(pointerRepeat)
	return r.write(r.appendPointer(r.header(now), now))
}

// isNews reports whether the terminal was not told of spot.
func (r *Receiver) isNews(spot pointerSpot) bool {
	return !spot.at.IsZero() && (r.told.at.IsZero() || spot.PointerAt != r.told.spot.PointerAt)
}

// appendPointer adds where the pointer is, if anybody knows.
func (r *Receiver) appendPointer(b []byte, now time.Time) []byte {
	r.mu.Lock()
	spot := r.spot
	r.mu.Unlock()
	if spot.at.IsZero() {
		return b
	}
	if r.isNews(spot) {
		r.told.spot, r.told.seq, r.told.unsure = spot, r.outSeq, true
	}
	r.told.at = now
	r.stats.pointers.Add(1)
	spot.Age = wire.AgeOf(now.Sub(spot.at))
	return wire.AppendPointerAt(b, spot.PointerAt)
}

func (r *Receiver) header(now time.Time) []byte {
	r.outSeq++
	return wire.AppendHeader(r.out[:0], wire.Header{
		Epoch: r.epoch, Seq: r.outSeq, Time: r.clock.Microseconds(now), Ack: r.seq,
	})
}

func (r *Receiver) write(b []byte) error {
	r.out = b
	if err := r.cfg.Write(b); err != nil {
		return fmt.Errorf("answer input: %w", err)
	}
	return nil
}

// counters is Stats while it counts.
type counters struct {
	datagrams, malformed, old, dropped, events, givenUp, deadMan, pointers atomic.Uint64
}

// Stats returns the counts so far, from any goroutine.
func (r *Receiver) Stats() Stats {
	return Stats{
		Datagrams: r.stats.datagrams.Load(),
		Malformed: r.stats.malformed.Load(),
		Old:       r.stats.old.Load(),
		Dropped:   r.stats.dropped.Load(),
		Events:    r.stats.events.Load(),
		GivenUp:   r.stats.givenUp.Load(),
		DeadMan:   r.stats.deadMan.Load(),
		Pointers:  r.stats.pointers.Load(),
	}
}

package inject

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
}

// Receiver applies datagrams to an Injector.
type Receiver struct {
	cfg   Config
	clock clock.Clock
	queue chan *packet  // capacity queueLength, never closed; Datagram drops when free is empty
	free  chan *packet  // the packets that are not in queue
	lamps chan struct{} // capacity 1, never closed; full means that Run will look anyway
	leds  atomic.Uint32
	stats counters

	reconciler // owned by Run
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

// Run applies datagrams until ctx ends, which is what to do when the channel
// closes. It always releases what is held before it returns; nil means that
// ctx ended.
func (r *Receiver) Run(ctx context.Context) (err error) {
	defer func() {
		if released := r.releaseAll(); err == nil {
			err = released
		}
	}()
	deadMan, lamps := time.NewTimer(wire.DeadMan), time.NewTimer(ledRepeat)
	defer deadMan.Stop()
	defer lamps.Stop()
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
	if len(r.held) == 0 {
		return nil
	}
	r.stats.deadMan.Add(1)
	r.cfg.Logger.Warn("input silent, keys released", "dur", wire.DeadMan)
	return r.releaseAll()
}

// answer sends ACK, and LEDS because it is state.
func (r *Receiver) answer(echo uint32, hold time.Duration) error {
	b := r.header()
	b = wire.AppendAck(b, wire.Ack{Next: r.next, Echo: echo, Hold: hold})
	return r.write(wire.AppendLEDs(b, wire.LEDs{Lit: uint8(r.leds.Load())}))
}

// tellLEDs sends LEDS alone.
func (r *Receiver) tellLEDs() error {
	b := wire.AppendLEDs(r.header(), wire.LEDs{Lit: uint8(r.leds.Load())})
	r.ledsUnsure, r.ledSeq = true, r.outSeq
	return r.write(b)
}

func (r *Receiver) header() []byte {
	r.outSeq++
	return wire.AppendHeader(r.out[:0], wire.Header{
		Epoch: r.epoch, Seq: r.outSeq, Time: r.clock.Microseconds(time.Now()), Ack: r.seq,
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
	datagrams, malformed, old, dropped, events, givenUp, deadMan atomic.Uint64
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
	}
}

package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/broker"
)

const (
	defaultLifetime = 10 * time.Minute
	leastLifetime   = time.Second
	tick            = time.Second     // how often the sleep rule looks
	commandTimeout  = 5 * time.Minute // for one of the two commands
	usualStart      = 10 * time.Second
)

// Device is who asks.
type Device struct {
	Name        string // of the certificate, or what the terminal calls itself
	Fingerprint string // SHA-256 of the certificate in lower-case hex, "" without one
	// Stands reports whether what it showed instead of a certificate still
	// counts; nil: that does not change. Any goroutine.
	Stands func() bool
}

// stands reports whether what the device showed still counts.
func (d Device) stands() bool { return d.Stands == nil || d.Stands() }

// Config is what a broker answers from.
type Config struct {
	// Device says who sent a request; false refuses it. Required. The name may
	// be left empty for what the terminal calls itself.
	Device func(*http.Request) (Device, bool)
	// Ready says that the PC can be shown; nil: always.
	Ready func() bool
	// Sessions is how many there are now; nil: none.
	Sessions func() int
	// Idle is how long nobody has used the PC's own keyboard and pointer; nil:
	// nobody does.
	Idle func() time.Duration

	WHEPURL    string        // as terminals reach it from the broker's address; default /whep
	Tokens     bool          // the host asks for one
	Lifetime   time.Duration // of a token; default 10 min
	ICEServers []broker.ICEServer
	// TURNSecret is shared with the TURN servers, which then get names and
	// passwords that expire (draft-uberti-behave-turn-rest-00); empty: those
	// of ICEServers are given as they are.
	TURNSecret []byte

	// MaintenanceFile, while it exists, says that the PC is maintained, in one
	// sentence; a line "until TIME" (RFC 3339) before it says for how long.
	MaintenanceFile string
	// RevokedFile lists devices that are refused, one a line: a name, or the
	// SHA-256 of a certificate in hex.
	RevokedFile string
	MovedTo     string // another broker; "": this one answers

	// SleepAfter is how long nobody must have been there, in a session or in
	// front of the PC, before it sleeps; 0: it never does.
	SleepAfter time.Duration
	// Sleep and Wake do so; they may take minutes. nil: it is only said.
	Sleep, Wake func(context.Context) error

	Logger *slog.Logger // nil: discard
}

// power is whether the PC sleeps.
//
//	        nobody for SleepAfter            Sleep returned
//	awake ----------------------> drowsy --------------------> asleep
//	  ^  <------ Sleep failed ------'                            |  asked to wake,
//	  |                                 Wake failed              |  or a session
//	  '------- Wake returned -------- waking <-------------------'
//	                                    '----------> asleep
type power uint8

const (
	awake  power = iota
	drowsy       // Sleep runs
	asleep
	waking // Wake runs
)

// String returns the state's name.
func (p power) String() string { return [...]string{"awake", "drowsy", "asleep", "waking"}[p] }

// Broker answers terminals. See the package comment for its goroutines.
type Broker struct {
	cfg    Config
	log    *slog.Logger
	tokens tokens
	unread atomic.Bool   // it was said that the list of revoked devices cannot be read
	knock  chan struct{} // capacity 1, never closed: somebody wants the PC awake; full means said

	mu      sync.Mutex // guards below
	power   power
	start   time.Time     // when it last began to start
	usual   time.Duration // how long a start took the last time
	ready   bool          // the start is over
	present time.Time     // when somebody was last there
	calm    time.Time     // whoever is there after it wakes a PC that sleeps
	trouble string        // what went wrong the last time, for people
}

// New checks cfg. It starts nothing.
func New(cfg Config) (*Broker, error) {
	if cfg.Device == nil {
		return nil, errors.New("internal error: a broker must know who asks")
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = defaultLifetime
	}
	if cfg.Lifetime < leastLifetime || cfg.Lifetime > broker.MaxLifetime*time.Second {
		return nil, fmt.Errorf("tokens that last %v: use 1s to %v", cfg.Lifetime, broker.MaxLifetime*time.Second)
	}
	if cfg.SleepAfter < 0 {
		return nil, fmt.Errorf("sleep after %v: use a time, or 0 for never", cfg.SleepAfter)
	}
	if cfg.WHEPURL == "" {
		cfg.WHEPURL = "/whep"
	}
	if cfg.Ready == nil {
		cfg.Ready = func() bool { return true }
	}
	if cfg.Sessions == nil {
		cfg.Sessions = func() int { return 0 }
	}
	if cfg.Idle == nil {
		cfg.Idle = func() time.Duration { return 1<<63 - 1 }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.RevokedFile != "" {
		if _, err := readList(cfg.RevokedFile); err != nil {
			return nil, fmt.Errorf("revoked devices: %w", err)
		}
	}
	now := time.Now()
	return &Broker{
		cfg: cfg, log: cfg.Logger.With("component", "broker"), knock: make(chan struct{}, 1),
		start: now, present: now, usual: usualStart,
	}, nil
}

// CheckToken reports whether token is one of ours that has not expired, and
// whose device was not revoked since. stands reports from then on whether the
// device still is not: a session outlives its tokens, and a list that cannot be
// read ends none. Any goroutine.
func (b *Broker) CheckToken(token string) (stands func() bool, ok bool) {
	device, ok := b.tokens.check(token, time.Now())
	if !ok || !device.stands() {
		return nil, false
	}
	revoked, err := b.isRevoked(device)
	if err != nil {
		b.log.Error("token not accepted", "err", err)
	}
	return func() bool { return b.stands(device) }, err == nil && !revoked
}

// stands reports whether a device that has a session may keep it.
func (b *Broker) stands(d Device) bool {
	if !d.stands() {
		return false
	}
	revoked, err := b.isRevoked(d)
	if err != nil && !b.unread.Swap(true) {
		b.log.Error("sessions are not ended: it is not known who is revoked", "err", err)
	}
	if err == nil {
		b.unread.Store(false)
	}
	return !revoked
}

// Run lives the sleep rule until ctx ends, which is no error.
func (b *Broker) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	b.mu.Lock()
	b.present = time.Now() // until now nobody could be
	b.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.knock:
		case <-t.C:
		}
		switch {
		case b.shallSleep():
			b.change(ctx, drowsy, b.cfg.Sleep, asleep, awake)
		case b.shallWake():
			b.change(ctx, waking, b.cfg.Wake, awake, asleep)
		}
		b.watchStart()
	}
}

// shallSleep notes who is there and reports whether nobody was for long enough.
func (b *Broker) shallSleep() bool {
	sessions, idle, now := b.cfg.Sessions(), b.cfg.Idle(), time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if sessions > 0 {
		b.present = now
	}
	return b.power == awake && b.cfg.SleepAfter > 0 && min(now.Sub(b.present), idle) >= b.cfg.SleepAfter
}

// shallWake reports whether somebody is there while the PC sleeps.
func (b *Broker) shallWake() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.power == asleep && b.present.After(b.calm)
}

// change goes over a state in which a command runs to what follows from it.
func (b *Broker) change(ctx context.Context, over power, command func(context.Context) error, done, failed power) {
	b.set(over)
	var err error
	if command != nil {
		bounded, cancel := context.WithTimeout(ctx, commandTimeout)
		err = command(bounded)
		cancel()
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		b.log.Warn("power command failed", "state", over.String(), "err", err)
		b.set(failed)
		b.mu.Lock()
		b.present = time.Now() // or it would be tried again at once
		b.calm = b.present
		if over == waking {
			b.trouble = "It could not be woken. The host's log says why."
		}
		b.mu.Unlock()
	default:
		b.set(done)
	}
}

func (b *Broker) set(p power) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.log.Info("power", "state", p.String())
	b.power = p
	switch p {
	case awake:
		b.trouble = ""
	case drowsy:
		b.calm = now
	case waking:
		b.start, b.ready = now, false
	}
}

// watchStart learns how long a start takes.
func (b *Broker) watchStart() {
	ready := b.cfg.Ready()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.power == awake && ready && !b.ready {
		b.ready, b.usual = true, max(time.Since(b.start), time.Second)
	}
}

// wake says that a person wants the PC.
func (b *Broker) wake() {
	b.mu.Lock()
	b.present = time.Now()
	b.mu.Unlock()
	select {
	case b.knock <- struct{}{}:
	default:
	}
}

package inject_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/clock"
)

// Keys as the wire has them.
const (
	keyA   = wire.Key(0x0004)
	keyB   = wire.Key(0x0005)
	button = wire.Key(0x6001)
)

// logbook is an Injector that writes down what it is told.
type logbook struct {
	mu    sync.Mutex
	lines []string
	err   error
}

func (l *logbook) note(format string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
	return l.err
}

func (l *logbook) Key(u input.Usage, down bool) error {
	return l.note("%v %s", u, map[bool]string{false: "up", true: "down"}[down])
}
func (l *logbook) Motion(dx, dy int32) error { return l.note("move %d %d", dx, dy) }
func (l *logbook) Absolute(screen uint8, x, y uint16) error {
	return l.note("put %d %d %d", screen, x, y)
}
func (l *logbook) Wheel(v, h int32) error { return l.note("wheel %d %d", v, h) }
func (l *logbook) Sync() error            { return nil }

func (l *logbook) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// host is a receiver under test with a terminal that the test plays.
type host struct {
	t        *testing.T
	receiver *inject.Receiver
	log      *logbook
	seq      uint32
	epoch    uint16
	mu       sync.Mutex
	answers  []wire.Datagram
	stop     func() error
}

func newHost(t *testing.T, cfg inject.Config) *host {
	t.Helper()
	h := &host{t: t, log: &logbook{}, seq: 100, epoch: 7}
	cfg.Injector = h.log
	cfg.Write = func(b []byte) error {
		d, err := wire.ParseDatagram(slices.Clone(b))
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answers = append(h.answers, d)
		return err
	}
	var err error
	if h.receiver, err = inject.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.receiver.Run(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = h.stop() })
	return h
}

// header returns the next focused header.
func (h *host) header() wire.Header {
	h.seq++
	return wire.Header{Flags: wire.FlagFocused, Epoch: h.epoch, Seq: h.seq}
}

// begin gives the host its first datagram: totals 0, next event 1.
func (h *host) begin() {
	h.send(h.header(), wire.Pointer{}, wire.Events{}, &wire.Keys{})
	if got := h.log.take(); len(got) != 0 {
		h.t.Fatalf("the first datagram did %v; want nothing", got)
	}
}

func (h *host) send(header wire.Header, p wire.Pointer, e wire.Events, k *wire.Keys) {
	b := wire.AppendHeader(nil, header)
	b = wire.AppendPointer(b, p)
	b = wire.AppendEvents(b, e)
	if k != nil {
		b = wire.AppendKeys(b, *k)
	}
	h.receiver.Datagram(b)
}

// want checks what the host did since the last look.
func (h *host) want(what string, lines ...string) {
	h.t.Helper()
	if got := h.log.take(); !slices.Equal(got, lines) {
		h.t.Errorf("%s did %q; want %q", what, got, lines)
	}
}

func down(k wire.Key) wire.Transition { return wire.Transition{Key: k, Down: true} }
func up(k wire.Key) wire.Transition   { return wire.Transition{Key: k} }

func events(first uint32, list ...wire.Transition) wire.Events {
	return wire.Events{First: first, List: list}
}

func TestEventsOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA), up(keyA)), nil)
		h.want("a tap", "07:0004 down", "07:0004 up")
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA), up(keyA), down(keyB)), nil)
		h.want("the same and one more", "07:0005 down")
		h.send(h.header(), wire.Pointer{}, events(3, down(keyB), down(keyB), up(keyA), up(wire.Key(0xffff))), nil)
		h.want("nonsense")
	})
}

func TestOldDatagramsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		older, same := h.header(), h.header()
		h.send(same, wire.Pointer{X: 5}, wire.Events{}, nil)
		h.want("motion", "move 5 0")
		h.send(older, wire.Pointer{X: 3}, wire.Events{}, nil)
		h.send(same, wire.Pointer{X: 9}, wire.Events{}, nil)
		past := h.header()
		past.Epoch--
		h.send(past, wire.Pointer{X: 11}, wire.Events{}, nil)
		h.want("old datagrams")
		if got := h.receiver.Stats().Old; got != 3 {
			t.Errorf("Stats().Old = %d; want 3", got)
		}
	})
}

func TestTotalsWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.send(h.header(), wire.Pointer{X: 0xfffffff0, Y: 5, WheelV: 0xffffffff}, wire.Events{}, nil)
		h.want("the first datagram")
		h.send(h.header(), wire.Pointer{X: 0x10, Y: 0xfffffffb, WheelV: 119, WheelH: 0xffffff88}, wire.Events{}, nil)
		h.want("totals that wrapped", "move 32 -10", "wheel 120 -120")
	})
}

func TestClickStandsWhereItHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		click := down(button)
		click.X, click.Y, click.Wheel = 10, 0xfff6, 120
		release := up(button)
		release.X, release.Y, release.Wheel = 12, 0xfff6, 120
		h.send(h.header(), wire.Pointer{X: 70000, Y: 1, WheelV: 240}, events(1, click, release), nil)
		h.want("a drag",
			"move 10 -10", "wheel 120 0", "09:0001 down",
			"move 2 0", "09:0001 up",
			"move 69988 11", "wheel 120 0")
	})
}

// In the first datagram the oldest transition says where the totals begin.
func TestFirstDatagramWithEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		click := down(button)
		click.X = 90
		h.send(h.header(), wire.Pointer{X: 100}, events(40, click), nil)
		h.want("the first datagram", "09:0001 down", "move 10 0")
	})
}

func TestAbsolute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		click := wire.Transition{Key: button, Down: true, Absolute: true, Screen: 1, X: 100, Y: 200}
		b := wire.AppendHeader(nil, h.header())
		b = wire.AppendPointerAbs(b, wire.PointerAbs{InRange: true, Screen: 1, X: 300, Y: 400})
		b = wire.AppendEvents(b, events(1, click))
		b = wire.AppendPointer(b, wire.Pointer{})
		h.receiver.Datagram(b)
		h.want("an absolute click", "put 1 100 200", "09:0001 down", "put 1 300 400")
		b = wire.AppendHeader(nil, h.header())
		b = wire.AppendPointerAbs(b, wire.PointerAbs{InRange: true, Screen: 1, X: 300, Y: 400})
		h.receiver.Datagram(b)
		h.want("the same position")
		h.send(h.header(), wire.Pointer{X: 1}, wire.Events{}, nil)
		h.receiver.Datagram(wire.AppendPointerAbs(wire.AppendHeader(nil, h.header()), wire.PointerAbs{InRange: true, Screen: 1, X: 300, Y: 400}))
		h.want("the same position after motion", "move 1 0", "put 1 300 400")
	})
}

func TestSnapshotReconciles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA)), nil)
		h.want("a key", "07:0004 down")
		h.send(h.header(), wire.Pointer{}, wire.Events{}, &wire.Keys{LastEvent: 0, Held: nil})
		h.want("a snapshot from before it")
		h.send(h.header(), wire.Pointer{}, wire.Events{}, &wire.Keys{LastEvent: 1, Held: []wire.Key{keyB, button}})
		h.want("a snapshot that differs", "07:0004 up", "07:0005 down", "09:0001 down")
		h.send(h.header(), wire.Pointer{}, wire.Events{}, &wire.Keys{LastEvent: 9, Held: []wire.Key{keyB}})
		h.want("a snapshot after events given up", "09:0001 up")
		h.send(h.header(), wire.Pointer{}, events(10, up(keyB)), nil)
		h.want("the next event", "07:0005 up")
	})
}

func TestWhatReleases(t *testing.T) {
	released := []string{"09:0001 up", "07:0004 up"}
	tests := []struct {
		name string
		do   func(h *host)
	}{
		{"new epoch", func(h *host) { h.epoch++; h.send(h.header(), wire.Pointer{}, wire.Events{}, nil) }},
		{"focus lost", func(h *host) {
			header := h.header()
			header.Flags = 0
			h.send(header, wire.Pointer{}, wire.Events{}, nil)
		}},
		{"goodbye", func(h *host) {
			header := h.header()
			header.Flags |= wire.FlagGoodbye
			h.send(header, wire.Pointer{}, wire.Events{}, &wire.Keys{LastEvent: 2, Held: []wire.Key{keyA}})
		}},
		{"silence", func(*host) { time.Sleep(301 * time.Millisecond) }},
		{"rubbish is silence", func(h *host) {
			for range 4 {
				time.Sleep(100 * time.Millisecond)
				h.receiver.Datagram([]byte("rubbish"))
			}
		}},
		{"end of Run", func(h *host) {
			if err := h.stop(); err != nil {
				h.t.Errorf("Run = %v; want nil", err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, inject.Config{})
				h.begin()
				h.send(h.header(), wire.Pointer{}, events(1, down(keyA), down(button)), nil)
				h.want("two keys", "07:0004 down", "09:0001 down")
				tt.do(h)
				h.want(tt.name, released...)
			})
		})
	}
}

func TestDeadManWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA)), nil)
		h.want("a key", "07:0004 down")
		for range 10 {
			time.Sleep(299 * time.Millisecond)
			h.send(h.header(), wire.Pointer{}, wire.Events{}, nil)
		}
		h.want("a slow terminal")
		time.Sleep(301 * time.Millisecond)
		h.want("silence", "07:0004 up")
		h.send(h.header(), wire.Pointer{}, wire.Events{}, &wire.Keys{LastEvent: 1, Held: []wire.Key{keyA}})
		h.want("its return", "07:0004 down")
	})
}

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		header := h.header()
		header.Time = 12345
		h.send(header, wire.Pointer{}, events(1, down(keyA), up(keyA)), nil)
		h.send(header, wire.Pointer{}, events(1, down(keyA), up(keyA)), nil) // a duplicate
		h.send(h.header(), wire.Pointer{X: 1}, wire.Events{}, nil)
		snapshot := h.header()
		snapshot.Flags |= wire.FlagSnapshot
		h.send(snapshot, wire.Pointer{X: 1}, wire.Events{}, &wire.Keys{LastEvent: 2})
		h.log.take()
		if len(h.answers) != 2 {
			t.Fatalf("%d answers; want one to the events and one to the snapshot", len(h.answers))
		}
		d := h.answers[0]
		rec, _ := d.Next()
		if a, _ := rec.Ack(); d.Ack != header.Seq || d.Epoch != h.epoch || a.Next != 3 || a.Echo != 12345 {
			t.Errorf("answer = %+v, %+v; want next 3, echo 12345, datagram %d", d.Header, a, header.Seq)
		}
		if h.answers[1].Ack != snapshot.Seq || h.answers[1].Seq != d.Seq+1 {
			t.Errorf("second answer = %+v; want datagram %d", h.answers[1].Header, snapshot.Seq)
		}
	})
}

func TestLEDsAreToldUntilTheTerminalHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		time.Sleep(time.Second)
		h.receiver.SetLEDs(wire.LEDCaps)
		time.Sleep(350 * time.Millisecond)
		h.log.take()
		if len(h.answers) != 4 {
			t.Errorf("%d datagrams about lamps in 350 ms; want 4", len(h.answers))
		}
		rec, _ := h.answers[0].Next()
		if l, ok := rec.LEDs(); !ok || l.Lit != wire.LEDCaps {
			t.Errorf("lamps = %+v; want caps lock", l)
		}
		header := h.header()
		header.Ack = h.answers[0].Seq + 3
		h.send(header, wire.Pointer{}, wire.Events{}, nil)
		time.Sleep(time.Second)
		h.log.take()
		if len(h.answers) != 4 {
			t.Errorf("%d datagrams after the terminal had them; want still 4", len(h.answers))
		}
	})
}

func TestOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l metric.Latency
		h := newHost(t, inject.Config{SameClock: true, OneWay: &l})
		header := h.header()
		header.Time = clock.New().Microseconds(time.Now()) - 500_000
		h.send(header, wire.Pointer{}, wire.Events{}, nil)
		h.log.take()
		// The two clocks are read one after the other, in real time.
		if q := l.Quantiles(); q.N != 1 || q.P50 < 300 || q.P50 > 700 {
			t.Errorf("OneWay = %+v; want one of 500 ms", q)
		}
	})
}

func TestErrorsEndRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		h.log.err = errors.New("the X server is gone")
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA)), nil)
		if err := h.stop(); !errors.Is(err, h.log.err) {
			t.Errorf("Run = %v; want %v", err, h.log.err)
		}
	})
}

func TestMalformedAndTooMany(t *testing.T) {
	h, err := inject.New(inject.Config{Injector: inject.None{}, Write: func([]byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	h.Datagram(make([]byte, wire.MaxDatagram+1))
	for range 70 { // Run does not run
		h.Datagram([]byte{1})
	}
	if got := h.Stats(); got.Malformed != 1 || got.Dropped != 6 {
		t.Errorf("Stats() = %+v; want 1 malformed, 6 dropped", got)
	}
}

// FuzzReceiver feeds a receiver with whatever parses and checks that it leaves
// nothing pressed.
func FuzzReceiver(f *testing.F) {
	first := wire.AppendEvents(wire.AppendPointer(wire.AppendHeader(nil, wire.Header{Flags: 1}), wire.Pointer{}), events(1, down(keyA)))
	second := wire.AppendKeys(wire.AppendHeader(nil, wire.Header{Flags: 3, Seq: 1}), wire.Keys{LastEvent: 1, Held: []wire.Key{keyB}})
	f.Add(first, second)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		held := newHeld()
		r, err := inject.New(inject.Config{Injector: held, Write: func(b []byte) error { _, err := wire.ParseDatagram(b); return err }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := inject.Feed(r, first, second); err != nil {
			t.Errorf("feeding = %v; want nil", err)
		}
		if err := r.Run(ctx); err != nil || len(held.keys) != 0 {
			t.Errorf("Run = %v with %v held; want nil with nothing", err, held.keys)
		}
	})
}

// held is an Injector that knows what is pressed.
type heldKeys struct {
	inject.None
	keys map[input.Usage]bool
}

func newHeld() *heldKeys { return &heldKeys{keys: make(map[input.Usage]bool)} }

func (h *heldKeys) Key(u input.Usage, down bool) error {
	if h.keys[u] == down {
		return fmt.Errorf("%v is already %v", u, down)
	}
	if h.keys[u] = down; !down {
		delete(h.keys, u)
	}
	return nil
}

// BenchmarkReceiver is a datagram with motion and a key from Datagram to the
// answer, through Run's goroutine.
func BenchmarkReceiver(b *testing.B) {
	answered := make(chan struct{}, 1)
	r, err := inject.New(inject.Config{Injector: inject.None{}, Write: func([]byte) error { answered <- struct{}{}; return nil }})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	defer func() { cancel(); wg.Wait() }()
	buf := make([]byte, 0, wire.MaxDatagram)
	list := []wire.Transition{{Key: keyA}}
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		list[0].Down = !list[0].Down
		buf = wire.AppendHeader(buf[:0], wire.Header{Flags: wire.FlagFocused, Seq: seq})
		buf = wire.AppendPointer(buf, wire.Pointer{X: seq})
		buf = wire.AppendEvents(buf, wire.Events{First: seq, List: list})
		r.Datagram(buf)
		<-answered
	}
}

// A marker is told of when it is pressed, once, and never injected.
func TestMarkerIsNotInjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var marks []uint16
		h := newHost(t, inject.Config{Mark: func(id uint16) { marks = append(marks, id) }})
		marker := wire.Key(4<<13 | 0x123)
		send := func() {
			h.seq++
			b := wire.AppendHeader(nil, wire.Header{Flags: wire.FlagFocused, Epoch: h.epoch, Seq: h.seq})
			h.receiver.Datagram(wire.AppendEvents(b, wire.Events{First: 1, List: []wire.Transition{
				{Down: true, Key: keyA}, {Down: true, Key: marker}, {Key: marker}, {Key: keyA}, {Down: true, Key: marker},
			}}))
		}
		send()
		send() // repeated, as until it is acknowledged
		if got, want := h.log.take(), []string{"07:0004 down", "07:0004 up"}; !slices.Equal(got, want) {
			t.Errorf("injected %q; want %q", got, want)
		}
		if err := h.stop(); err != nil { // which releases the marker
			t.Fatal(err)
		}
		if got := h.log.take(); len(got) != 0 {
			t.Errorf("injected %q at the end; want nothing", got)
		}
		if want := []uint16{0x123, 0x123}; !slices.Equal(marks, want) {
			t.Errorf("marks = %x; want %x", marks, want)
		}
	})
}

package inputs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
)

const keyA = input.Usage(input.PageKeyboard<<16 | 0x04)

// sent is one datagram as a host would see it.
type sent struct {
	after   time.Duration // since the start
	header  wire.Header
	pointer wire.Pointer
	abs     *wire.PointerAbs
	events  wire.Events
	keys    *wire.Keys
}

// recorder is the Write of a sender under test.
type recorder struct {
	t     *testing.T
	start time.Time
	mu    sync.Mutex
	all   []sent
	err   error
}

func newRecorder(t *testing.T) *recorder { return &recorder{t: t, start: time.Now()} }

func (r *recorder) write(b []byte) error {
	d, err := wire.ParseDatagram(b)
	if err != nil {
		r.t.Errorf("Write got %x: %v", b, err)
	}
	s := sent{after: time.Since(r.start), header: d.Header}
	for rec, ok := d.Next(); ok; rec, ok = d.Next() {
		if p, ok := rec.Pointer(); ok {
			s.pointer = p
		}
		if p, ok := rec.PointerAbs(); ok {
			s.abs = &p
		}
		if e, ok := rec.Events(s.events.List); ok {
			if s.events.List == nil {
				s.events.First = e.First
			}
			s.events.List = e.List
		}
		if k, ok := rec.Keys(nil); ok {
			s.keys = &k
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	return r.err
}

// take returns what was sent since the last take.
func (r *recorder) take() []sent {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// run starts a sender whose first datagram is already taken.
func run(t *testing.T, cfg inputs.Config, r *recorder) *inputs.Sender {
	t.Helper()
	cfg.Write = r.write
	s, err := inputs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	if first := r.take(); len(first) != 1 || first[0].keys == nil || first[0].header.Flags&wire.FlagFocused == 0 {
		t.Fatalf("at the start the sender sent %+v; want one focused snapshot", first)
	}
	return s
}

func key(u input.Usage, down bool) input.Event {
	return input.Event{Kind: input.KindKey, Usage: u, Down: down}
}

func motion(dx, dy int32) input.Event { return input.Event{Kind: input.KindMotion, DX: dx, DY: dy} }

// ack returns the host's answer that it wants id next and has seq.
func ack(seq, next uint32) []byte {
	b := wire.AppendHeader(nil, wire.Header{Seq: 1, Ack: seq})
	return wire.AppendAck(b, wire.Ack{Next: next})
}

func times(all []sent) (ds []time.Duration) {
	for _, s := range all {
		ds = append(ds, s.after)
	}
	return ds
}

func TestKeyGoesAtOnceAndAgainUntilAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		s.Handle(key(keyA, true))
		time.Sleep(66 * time.Millisecond)
		all := r.take()
		ms := time.Millisecond
		if got, want := times(all), []time.Duration{0, 8 * ms, 16 * ms, 32 * ms, 64 * ms}; !slices.Equal(got, want) {
			t.Errorf("an unacknowledged key goes at %v; want %v", got, want)
		}
		for i, d := range all {
			want := wire.Transition{Down: true, Key: 0x04, Age: wire.AgeOf(d.after)}
			if len(d.events.List) != 1 || d.events.First != 1 || d.events.List[0] != want {
				t.Errorf("datagram %d carries %+v; want %+v as 1", i, d.events, want)
			}
		}
		s.Datagram(ack(all[len(all)-1].header.Seq, 2))
		time.Sleep(40 * time.Millisecond)
		if got := r.take(); len(got) != 0 {
			t.Errorf("after the acknowledgement came %d datagrams; want none before the next snapshot", len(got))
		}
	})
}

func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		time.Sleep(2500 * time.Millisecond)
		if got := r.take(); len(got) != 2 {
			t.Errorf("idle for 2.5 s sends %d datagrams; want 2", len(got))
		}
		s.Handle(key(keyA, true))
		s.Handle(key(input.ButtonLeft, true))
		first := r.take()
		s.Datagram(ack(first[len(first)-1].header.Seq, 3))
		time.Sleep(time.Second)
		held := r.take()
		if len(held) < 19 || len(held) > 21 {
			t.Errorf("a held key sends %d snapshots a second; want 20", len(held))
		}
		for _, d := range held {
			if d.keys == nil || !slices.Equal(d.keys.Held, []wire.Key{0x04, 0x6001}) || d.keys.LastEvent != 2 || d.pointer.Buttons != 1 {
				t.Fatalf("snapshot = %+v; want key A and the left button after event 2", d)
			}
		}
	})
}

func TestMotionIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		time.Sleep(5 * time.Millisecond)
		for range 800 { // 8 kHz for 100 ms
			s.Handle(motion(1, -1))
			time.Sleep(125 * time.Microsecond)
		}
		all := r.take()
		if len(all) < 50 || len(all) > 52 || all[0].after != 5*time.Millisecond {
			t.Errorf("100 ms of motion at 8 kHz sends %d datagrams, the first at %v; want 51, at 5ms", len(all), all[0].after)
		}
		for i := 1; i < len(all); i++ {
			if gap := all[i].after - all[i-1].after; gap < 2*time.Millisecond {
				t.Fatalf("datagrams of motion are %v apart; want at least 2ms", gap)
			}
		}
		time.Sleep(time.Second / 2)
		tail := r.take()
		if n := len(tail); n < 3 || n > 4 {
			t.Errorf("after the last motion came %d datagrams; want 3 repeats", n)
		}
		if p := tail[len(tail)-1].pointer; p.X != 800 || int32(p.Y) != -800 {
			t.Errorf("totals = %d, %d; want 800, -800", p.X, int32(p.Y))
		}
	})
}

func TestAcknowledgedMotionIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		time.Sleep(5 * time.Millisecond)
		s.Handle(motion(3, 0))
		s.Datagram(ack(r.take()[0].header.Seq, 1))
		time.Sleep(500 * time.Millisecond)
		if got := r.take(); len(got) != 0 {
			t.Errorf("acknowledged motion is repeated %d times; want never", len(got))
		}
	})
}

func TestBackpressureSlowsMotionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{Buffered: func() uint64 { return 8 << 10 }}, r)
		for range 100 {
			s.Handle(motion(1, 0))
			time.Sleep(time.Millisecond)
		}
		if got := r.take(); len(got) > 7 {
			t.Errorf("100 ms of motion into a full channel send %d datagrams; want at most 7", len(got))
		}
		before := time.Since(r.start)
		s.Handle(key(keyA, true))
		if got := r.take(); len(got) != 1 || got[0].after != before {
			t.Errorf("a key into a full channel goes at %v; want %v", times(got), before)
		}
	})
}

func TestKeysThatChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		second := key(keyA, true)
		second.Device = 1
		up := key(keyA, false)
		upSecond := up
		upSecond.Device = 1
		for _, ev := range []input.Event{
			up,                             // was not down
			key(keyA, true),                // 1: down
			key(keyA, true),                // auto-repeat
			second,                         // on a second keyboard too
			up,                             // still held there
			upSecond,                       // 2: up
			key(input.Usage(1<<20), true),  // no such page
			{Kind: 77},                     // no such kind
			key(input.ButtonRight, true),   // 3
			key(input.ButtonRight, false),  // 4
			key(input.ButtonMiddle, false), // was not down
		} {
			s.Handle(ev)
		}
		all := r.take()
		var got []wire.Transition
		for _, tr := range all[len(all)-1].events.List {
			got = append(got, wire.Transition{Key: tr.Key, Down: tr.Down})
		}
		want := []wire.Transition{{Key: 4, Down: true}, {Key: 4}, {Key: 0x6002, Down: true}, {Key: 0x6002}}
		if !slices.Equal(got, want) {
			t.Errorf("transitions = %+v; want %+v", got, want)
		}
	})
}

func TestTransitionsKnowWhereThePointerWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		s.Handle(motion(-5, 70000))
		s.Handle(input.Event{Kind: input.KindWheel, DY: -120, DX: 30})
		s.Handle(key(input.ButtonLeft, true))
		s.Handle(motion(9, 9))
		s.Handle(input.Event{Kind: input.KindAbsolute, Screen: 2, X: 11, Y: 22})
		s.Handle(key(input.ButtonLeft, false))
		s.Handle(input.Event{Kind: input.KindAbsolute, Screen: 2, X: 33, Y: 44})
		time.Sleep(2 * time.Millisecond)
		all := r.take()
		last := all[len(all)-1]
		var got []wire.Transition
		for _, tr := range last.events.List {
			tr.Age = 0
			got = append(got, tr)
		}
		y := uint32(70000)
		want := []wire.Transition{
			{Down: true, Key: 0x6001, X: 0xfffb, Y: uint16(y), Wheel: 0xff88},
			{Key: 0x6001, Absolute: true, Screen: 2, X: 11, Y: 22, Wheel: 0xff88},
		}
		if !slices.Equal(got, want) {
			t.Errorf("transitions = %+v; want %+v", got, want)
		}
		if last.abs == nil || last.abs.X != 33 || last.abs.Screen != 2 || last.pointer.X != 4 || last.pointer.WheelH != 30 {
			t.Errorf("newest state = %+v, %+v; want 33 on screen 2 and totals 4, 30", last.pointer, last.abs)
		}
	})
}

func TestReleases(t *testing.T) {
	tests := []struct {
		name    string
		release func(*inputs.Sender)
		focused bool
	}{
		{"focus lost", func(s *inputs.Sender) { s.Focus(false) }, false},
		{"release all", func(s *inputs.Sender) { s.ReleaseAll() }, true},
		{"close", func(s *inputs.Sender) { s.Close() }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder(t)
				s := run(t, inputs.Config{}, r)
				s.Handle(key(keyA, true))
				before := r.take()[0]
				tt.release(s)
				got := r.take()
				if len(got) != 1 {
					t.Fatalf("release sends %d datagrams; want 1", len(got))
				}
				d := got[0]
				if d.header.Epoch != before.header.Epoch+1 || (d.header.Flags&wire.FlagFocused != 0) != tt.focused {
					t.Errorf("header = %+v; want the next epoch, focused %v", d.header, tt.focused)
				}
				if d.keys == nil || len(d.keys.Held) != 0 || len(d.events.List) != 2 || d.events.List[1].Down {
					t.Errorf("release carries %+v, %+v; want an empty snapshot and the key's up", d.events, d.keys)
				}
				if tt.name == "close" && d.header.Flags&wire.FlagGoodbye == 0 {
					t.Error("the last datagram says no goodbye")
				}
			})
		})
	}
}

func TestWithoutFocusNothingIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		s.Focus(false)
		r.take()
		s.Handle(key(keyA, true))
		s.Handle(motion(5, 5))
		if got := r.take(); len(got) != 0 {
			t.Errorf("input without focus sends %+v; want nothing", got)
		}
		s.Focus(true)
		if got := r.take(); len(got) != 1 || got[0].header.Flags&wire.FlagFocused == 0 || got[0].pointer.X != 0 {
			t.Errorf("focus sends %+v; want one focused datagram", got)
		}
	})
}

// A host that never answers must not make the sender lose what is held.
func TestGivesUpWhenTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		for range wire.MaxEvents / 2 {
			s.Handle(key(keyA, true))
			s.Handle(key(keyA, false))
		}
		before := r.take()
		s.Handle(key(keyA, true))
		got := r.take()
		d := got[len(got)-1]
		if d.header.Epoch != before[0].header.Epoch+1 || d.events.First != wire.MaxEvents+1 || len(d.events.List) != 1 {
			t.Errorf("after giving up: epoch %d, events %d from %d; want a new epoch and one from %d",
				d.header.Epoch, len(d.events.List), d.events.First, wire.MaxEvents+1)
		}
		if d.keys == nil || !slices.Equal(d.keys.Held, []wire.Key{4}) {
			t.Errorf("after giving up: keys %+v; want A", d.keys)
		}
		if got := s.Stats().GivenUp; got != wire.MaxEvents {
			t.Errorf("Stats().GivenUp = %d; want %d", got, wire.MaxEvents)
		}
	})
}

func TestReconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s := run(t, inputs.Config{}, r)
		s.Handle(key(keyA, true))
		before := r.take()[0]
		s.Reconnected()
		d := r.take()[0]
		if len(d.events.List) != 0 || d.keys == nil || d.keys.LastEvent != 2 || !wire.Newer16(d.header.Epoch, before.header.Epoch) || d.header.Ack != 0 {
			t.Errorf("first datagram on a new channel = %+v; want an empty snapshot of a new epoch after event 2", d)
		}
	})
}

func TestAnswersOfTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		var lit []uint8
		s := run(t, inputs.Config{OnLEDs: func(l uint8) { lit = append(lit, l) }}, r)
		s.Handle(key(keyA, true))
		d := r.take()[0]
		time.Sleep(7 * time.Millisecond)
		answer := func(seq uint32, leds uint8) []byte {
			b := wire.AppendHeader(nil, wire.Header{Seq: seq, Ack: d.header.Seq})
			b = wire.AppendAck(b, wire.Ack{Next: 2, Echo: d.header.Time, Hold: 2 * time.Millisecond})
			return wire.AppendLEDs(b, wire.LEDs{Lit: leds})
		}
		s.Datagram(answer(5, wire.LEDCaps))
		s.Datagram(answer(6, wire.LEDCaps))
		s.Datagram(answer(4, wire.LEDNum)) // overtaken
		s.Datagram([]byte("not a datagram"))
		if got := s.RTT(); got < 4*time.Millisecond || got > 6*time.Millisecond {
			t.Errorf("RTT() = %v; want 5ms", got)
		}
		if !slices.Equal(lit, []uint8{wire.LEDCaps}) {
			t.Errorf("OnLEDs was called with %v; want once with caps lock", lit)
		}
		if got := s.Stats().Malformed; got != 1 {
			t.Errorf("Stats().Malformed = %d; want 1", got)
		}
		time.Sleep(60 * time.Millisecond)
		if got := r.take(); len(got) == 0 || got[0].header.Ack != 6 {
			t.Errorf("next datagram acknowledges %+v; want 6", got)
		}
	})
}

func TestWriteErrorEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		r.err = errors.New("channel closed")
		s, err := inputs.New(inputs.Config{Write: r.write})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); !errors.Is(err, r.err) {
			t.Errorf("Run = %v; want %v", err, r.err)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	write := func([]byte) error { return nil }
	for _, cfg := range []inputs.Config{{}, {Write: write, Interval: time.Microsecond}, {Write: write, Interval: time.Second}} {
		if _, err := inputs.New(cfg); err == nil {
			t.Errorf("New(%+v) = nil error; want one", cfg.Interval)
		}
	}
}

func TestKeyToChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		var l metric.Latency
		s := run(t, inputs.Config{KeyToChannel: &l}, r)
		ev := key(keyA, true)
		ev.Time = time.Now().Add(-3 * time.Millisecond)
		s.Handle(ev)
		time.Sleep(30 * time.Millisecond) // repeats do not count
		r.take()
		if q := l.Quantiles(); q.N != 1 || q.P50 < 2.9 || q.P50 > 3.1 {
			t.Errorf("KeyToChannel = %+v; want one of 3 ms", q)
		}
	})
}

// The end of a session is no failure, even if the channel went first.
func TestGoodbyeToAClosedChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		s, err := inputs.New(inputs.Config{Write: r.write})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		r.take()
		r.mu.Lock()
		r.err = errors.New("channel closed")
		r.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
}

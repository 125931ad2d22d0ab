package inputs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// wholeLog writes down the records of whole states, one datagram a line.
type wholeLog struct {
	t     *testing.T
	start time.Time
	mu    sync.Mutex
	lines []string
	sent  uint32 // the time in the newest datagram
	pads  [wire.MaxPads]wire.Pad
	touch map[uint8]wire.Touch
	pens  map[uint8]wire.Pen
}

func (l *wholeLog) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, err := wire.ParseDatagram(b)
	if err != nil {
		l.t.Errorf("Write got %d bytes: %v", len(b), err)
	}
	l.sent = d.Time
	line := ""
	for r, ok := d.Next(); ok; r, ok = d.Next() {
		if p, ok := r.Pad(); ok {
			line += fmt.Sprintf(" pad %d %v %x", p.Pad, p.Connected, p.Buttons)
			l.pads[p.Pad] = p
		}
		if p, ok := r.PadTouch(); ok {
			line += fmt.Sprintf(" padtouch %d %d", p.Pad, p.N)
		}
		if m, ok := r.PadMotion(); ok {
			line += fmt.Sprintf(" motion %d %d", m.Pad, m.GyroX)
		}
		if p, ok := r.Pen(); ok {
			line += fmt.Sprintf(" pen %d %v %v %d", p.Device, p.InRange, p.Touching, p.X)
			l.pens[p.Device] = p
		}
		var t wire.Touch
		if r.Touch(&t) {
			line += fmt.Sprintf(" touch %d:%d", t.Device, t.N)
			l.touch[t.Device] = t
		}
	}
	if line != "" {
		l.lines = append(l.lines, fmt.Sprintf("%d:%s", time.Since(l.start).Milliseconds(), line))
	}
	return nil
}

// take returns what was written since the last time.
func (l *wholeLog) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.lines
	l.lines, l.start = nil, time.Now()
	return all
}

// withWholes runs a sender in virtual time.
func withWholes(t *testing.T, cfg inputs.Config, do func(t *testing.T, s *inputs.Sender, l *wholeLog)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &wholeLog{t: t, start: time.Now(), touch: map[uint8]wire.Touch{}, pens: map[uint8]wire.Pen{}}
		cfg.Write = l.write
		s, err := inputs.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		stop := runSender(t, s)
		l.take()
		do(t, s, l)
		stop()
	})
}

func runSender(t *testing.T, s *inputs.Sender) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(t.Context()); err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
	synctest.Wait()
	return func() { s.Close(); wg.Wait() }
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: sent %q; want %q", what, got, want)
	}
}

// A pad's change goes at once and thrice more, what is held with every
// snapshot, a press that is over before it went all the same.
func TestPadGoes(t *testing.T) {
	withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
		s.Pad(input.Pad{Slot: 3, Connected: true})
		time.Sleep(40 * time.Millisecond)
		same(t, "plugged in", l.take(), "0: pad 3 true 0", "8: pad 3 true 0", "16: pad 3 true 0", "32: pad 3 true 0")
		s.Pad(input.Pad{Slot: 3, Connected: true, Buttons: 1})
		time.Sleep(140 * time.Millisecond)
		same(t, "pressed", l.take(), "0: pad 3 true 1", "8: pad 3 true 1", "16: pad 3 true 1", "32: pad 3 true 1", "82: pad 3 true 1", "132: pad 3 true 1")
		s.Pad(input.Pad{Slot: 3, Connected: true, Buttons: 1})
		time.Sleep(time.Millisecond)
		same(t, "the same again", l.take())
		s.Pad(input.Pad{Slot: 3})
		if got := l.take(); len(got) != 1 || got[0] != "0: pad 3 false 0" {
			t.Errorf("unplugged: sent %q", got)
		}
		s.Pad(input.Pad{Slot: 9})
		s.Pad(input.Pad{Slot: 16, Connected: true})
		same(t, "pads that are none", l.take())
	})
}

// A button that is pressed and let go while nothing can be written is seen.
func TestShortPress(t *testing.T) {
	l := &wholeLog{t: t, touch: map[uint8]wire.Touch{}, pens: map[uint8]wire.Pen{}}
	synctest.Test(t, func(t *testing.T) {
		l.start = time.Now()
		s, err := inputs.New(inputs.Config{Write: l.write})
		if err != nil {
			t.Fatal(err)
		}
		s.Pad(input.Pad{Connected: true}) // before Run: nothing is written yet
		s.Pad(input.Pad{Connected: true, Buttons: 5})
		s.Pad(input.Pad{Connected: true, Buttons: 4})
		s.Pad(input.Pad{Connected: true})
		stop := runSender(t, s)
		time.Sleep(3 * time.Millisecond)
		if got := l.take(); len(got) < 2 || got[0] != "0: pad 0 true 5" || got[1][len(got[1])-len(" pad 0 true 0"):] != " pad 0 true 0" {
			t.Errorf("a short press sent %q; want buttons 5, then 0", got)
		}
		stop()
	})
}

// Sticks and pens that move are added up like motion.
func TestWholesCoalesce(t *testing.T) {
	withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
		s.Pad(input.Pad{Connected: true})
		s.Pen(0, input.Pen{Device: 7, InRange: true})
		time.Sleep(100 * time.Millisecond)
		l.take()
		for i := range 100 { // 10 kHz for 10 ms
			s.Pad(input.Pad{Connected: true, LeftX: int16(i + 1)})
			s.Pen(0, input.Pen{Device: 7, InRange: true, X: uint16(i + 1)})
			time.Sleep(100 * time.Microsecond)
		}
		if n := len(l.take()); n < 4 || n > 7 {
			t.Errorf("10 ms of motion sent %d datagrams; want one each 2 ms", n)
		}
		time.Sleep(200 * time.Millisecond)
		l.take()
		if l.pads[0].LeftX != 100 || l.pens[7].X != 100 {
			t.Errorf("at last the host has %d, %d; want 100, 100", l.pads[0].LeftX, l.pens[7].X)
		}
	})
}

// Whatever is held is let go with the focus, an unplugged device and a new
// epoch, and pads stay plugged in.
func TestWholesRest(t *testing.T) {
	hold := func(s *inputs.Sender) {
		s.Pad(input.Pad{Slot: 1, Connected: true, Buttons: 3})
		s.Touch(0, &input.Touch{Device: 5, N: 2})
		s.Pen(0, input.Pen{Device: 6, InRange: true, Touching: true})
		s.PadTouch(input.PadTouch{Slot: 1, N: 1})
	}
	for name, let := range map[string]func(*inputs.Sender){
		"focus": func(s *inputs.Sender) { s.Focus(false) }, "epoch": (*inputs.Sender).ReleaseAll, "reconnect": (*inputs.Sender).Reconnected,
		"unplug": func(s *inputs.Sender) { s.Unplugged(5); s.Unplugged(6); s.Pad(input.Pad{Slot: 1, Connected: true}) },
	} {
		withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
			hold(s)
			time.Sleep(10 * time.Millisecond)
			l.take()
			if l.touch[5].N != 2 || !l.pens[6].Touching || l.pads[1].Buttons != 3 {
				t.Fatalf("%s: held: %+v", name, l)
			}
			let(s)
			l.take()
			if l.touch[5].N != 0 || l.pens[6].InRange || l.pads[1].Buttons != 0 || !l.pads[1].Connected {
				t.Errorf("%s: touch %d, pen %v, pad %+v; want all at rest and the pad plugged in", name, l.touch[5].N, l.pens[6].InRange, l.pads[1])
			}
		})
	}
	withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
		s.Focus(false)
		l.take()
		hold(s)
		time.Sleep(20 * time.Millisecond)
		l.take()
		if len(l.touch) > 0 || len(l.pens) > 0 || l.pads[1].Buttons != 0 || !l.pads[1].Connected {
			t.Errorf("without focus the host is told of %+v, %+v, %+v", l.touch, l.pens, l.pads[1])
		}
	})
}

// More than fits is sent in turns, and what makes no sense is left out.
func TestFullTable(t *testing.T) {
	withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
		for i := range uint8(60) {
			s.Handle(key(input.Usage(input.PageKeyboard<<16|4+uint32(i)), true)) // nobody acknowledges
		}
		for i := range uint8(wire.MaxPads) {
			s.Pad(input.Pad{Slot: i, Connected: true, Buttons: uint32(i) + 1})
		}
		for i := range uint8(20) {
			s.Touch(0, &input.Touch{Device: 50 + i, N: 200})
			s.Pen(0, input.Pen{Device: 100 + i, InRange: true})
		}
		time.Sleep(20 * time.Millisecond)
		l.take()
		for i := range l.pads {
			if l.pads[i].Buttons != uint32(i)+1 {
				t.Errorf("pad %d = %+v; want buttons %x", i, l.pads[i], i+1)
			}
		}
		if len(l.pens) != 4 {
			t.Errorf("%d pens; want the first 4", len(l.pens))
		}
		s.ReleaseAll() // the keys make way
		for i := range uint8(8) {
			s.Touch(0, &input.Touch{Device: 50 + i, N: 16})
		}
		for range 20 { // the host acknowledges
			time.Sleep(5 * time.Millisecond)
			s.Datagram(ack(0, 121))
		}
		l.take()
		for i := range uint8(8) {
			if l.touch[50+i].N != 16 {
				t.Errorf("touch screen %d has %d contacts; want 16", i, l.touch[50+i].N)
			}
		}
	})
}

// Motion goes as often as the host wants it.
func TestMotionRate(t *testing.T) {
	withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
		send := func() (n int) {
			for i := range 1000 {
				s.PadMotion(input.PadMotion{Slot: 2, GyroX: int16(i)})
				time.Sleep(time.Millisecond)
			}
			return len(l.take())
		}
		if n := send(); n != 0 {
			t.Errorf("%d samples were sent that nobody wants", n)
		}
		rate := func(seq uint32, hz uint16) {
			s.Datagram(wire.AppendMotionRate(wire.AppendHeader(nil, wire.Header{Seq: seq}), wire.MotionRate{Pad: 2, Hertz: hz}))
		}
		rate(1, 100)
		if n := send(); n < 95 || n > 125 {
			t.Errorf("%d samples of 1000 were sent at 100 Hz", n)
		}
		rate(3, 0)
		rate(2, 500) // overtaken
		if n := send(); n != 0 {
			t.Errorf("%d samples were sent after the end", n)
		}
	})
}

// What the host wants of pads is handed on once, in the order of its datagrams.
func TestFeedback(t *testing.T) {
	var got []string
	cfg := inputs.Config{OnFeedback: func(f inputs.Feedback) {
		got = append(got, fmt.Sprintf("%v %d %d %d", f.Type, f.Rumble.Low, f.RGB.R, f.Triggers.LeftType))
	}}
	withWholes(t, cfg, func(t *testing.T, s *inputs.Sender, _ *wholeLog) {
		b := wire.AppendRumble(wire.AppendHeader(nil, wire.Header{Seq: 2}), wire.Rumble{Low: 7})
		b = wire.AppendTriggers(wire.AppendRGB(b, wire.RGB{R: 8}), wire.Triggers{LeftType: 9})
		s.Datagram(b)
		s.Datagram(wire.AppendRumble(wire.AppendHeader(nil, wire.Header{Seq: 1}), wire.Rumble{Low: 1}))
		s.Datagram(b)
	})
	same(t, "feedback", got, "RUMBLE 7 0 0", "RGB 0 8 0", "TRIGGERS 0 0 9")
}

// Motion goes more often to a near host, less often while the line loses
// something.
func TestInterval(t *testing.T) {
	count := func(prepare func(*inputs.Sender, *wholeLog)) (n int) {
		withWholes(t, inputs.Config{}, func(t *testing.T, s *inputs.Sender, l *wholeLog) {
			s.Pad(input.Pad{Connected: true})
			l.take()
			prepare(s, l)
			time.Sleep(300 * time.Millisecond)
			l.take()
			for i := range 200 {
				s.Pad(input.Pad{Connected: true, LeftX: int16(i)})
				time.Sleep(100 * time.Microsecond)
			}
			n = len(l.take())
		})
		return n
	}
	usual := count(func(*inputs.Sender, *wholeLog) {})
	near := count(func(s *inputs.Sender, l *wholeLog) {
		time.Sleep(time.Millisecond)
		s.Datagram(wire.AppendAck(wire.AppendHeader(nil, wire.Header{Seq: 1}), wire.Ack{Next: 1, Echo: l.sent}))
	})
	lossy := count(func(s *inputs.Sender, _ *wholeLog) {
		for seq := uint32(1); seq < 200; seq += 2 {
			s.Datagram(wire.AppendHeader(nil, wire.Header{Seq: seq}))
		}
	})
	if usual < 9 || usual > 12 || near < 18 || near > 22 || lossy < 4 || lossy > 7 {
		t.Errorf("20 ms of motion went in %d datagrams, to a near host in %d, with loss in %d; want 10, 20 and 5", usual, near, lossy)
	}
}

func TestWholesAllocateNothing(t *testing.T) {
	s, err := inputs.New(inputs.Config{Write: func([]byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	stop := func() func() {
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(t.Context()) })
		return func() { s.Close(); wg.Wait() }
	}()
	defer stop()
	r := rand.New(rand.NewPCG(1, 1))
	touch := &input.Touch{Device: 1, N: 2}
	now := time.Now()
	if n := testing.AllocsPerRun(2000, func() {
		s.Pad(input.Pad{Connected: true, LeftX: int16(r.Uint32()), Buttons: r.Uint32() & 1, Time: now})
		touch.N = uint8(r.IntN(3))
		s.Touch(0, touch)
		s.Pen(0, input.Pen{Device: 2, InRange: true, X: uint16(r.Uint32()), Time: now})
	}); n != 0 {
		t.Errorf("three states made %v allocations; want 0", n)
	}
}

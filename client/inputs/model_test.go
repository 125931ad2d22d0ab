package inputs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// desk is what a computer makes of input: the model that the terminal's and
// the host's side are compared by. It is an inject.Injector.
type desk struct {
	mu       sync.Mutex
	x, y     int64
	v, h     int64
	at       [3]uint16 // absolute: screen, x, y
	held     map[input.Usage]bool
	pads     [wire.MaxPads]wire.Pad
	pressed  []press
	mistakes []string
}

// press is a key going down, where the pointer was and how far the wheel.
type press struct {
	usage input.Usage
	x, y  int64
	v     int64
	at    [3]uint16
}

func newDesk() *desk { return &desk{held: make(map[input.Usage]bool)} }

func (d *desk) Key(u input.Usage, down bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held[u] == down {
		d.mistakes = append(d.mistakes, fmt.Sprintf("%v is already %v", u, down))
	}
	if down {
		d.held[u] = true
		d.pressed = append(d.pressed, press{u, d.x, d.y, d.v, d.at})
	} else {
		delete(d.held, u)
	}
	return nil
}

func (d *desk) Motion(dx, dy int32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.x, d.y = d.x+int64(dx), d.y+int64(dy)
	return nil
}

func (d *desk) Absolute(screen uint8, x, y uint16) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = [3]uint16{uint16(screen), x, y}
	return nil
}

func (d *desk) Wheel(v, h int32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.v, d.h = d.v+int64(v), d.h+int64(h)
	return nil
}

func (d *desk) Sync() error { return nil }

func (d *desk) Pad(p wire.Pad) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.Connected && d.pads[p.Pad] == p {
		d.mistakes = append(d.mistakes, fmt.Sprintf("pad %d is already so", p.Pad))
	}
	d.pads[p.Pad] = p
	return nil
}

// apply does ev at once, as a perfect line would.
func (d *desk) apply(ev input.Event) {
	switch ev.Kind {
	case input.KindKey:
		if d.held[ev.Usage] != ev.Down {
			_ = d.Key(ev.Usage, ev.Down)
		}
	case input.KindMotion:
		_ = d.Motion(ev.DX, ev.DY)
	case input.KindAbsolute:
		_ = d.Absolute(ev.Screen, ev.X, ev.Y)
	case input.KindWheel:
		_ = d.Wheel(ev.DY, ev.DX)
	}
}

// line carries datagrams with loss, delay, reordering and duplicates.
type line struct {
	mu    sync.Mutex
	rand  *rand.Rand
	loss  float64
	delay time.Duration // at most
	cut   bool
	wg    sync.WaitGroup
}

func (l *line) send(b []byte, to func([]byte)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	copies := 1
	if l.rand.Float64() < 0.05 {
		copies = 2
	}
	for range copies {
		if l.cut || l.rand.Float64() < l.loss {
			continue
		}
		delay := time.Duration(l.rand.Int64N(int64(l.delay) + 1))
		packet := slices.Clone(b)
		l.wg.Go(func() {
			time.Sleep(delay)
			to(packet)
		})
	}
	return nil
}

func (l *line) set(loss float64, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loss, l.cut = loss, cut
}

// model is a person, a terminal, a line and a host.
type model struct {
	t        *testing.T
	rand     *rand.Rand
	line     *line
	sender   *inputs.Sender
	receiver *inject.Receiver
	want     *desk
	got      *desk
	focused  bool
	absolute bool                  // what the pointer does: a person does not do both at once
	holders  map[input.Usage]uint8 // a bit for each device that holds the key
	stop     func()
	crash    func()
}

func newModel(t *testing.T, seed uint64, loss float64) *model {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	m := &model{
		t: t, rand: r, holders: map[input.Usage]uint8{}, want: newDesk(), got: newDesk(), focused: true, absolute: r.IntN(2) == 0,
		line: &line{rand: rand.New(rand.NewPCG(seed, 2)), delay: 20 * time.Millisecond},
	}
	var err error
	m.receiver, err = inject.New(inject.Config{
		Injector: m.got,
		Write:    func(b []byte) error { return m.line.send(b, func(b []byte) { m.sender.Datagram(b) }) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.sender, err = inputs.New(inputs.Config{
		Write: func(b []byte) error { return m.line.send(b, m.receiver.Datagram) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.run()
	// The first datagram sets where the totals begin; a perfect line for it.
	time.Sleep(100 * time.Millisecond)
	m.line.set(loss, false)
	return m
}

func (m *model) run() {
	ctx, cancel := context.WithCancel(m.t.Context())
	crash, crashed := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.receiver.Run(ctx); err != nil {
			m.t.Errorf("Receiver.Run = %v; want nil", err)
		}
	})
	wg.Go(func() {
		if err := m.sender.Run(crash); err != nil {
			m.t.Errorf("Sender.Run = %v; want nil", err)
		}
	})
	m.crash = crashed
	m.stop = func() { cancel(); wg.Wait(); m.line.wg.Wait() }
}

// act does one thing that a person might do.
func (m *model) act() {
	ev := input.Event{Time: time.Now()}
	switch n := m.rand.IntN(100); {
	case n < 20:
		m.pad()
		return
	case n < 50:
		m.point(&ev)
	case n < 58:
		ev.Kind, ev.DX, ev.DY = input.KindWheel, int32(m.rand.IntN(3)-1)*30, int32(m.rand.IntN(5)-2)*120
	case n < 97:
		ev.Kind, ev.Down, ev.Device = input.KindKey, m.rand.IntN(2) == 0, uint8(m.rand.IntN(devices))
		ev.Usage = input.Usage(input.PageKeyboard<<16 | 4 + m.rand.IntN(6))
		if m.rand.IntN(3) == 0 {
			ev.Usage = input.Usage(input.PageButton<<16 | 1 + m.rand.IntN(3))
		}
	case n < 98:
		m.sender.ReleaseAll()
		m.release()
		return
	case n < 99:
		device := uint8(m.rand.IntN(devices))
		m.sender.Unplugged(device)
		m.unplug(device)
		return
	default:
		m.focused = !m.focused
		m.sender.Focus(m.focused)
		if !m.focused {
			m.release()
		}
		return
	}
	m.sender.Handle(ev)
	if m.focused {
		m.apply(ev)
	}
}

// pad changes one of three pads.
func (m *model) pad() {
	p := input.Pad{Slot: uint8(m.rand.IntN(3)), Connected: m.rand.IntN(20) > 0}
	if p.Connected {
		p.Buttons, p.LeftX, p.RightTrigger = uint32(m.rand.IntN(4)), int16(m.rand.IntN(3)*1000), uint16(m.rand.IntN(2)*500)
	}
	m.sender.Pad(p)
	want := wire.Pad{Pad: p.Slot, Connected: p.Connected, Buttons: p.Buttons, LeftX: p.LeftX, RightTrigger: p.RightTrigger}
	if !m.focused {
		want = want.Rest()
	}
	m.want.pads[p.Slot] = want
}

// devices is how many keyboards and mice the person has.
const devices = 3

// apply does ev on the desk that is to be: a key that two devices hold is down
// until the last lets go.
func (m *model) apply(ev input.Event) {
	if ev.Kind != input.KindKey {
		m.want.apply(ev)
		return
	}
	if ev.Down {
		m.holders[ev.Usage] |= 1 << ev.Device
	} else {
		m.holders[ev.Usage] &^= 1 << ev.Device
	}
	ev.Down = m.holders[ev.Usage] != 0
	m.want.apply(ev)
}

func (m *model) unplug(device uint8) {
	for u := range m.holders {
		m.apply(input.Event{Kind: input.KindKey, Usage: u, Device: device})
	}
}

func (m *model) point(ev *input.Event) {
	if m.absolute {
		ev.Kind, ev.Screen, ev.X, ev.Y = input.KindAbsolute, uint8(m.rand.IntN(3)), uint16(m.rand.Uint32()), uint16(m.rand.Uint32())
		return
	}
	ev.Kind, ev.DX, ev.DY = input.KindMotion, int32(m.rand.IntN(2001)-1000), int32(m.rand.IntN(2001)-1000)
}

func (m *model) release() {
	for i := range m.want.pads {
		m.want.pads[i] = m.want.pads[i].Rest()
	}
	clear(m.holders)
	for u := range m.want.held {
		delete(m.want.held, u)
	}
}

// compare checks that the host's side did what the person did.
func (m *model) compare() {
	m.t.Helper()
	want, got := m.want, m.got
	for _, mistake := range got.mistakes {
		m.t.Errorf("host: %s", mistake)
	}
	if got.x != want.x || got.y != want.y || got.v != want.v || got.h != want.h || got.at != want.at {
		m.t.Errorf("pointer and wheel = %d,%d %d,%d %v; want %d,%d %d,%d %v",
			got.x, got.y, got.v, got.h, got.at, want.x, want.y, want.v, want.h, want.at)
	}
	for i := range got.pads {
		g, w := got.pads[i], want.pads[i]
		if g.Connected != w.Connected || g.Connected && g != w {
			m.t.Errorf("pad %d = %+v; want %+v", i, g, w)
		}
	}
	if fmt.Sprint(got.held) != fmt.Sprint(want.held) {
		m.t.Errorf("held = %v; want %v", got.held, want.held)
	}
	if m.receiver.Stats().DeadMan > 0 || m.sender.Stats().GivenUp > 0 {
		return // keys went up and down again that the person held
	}
	if i := firstDifference(got.pressed, want.pressed); i >= 0 {
		m.t.Errorf("of %d presses number %d differs: %+v; want %+v", len(want.pressed), i, tail(got.pressed, i), tail(want.pressed, i))
	}
}

func firstDifference(a, b []press) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func tail(p []press, from int) []press { return p[min(from, len(p)):min(from+2, len(p))] }

// Whatever the line does, the host ends where the person is: every press once,
// in order and in its place, no motion lost, nothing stuck.
func TestModel(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for _, loss := range []float64{0, 0.03, 0.1, 0.3} {
		t.Run(fmt.Sprintf("loss %v", loss), func(t *testing.T) {
			for seed := range seeds {
				synctest.Test(t, func(t *testing.T) {
					m := newModel(t, seed, loss)
					for range 400 {
						m.act()
						time.Sleep(time.Duration(m.rand.Int64N(int64(15 * time.Millisecond))))
					}
					m.line.set(0, false)
					time.Sleep(3 * time.Second)
					synctest.Wait()
					m.compare()
					m.stop()
					if n := len(m.got.held); n != 0 {
						t.Errorf("after the end %d keys are held; want none", n)
					}
				})
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// A line that dies for longer than the dead-man's time lets keys go, and they
// come back with it.
func TestModelOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, 1, 0)
		m.sender.Handle(key(keyA, true))
		time.Sleep(50 * time.Millisecond)
		m.line.set(0, true)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(m.got.held) != 0 || m.receiver.Stats().DeadMan != 1 {
			t.Errorf("in an outage %v is held, %d dead-man releases; want nothing after one", m.got.held, m.receiver.Stats().DeadMan)
		}
		m.sender.Handle(motion(7, 8))
		m.line.set(0, false)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if !m.got.held[keyA] || m.got.x != 7 || m.got.y != 8 {
			t.Errorf("after the outage %v is held at %d,%d; want A at 7,8", m.got.held, m.got.x, m.got.y)
		}
		m.stop()
	})
}

// After an outage in which more happened than the sender remembers, the host
// goes on with what is held and with what comes then.
func TestModelLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, 4, 0)
		m.line.set(0, true)
		for range 100 {
			m.sender.Handle(key(keyA+1, true))
			m.sender.Handle(key(keyA+1, false))
		}
		m.sender.Handle(key(keyA, true))
		m.line.set(0, false)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if !m.got.held[keyA] || len(m.got.held) != 1 {
			t.Errorf("after the outage %v is held; want A", m.got.held)
		}
		m.sender.Handle(key(keyA+2, true))
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		if !m.got.held[keyA+2] {
			t.Errorf("a key after the outage: %v is held; want it too", m.got.held)
		}
		if given, host := m.sender.Stats().GivenUp, m.receiver.Stats().GivenUp; given == 0 || host != given {
			t.Errorf("given up by the terminal %d, by the host %d; want the same and some", given, host)
		}
		m.stop()
	})
}

// A terminal that dies without a word leaves nothing pressed.
func TestModelCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, 2, 0)
		m.sender.Handle(key(keyA, true))
		m.sender.Handle(key(input.ButtonLeft, true))
		time.Sleep(60 * time.Millisecond)
		m.line.set(0, true)
		m.crash()
		time.Sleep(350 * time.Millisecond)
		synctest.Wait()
		if len(m.got.held) != 0 {
			t.Errorf("after a crash %v is held; want nothing", m.got.held)
		}
		m.stop()
	})
}

// Goodbye releases at once.
func TestModelGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, 3, 0)
		m.sender.Handle(key(keyA, true))
		time.Sleep(60 * time.Millisecond)
		m.sender.Close()
		time.Sleep(21 * time.Millisecond)
		synctest.Wait()
		if len(m.got.held) != 0 {
			t.Errorf("after goodbye %v is held; want nothing", m.got.held)
		}
		m.stop()
	})
}

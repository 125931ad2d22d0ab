package devices_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/vmtest"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/devices"
	"github.com/blade-shadow/terminal/peripherals/evdev"
)

// TestVM runs the tests of real devices in a virtual terminal.
func TestVM(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{})
	vm.RunTests(t, "./peripherals/devices", vmtest.TestOptions{Require: []string{"uinput"}, Run: "^TestHardware"})
}

// person is what a person does through the kernel: keyboard, mouse and pointer
// of uinput.
type person struct {
	inject.Device
	t *testing.T
}

func newPerson(t *testing.T) *person {
	t.Helper()
	d, err := inject.Open(inject.DeviceConfig{Mode: inject.ModeUInput})
	if err != nil {
		if needs.Required("uinput") || !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &person{Device: d, t: t}
}

func (p *person) key(u input.Usage, down bool) {
	p.t.Helper()
	ok(p.t, p.Key(u, down))
	ok(p.t, p.Sync())
}

// book is a sink that remembers.
type book struct {
	mu     sync.Mutex // guards all
	keys   []string
	dx, dy int32
	wheel  int32
	at     [2]uint16
	gone   int
	pad    input.Pad
	touch  input.Touch
	pen    input.Pen
}

func (b *book) Handle(ev input.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev.Kind {
	case input.KindKey:
		b.keys = append(b.keys, fmt.Sprintf("%v %v", ev.Usage, ev.Down))
	case input.KindMotion:
		b.dx, b.dy = b.dx+ev.DX, b.dy+ev.DY
	case input.KindWheel:
		b.wheel += ev.DY
	case input.KindAbsolute:
		b.at = [2]uint16{ev.X, ev.Y}
	}
}

func (b *book) Pad(p input.Pad) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pad = p
}

func (b *book) Touch(t *input.Touch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.touch = *t
}

func (b *book) Pen(p *input.Pen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pen = *p
}

func (b *book) Unplugged(uint8) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone++
}

// take returns the keys so far.
func (b *book) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.keys
	b.keys = nil
	return all
}

func (b *book) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		yes := is()
		b.mu.Unlock()
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v; heard %q", what, patience, b.take())
		}
	}
}

// onHardware runs a manager over the kernel's devices and finds the person's.
func onHardware(t *testing.T) (p *person, b *book, m *devices.Manager) {
	t.Helper()
	p, b = newPerson(t), &book{}
	var err error
	m, err = devices.New(devices.Config{Sink: b})
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() { cancel(); ok(t, <-ended) })
	b.until(t, "the person's three devices are known", func() bool { return len(ours(m)) == 3 })
	return p, b, m
}

// ours are the devices that the test made.
func ours(m *devices.Manager) (all []devices.Device) {
	for _, d := range m.List() {
		if len(d.Name) > 15 && d.Name[:15] == "Shadow Terminal" {
			all = append(all, d)
		}
	}
	return all
}

// Every key that the kernel has a code for goes through the kernel and comes
// back as itself, or as the usage that stands for its code.
func TestHardwareKeys(t *testing.T) {
	p, b, _ := onHardware(t)
	codes, err := keycode.New()
	ok(t, err)
	n := 0
	for _, page := range []uint32{input.PageKeyboard, input.PageConsumer, input.PageSystem} {
		for id := range uint32(0x400) {
			u := input.Usage(page<<16 | id)
			code := codes.Code(u)
			if code == 0 {
				continue
			}
			n++
			p.key(u, true)
			p.key(u, false)
			b.until(t, fmt.Sprintf("key %v", u), func() bool { return len(b.keys) == 2 })
			stands := codes.Usage(code)
			if got, want := b.take(), []string{fmt.Sprintf("%v true", stands), fmt.Sprintf("%v false", stands)}; !slices.Equal(got, want) {
				t.Errorf("key %v came as %q; want %q", u, got, want)
			}
		}
	}
	if n < 340 {
		t.Errorf("%d keys were pressed; want 340 or more", n)
	}
}

func TestHardwarePointer(t *testing.T) {
	p, b, m := onHardware(t)
	kinds := map[string]int{}
	for _, d := range ours(m) {
		kinds[d.Kind]++
	}
	if fmt.Sprint(kinds) != "map[absolute pointer:1 keyboard:1 mouse:1]" {
		t.Errorf("kinds = %v; want a keyboard, a mouse and an absolute pointer", kinds)
	}
	for range 1000 {
		ok(t, p.Motion(3, -2))
		ok(t, p.Sync())
	}
	ok(t, p.Wheel(60, 0))
	ok(t, p.Sync())
	ok(t, p.Absolute(0, 0x1234, 0x4321))
	ok(t, p.Sync())
	b.until(t, "wheel and place", func() bool { return b.wheel == 60 && b.at != [2]uint16{} })
	b.mu.Lock()
	defer b.mu.Unlock()
	resyncs := uint64(0)
	for _, d := range ours(m) {
		resyncs += d.Stats.Resyncs
	}
	if (b.dx != 3000 || b.dy != -2000) && resyncs == 0 {
		t.Errorf("moved %d, %d; want 3000, -2000 of a kernel that dropped nothing", b.dx, b.dy)
	}
	if b.at != [2]uint16{0x1234, 0x4321} {
		t.Errorf("pointer at %x; want 1234 4321", b.at)
	}
	for i := range uint32(5) {
		p.key(input.ButtonLeft+input.Usage(i), true)
		p.key(input.ButtonLeft+input.Usage(i), false)
	}
}

// knows waits until a device of that name is read.
func knows(t *testing.T, b *book, m *devices.Manager, name string) {
	t.Helper()
	b.until(t, name+" is read", func() bool {
		return slices.ContainsFunc(m.List(), func(d devices.Device) bool { return d.Name == name && d.Route == devices.RouteHost })
	})
}

// What the host's side makes of touch screens, pens and pads is for the kernel
// what this side takes for them: all that touches, a pen's tilt, a pad's sticks,
// and its motors back.
func TestHardwareSurfacesAndPads(t *testing.T) {
	p, b, m := onHardware(t)
	host, yes := p.Device.(interface {
		inject.TouchInjector
		inject.PenInjector
		inject.PadInjector
		SetRumble(f func(wire.Rumble))
	})
	if !yes {
		t.Fatalf("%T has no touch screens, pens or pads", p.Device)
	}
	ok(t, host.Touch(&wire.Touch{Device: 1}))
	ok(t, p.Sync())
	knows(t, b, m, "Shadow Terminal touch screen 2")
	contacts := wire.Touch{Device: 1, N: 2, Contacts: [input.MaxContacts]input.Contact{
		{ID: 5, X: 0x1000, Y: 0x2000, Pressure: 0x8000}, {ID: 6, X: 0xffff, Tool: input.ToolPalm},
	}}
	ok(t, host.Touch(&contacts))
	ok(t, p.Sync())
	b.until(t, "two contacts", func() bool { return b.touch.N == 2 })
	if c := b.touch.Contacts; c[0].X != 0x1000 || c[0].Y != 0x2000 || c[0].Pressure != 0x8000 || c[1].X != 0xffff || c[1].Tool != input.ToolPalm {
		t.Errorf("contacts %+v; want those that were made", c[:2])
	}
	ok(t, host.Touch(&wire.Touch{Device: 1}))
	ok(t, p.Sync())
	b.until(t, "nothing touches", func() bool { return b.touch.N == 0 })

	ok(t, host.Pen(wire.Pen{Device: 2}))
	ok(t, p.Sync())
	knows(t, b, m, "Shadow Terminal pen 3")
	ok(t, host.Pen(wire.Pen{Device: 2, InRange: true, Touching: true, X: 0x1111, Y: 0x2222, Pressure: 0x3333, TiltX: -30, TiltY: 45, Buttons: 1}))
	ok(t, p.Sync())
	b.until(t, "the pen touches", func() bool { return b.pen.Touching })
	if g := b.pen; g.X != 0x1111 || g.Y != 0x2222 || g.Pressure != 0x3333 || g.TiltX != -30 || g.TiltY != 45 || g.Buttons != 1 {
		t.Errorf("pen %+v; want what was made", g)
	}

	shakes := make(chan wire.Rumble, 16)
	host.SetRumble(func(r wire.Rumble) { shakes <- r })
	ok(t, host.Pad(wire.Pad{Pad: 3, Connected: true, LeftX: -32767}))
	ok(t, p.Sync())
	knows(t, b, m, "Shadow Terminal pad 4")
	ok(t, host.Pad(wire.Pad{Pad: 3, Connected: true, LeftX: -32767, Buttons: 1 << input.PadNorth, RightTrigger: 0xffff}))
	ok(t, p.Sync())
	b.until(t, "north is pressed", func() bool { return b.pad.Buttons != 0 && b.pad.RightTrigger != 0 })
	if g := b.pad; g.Slot != 0 || !g.Connected || g.Buttons != 1<<input.PadNorth || g.LeftX > -32000 || g.RightTrigger != 0xffff {
		t.Errorf("pad %+v; want what was made", g)
	}
	feel := func(low, high uint16) {
		t.Helper()
		for {
			select {
			case r := <-shakes:
				if r.Pad == 3 && r.Low == low && r.High == high {
					return
				}
			case <-time.After(patience):
				t.Fatalf("the pad does not shake by %d, %d", low, high)
			}
		}
	}
	m.Rumble(0, 0x4000, 0x8000, 10*time.Second)
	feel(0x4000, 0x8000)
	m.Rumble(0, 0x1000, 0, 10*time.Second)
	feel(0x1000, 0)
	m.Rumble(0, 0, 0, 0)
	feel(0, 0)
	m.Rumble(0, 7, 7, 100*time.Millisecond)
	feel(7, 7)
	feel(0, 0) // by itself
	ok(t, host.Pad(wire.Pad{Pad: 3}))
	b.until(t, "the pad is gone", func() bool { return !b.pad.Connected })
}

// An unplugged keyboard lets go of its keys.
func TestHardwareUnplug(t *testing.T) {
	p, b, m := onHardware(t)
	p.key(0x70004, true)
	b.until(t, "the key is down", func() bool { return len(b.keys) == 1 })
	ok(t, p.Close())
	b.until(t, "three devices are gone", func() bool { return b.gone == 3 })
	if got, want := b.take(), []string{"07:0004 true", "07:0004 false"}; !slices.Equal(got, want) {
		t.Errorf("keys %q; want %q", got, want)
	}
	b.until(t, "the list is without them", func() bool { return len(ours(m)) == 0 })
}

// Lamps reach the keyboard, grabs keep others out, a mask keeps events out.
func TestHardwareLampsAndGrabs(t *testing.T) {
	p, b, m := onHardware(t)
	lit := make(chan uint8, 16)
	go func() {
		if r, ok := p.Device.(interface{ ReadLEDs(func(uint8)) error }); ok {
			_ = r.ReadLEDs(func(l uint8) { lit <- l })
		}
	}()
	m.SetLEDs(wire.LEDCaps)
	for deadline := time.After(patience); ; {
		select {
		case l := <-lit:
			if l != wire.LEDCaps {
				continue
			}
		case <-deadline:
			t.Fatal("caps lock is not lit")
		}
		break
	}
	m.Grab(true)
	var keyboard string
	for _, d := range ours(m) {
		if !d.Grabbed {
			t.Errorf("%s is not grabbed", d.Name)
		}
		if d.Kind == "keyboard" {
			keyboard = d.Path
		}
	}
	other, err := evdev.Open(keyboard)
	ok(t, err)
	defer other.Close()
	if err := other.Grab(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("Grab of another = %v; want EBUSY", err)
	}
	m.Grab(false)
	ok(t, other.Grab())
	ok(t, other.Ungrab())
	only := &evdev.Set{}
	only.Add(30)
	ok(t, other.Mask(evdev.Key, only))
	p.key(0x70005, true)
	p.key(0x70004, true)
	ok(t, other.Close())
	b.until(t, "both keys", func() bool { return len(b.keys) >= 2 })
}

// What the reader does when the kernel dropped events: a handler that sleeps
// while more come than the kernel keeps.
func TestHardwareDropped(t *testing.T) {
	p := newPerson(t)
	var dev *evdev.Device
	for end := time.Now().Add(patience); dev == nil; time.Sleep(time.Millisecond) {
		all, err := devices.Look("")
		ok(t, err)
		for _, d := range all {
			if d.Name == "Shadow Terminal keyboard" {
				dev, err = evdev.Open(d.Path)
				ok(t, err)
			}
		}
		if time.Now().After(end) {
			t.Fatal("the keyboard does not appear")
		}
	}
	defer dev.Close()
	for range 200 { // far beyond the ring; A is down at the end, B is not
		p.key(0x70004, true)
		p.key(0x70005, true)
		p.key(0x70004, false)
		p.key(0x70005, false)
	}
	p.key(0x70004, true)
	p.key(0x7002c, true) // the mark
	down := map[uint16]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := dev.Run(ctx, func(events []evdev.Event) {
		for _, e := range events {
			if e.Type == evdev.Key && e.Value != 2 {
				down[e.Code] = e.Value == 1
			}
		}
		if down[57] {
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !down[30] || down[48] || !down[57] || dev.Stats().Resyncs == 0 {
		t.Errorf("after %d resyncs A, B and space are down: %v, %v, %v; want A and space, some resyncs", dev.Stats().Resyncs, down[30], down[48], down[57])
	}
}

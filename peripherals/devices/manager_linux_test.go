package devices_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/chord"
	"github.com/blade-shadow/terminal/peripherals/devices"
	"github.com/blade-shadow/terminal/peripherals/evdev"
)

const patience = 20 * time.Second

// desk is a folder of devices that are pipes, and the sink of what they say.
type desk struct {
	t       *testing.T
	dir     string
	manager *devices.Manager

	mu    sync.Mutex // guards the rest
	infos map[string]evdev.Info
	far   map[string]*os.File
	heard []string
	hang  chan struct{} // nil, or the sink waits for it
	hung  bool
}

func (d *desk) Handle(ev input.Event) {
	d.mu.Lock()
	hang := d.hang
	d.hung = hang != nil
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	switch ev.Kind {
	case input.KindKey:
		d.note("%d: %v %v", ev.Device, ev.Usage, ev.Down)
	case input.KindMotion:
		d.note("%d: %d,%d", ev.Device, ev.DX, ev.DY)
	}
}

func (d *desk) Pad(p input.Pad) {
	d.note("pad %d: %v %#x %d,%d", p.Slot, p.Connected, p.Buttons, p.LeftX, p.LeftY)
}

func (d *desk) Touch(t *input.Touch) {
	text := fmt.Sprintf("%d: touch", t.Device)
	for _, c := range t.Contacts[:t.N] {
		text += fmt.Sprintf(" %d,%d", c.X, c.Y)
	}
	d.note("%s", text)
}

func (d *desk) Pen(p *input.Pen) {
	d.note("%d: pen %t %t %d,%d %d", p.Device, p.InRange, p.Touching, p.X, p.Y, p.Pressure)
}

func (d *desk) Unplugged(device uint8) { d.note("%d: unplugged", device) }

func (d *desk) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = append(d.heard, fmt.Sprintf(format, args...))
}

// plug makes a device appear.
func (d *desk) plug(node, phys string, keys, rel []uint16) {
	d.t.Helper()
	i := evdev.Info{Path: filepath.Join(d.dir, node), Name: node, Phys: phys}
	for _, k := range keys {
		i.Caps.Keys.Add(k)
	}
	for _, r := range rel {
		i.Caps.Rel.Add(r)
	}
	d.plugged(node, i)
}

// plugged makes a device appear that is described whole.
func (d *desk) plugged(node string, i evdev.Info) {
	d.t.Helper()
	i.Path = filepath.Join(d.dir, node)
	d.mu.Lock()
	d.infos[i.Path] = i
	d.mu.Unlock()
	ok(d.t, os.WriteFile(i.Path, nil, 0o600))
	d.manager.Rescan()
}

func (d *desk) open(path string) (*evdev.Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i, there := d.infos[path]
	if !there {
		return nil, unix.ENXIO
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	d.far[filepath.Base(path)] = w
	return evdev.FromFile(r, i)
}

func (d *desk) unplug(node string) {
	d.t.Helper()
	ok(d.t, os.Remove(filepath.Join(d.dir, node)))
	d.manager.Rescan()
}

// send has a device report codes of keys, negative for up.
func (d *desk) send(node string, codes ...int) {
	d.t.Helper()
	var b []byte
	add := func(kind, code uint16, value int32) {
		b = append(b, make([]byte, 16)...)
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, code)
		b = binary.NativeEndian.AppendUint32(b, uint32(value))
	}
	for _, c := range codes {
		if c < 0 {
			add(evdev.Key, uint16(-c), 0)
		} else {
			add(evdev.Key, uint16(c), 1)
		}
		add(evdev.Syn, 0, 0)
	}
	d.mu.Lock()
	w := d.far[node]
	d.mu.Unlock()
	_, err := w.Write(b)
	ok(d.t, err)
}

// until waits until the sink has heard this since the last time.
func (d *desk) until(want ...string) {
	d.t.Helper()
	d.when(fmt.Sprintf("the sink hears %q", want), func() bool { return slices.Equal(d.heard, want) })
	d.mu.Lock()
	d.heard = nil
	d.mu.Unlock()
}

func (d *desk) when(what string, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		d.mu.Lock()
		yes := is()
		heard := slices.Clone(d.heard)
		d.mu.Unlock()
		if yes {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("%s: not within %v; heard %q", what, patience, heard)
		}
	}
}

// listed waits for devices on the list, as "node kind route number".
func (d *desk) listed(want ...string) {
	d.t.Helper()
	var got []string
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got = nil
		for _, v := range d.manager.List() {
			got = append(got, fmt.Sprintf("%s %s %s %d", filepath.Base(v.Path), v.Kind, v.Route, v.Number))
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("List() = %q; want %q", got, want)
		}
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newDesk runs a manager until the test ends.
func newDesk(t *testing.T, cfg devices.Config) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), infos: map[string]evdev.Info{}, far: map[string]*os.File{}}
	cfg.Dir, cfg.Open, cfg.Sink = d.dir, d.open, d
	var err error
	d.manager, err = devices.New(cfg)
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.manager.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			ok(t, err)
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	return d
}

// every returns the numbers from a to b.
func every(a, b uint16) (all []uint16) {
	for ; a <= b; a++ {
		all = append(all, a)
	}
	return all
}

func TestPlugAndUnplug(t *testing.T) {
	d := newDesk(t, devices.Config{})
	d.plug("event0", "usb-1/input0", every(1, 127), nil)
	d.plug("event1", "usb-1/input1", every(272, 276), []uint16{0, 1})
	d.plug("event2", "usb-2/input0", every(272, 276), []uint16{0, 1})
	d.plug("event10", "", []uint16{116}, nil)
	ok(t, os.WriteFile(filepath.Join(d.dir, "event11"), nil, 0o600)) // cannot be opened
	d.manager.Rescan()
	d.when("four devices are known", func() bool { return len(d.manager.List()) == 4 })
	list := d.manager.List()
	usb1, usb2 := list[0].Number, list[2].Number
	if usb1 == usb2 || usb1 == 0 || usb2 == 0 {
		t.Errorf("plugs have the numbers %d and %d; want others than 0 and each other", usb1, usb2)
	}
	d.listed(fmt.Sprintf("event0 keyboard host %d", usb1), fmt.Sprintf("event1 mouse host %d", usb1), fmt.Sprintf("event2 mouse host %d", usb2), "event10 switch none 0")
	d.send("event0", 30, -30)
	d.until(fmt.Sprintf("%d: 07:0004 true", usb1), fmt.Sprintf("%d: 07:0004 false", usb1))
	d.send("event0", 30, 31)
	d.until(fmt.Sprintf("%d: 07:0004 true", usb1), fmt.Sprintf("%d: 07:0016 true", usb1))
	// Unplugged with keys down, noticed by the folder.
	d.unplug("event0")
	d.until(fmt.Sprintf("%d: 07:0004 false", usb1), fmt.Sprintf("%d: 07:0016 false", usb1), fmt.Sprintf("%d: unplugged", usb1))
	// And by the device itself.
	d.send("event2", 272)
	d.until(fmt.Sprintf("%d: 09:0001 true", usb2))
	ok(t, d.far["event2"].Close())
	d.until(fmt.Sprintf("%d: 09:0001 false", usb2), fmt.Sprintf("%d: unplugged", usb2))
	d.unplug("event2")
	d.listed(fmt.Sprintf("event1 mouse host %d", usb1), "event10 switch none 0")
	// Back in the same port it is the same device.
	d.plug("event3", "usb-2/input0", every(272, 276), []uint16{0, 1})
	d.listed(fmt.Sprintf("event1 mouse host %d", usb1), fmt.Sprintf("event3 mouse host %d", usb2), "event10 switch none 0")
}

func TestKinds(t *testing.T) {
	d := newDesk(t, devices.Config{Kinds: func(k input.DeviceKind) bool { return k == input.DeviceMouse }})
	d.plug("event0", "usb-1/input0", every(1, 127), nil)
	d.plug("event1", "usb-2/input0", every(272, 276), []uint16{0, 1})
	d.when("two devices are known", func() bool { return len(d.manager.List()) == 2 })
	if l := d.manager.List(); l[0].Route != devices.RouteNone || !strings.Contains(l[0].RouteWhy, "window system") || l[1].Route != devices.RouteHost {
		t.Errorf("List() = %+v; want the mouse alone to go to the host", l)
	}
}

// More devices than the chord can tell apart are not read, and hurt nobody.
func TestTooManyDevices(t *testing.T) {
	d := newDesk(t, devices.Config{})
	for i := range chord.MaxDevices + 5 {
		d.plug(fmt.Sprintf("event%d", i), "", every(1, 127), nil)
	}
	d.when("all are known", func() bool { return len(d.manager.List()) == chord.MaxDevices+5 })
	numbers := map[uint8]bool{}
	for _, v := range d.manager.List() {
		if v.Route == devices.RouteHost {
			numbers[v.Number] = true
		}
	}
	if len(numbers) != chord.MaxDevices {
		t.Errorf("%d devices are read under numbers of their own; want %d", len(numbers), chord.MaxDevices)
	}
}

// The chord is heard while the sink hangs, on devices that hang with it and on
// others, and afterwards no key sticks.
func TestChordWhileSinkHangs(t *testing.T) {
	did := make(chan chord.Action, 4)
	w := chord.New(chord.Config{OnAction: func(a chord.Action) { did <- a }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = w.Run(ctx) }()
	d := newDesk(t, devices.Config{Chord: w})
	d.plug("event0", "usb-1/input0", every(1, 127), nil)
	d.when("it is known", func() bool { return len(d.manager.List()) == 1 })
	number := d.manager.List()[0].Number

	hang := make(chan struct{})
	d.mu.Lock()
	d.hang = hang
	d.mu.Unlock()
	d.send("event0", 30)
	d.when("the sink hangs", func() bool { return d.hung })
	d.send("event0", -30, 29, 56, 42, 1)
	time.Sleep(6500 * time.Millisecond) // a person holds the chord; it is heard up to 0.75 s late
	d.send("event0", -29, -56, -42, -1)
	select {
	case a := <-did:
		if a != chord.RestartSession {
			t.Errorf("action %v; want %v", a, chord.RestartSession)
		}
	case <-time.After(patience):
		t.Fatal("the chord is not heard while the sink hangs")
	}
	d.mu.Lock()
	d.hang = nil
	d.mu.Unlock()
	close(hang)
	d.when("the sink goes on", func() bool { return len(d.heard) >= 1 })
	// A pipe has no state to read again: what is stolen meanwhile is lost.
	next := fmt.Sprintf("%d: 07:0016 true", number)
	d.when("the next key comes", func() bool {
		if slices.Contains(d.heard, next) {
			return true
		}
		d.mu.Unlock()
		d.send("event0", -31, 31)
		time.Sleep(20 * time.Millisecond)
		d.mu.Lock()
		return false
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	down := map[string]bool{}
	for _, h := range d.heard {
		key, is, _ := strings.Cut(strings.TrimPrefix(h, fmt.Sprintf("%d: ", number)), " ")
		down[key] = is == "true"
	}
	for key, is := range down {
		if is != (key == "07:0016") {
			t.Errorf("after the hang %s is down: %v; heard %q", key, is, d.heard)
		}
	}
}

func TestGrabWithoutKernel(t *testing.T) {
	d := newDesk(t, devices.Config{})
	d.plug("event0", "", every(1, 127), nil)
	d.when("it is known", func() bool { return len(d.manager.List()) == 1 })
	d.manager.Grab(true) // refused by what is no device
	d.manager.SetLEDs(3)
	if d.manager.List()[0].Grabbed {
		t.Error("a pipe is grabbed; want it refused")
	}
	d.manager.Grab(false)
	if _, err := devices.New(devices.Config{}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("New without a sink = %v; want an error", err)
	}
}

// TestPads proves that a pad keeps its slot, that one report is one state, and
// that a pad that is gone is gone for the host.
func TestPads(t *testing.T) {
	d := newDesk(t, devices.Config{})
	const south, start = 0x130, 0x13b
	pad := []uint16{south, 0x131, 0x133, 0x134, start}
	d.plug("event1", "usb-1/input0", pad, nil)
	d.until("pad 0: true 0x0 0,0")
	d.plug("event2", "usb-2/input0", pad, nil)
	d.until("pad 1: true 0x0 0,0")
	d.send("event2", south)
	d.until("pad 1: true 0x1 0,0")
	d.send("event1", start, -start)
	d.until("pad 0: true 0x200 0,0", "pad 0: true 0x0 0,0")
	d.unplug("event1")
	d.until("pad 0: false 0x0 0,0", "1: unplugged")
	d.plug("event3", "usb-1/input0", pad, nil) // the same socket
	d.until("pad 0: true 0x0 0,0")
	d.send("event3", south)
	d.until("pad 0: true 0x1 0,0")
	for _, about := range d.manager.List() {
		if about.Pad == nil || about.Route != devices.RouteHost {
			t.Errorf("%s: pad %v, route %s (%s); want a slot and the host", about.Path, about.Pad, about.Route, about.RouteWhy)
		}
	}
}

// report has a device report axes and keys, each a type, a code and a value.
func (d *desk) report(node string, events ...[3]int32) {
	d.t.Helper()
	var b []byte
	for _, e := range append(events, [3]int32{}) {
		b = append(b, make([]byte, 16)...)
		b = binary.NativeEndian.AppendUint16(b, uint16(e[0]))
		b = binary.NativeEndian.AppendUint16(b, uint16(e[1]))
		b = binary.NativeEndian.AppendUint32(b, uint32(e[2]))
	}
	d.mu.Lock()
	w := d.far[node]
	d.mu.Unlock()
	if _, err := w.Write(b); err != nil {
		d.t.Fatal(err)
	}
}

// surfaceOf describes a device with axes from 0 to 1000.
func surfaceOf(phys string, props, keys []uint16, axes ...uint16) evdev.Info {
	i := evdev.Info{Name: phys, Phys: phys}
	for _, p := range props {
		i.Caps.Props.Add(p)
	}
	for _, k := range keys {
		i.Caps.Keys.Add(k)
	}
	for _, a := range axes {
		i.Caps.Abs.Add(a)
		i.Axes = append(i.Axes, evdev.Axis{Code: a, Max: 1000, Resolution: 10})
	}
	return i
}

// TestSurfaces proves that touch screens and pens reach the host with all that
// touches, that a touchpad is a mouse there, but not while somebody types, and
// that nothing touches any more when they are gone.
func TestSurfaces(t *testing.T) {
	d := newDesk(t, devices.Config{})
	const (
		abs, key = 3, 1
		slot, id = 0x2f, 0x39
		x, y     = 0x35, 0x36
	)
	d.plugged("event1", surfaceOf("usb-1/input0", []uint16{1}, []uint16{0x14a}, slot, id, x, y))
	d.when("event1 is open", func() bool { return d.far["event1"] != nil })
	d.plugged("event2", surfaceOf("usb-2/input0", nil, []uint16{0x140, 0x14a, 0x14b}, 0, 1, 0x18))
	d.when("event2 is open", func() bool { return d.far["event2"] != nil })
	d.plugged("event3", surfaceOf("i2c-3/input0", []uint16{0}, []uint16{0x110, 0x145, 0x14a}, slot, id, x, y))
	d.when("event3 is open", func() bool { return d.far["event3"] != nil })
	d.plug("event4", "usb-4/input0", every(1, 127), nil)
	d.when("event4 is open", func() bool { return d.far["event4"] != nil })

	d.report("event1", [3]int32{abs, id, 1}, [3]int32{abs, x, 500}, [3]int32{abs, y, 1000})
	d.until("1: touch 32767,65535")
	d.report("event2", [3]int32{key, 0x140, 1}, [3]int32{key, 0x14a, 1}, [3]int32{abs, 0x18, 1000}, [3]int32{abs, 0, 1000})
	d.until("2: pen true true 65535,0 65535")
	tap := func() {
		d.report("event3", [3]int32{abs, slot, 0}, [3]int32{abs, id, 1}, [3]int32{abs, x, 500}, [3]int32{abs, y, 300})
		d.report("event3", [3]int32{abs, slot, 0}, [3]int32{abs, id, -1})
	}
	tap()
	d.until("3: 09:0001 true", "3: 09:0001 false")
	d.send("event4", 30)
	d.until("4: 07:0004 true")
	tap()
	d.unplug("event1")
	d.until("1: touch", "1: unplugged") // and no click of the tap in between
	d.unplug("event2")
	d.until("2: pen false false 0,0 0", "2: unplugged")
	for _, about := range d.manager.List() {
		if about.Route != devices.RouteHost {
			t.Errorf("%s goes to %s (%s); want the host", about.Name, about.Route, about.RouteWhy)
		}
	}
}

// TestPadIsMouse holds Start: the host's pad rests, the stick moves the pointer,
// the lower button clicks.
func TestPadIsMouse(t *testing.T) {
	d := newDesk(t, devices.Config{})
	const south, start = 0x130, 0x13b
	i := surfaceOf("usb-1/input0", nil, []uint16{south, 0x131, 0x133, 0x134, start}, 0, 1, 3, 4)
	for k := range i.Axes { // in the middle
		i.Axes[k].Value = 500
	}
	d.plugged("event1", i)
	d.until("pad 0: true 0x0 0,0")
	d.send("event1", start)
	d.when("Start is held long enough", func() bool {
		return slices.Equal(d.heard, []string{"pad 0: true 0x200 0,0", "pad 0: true 0x0 0,0"})
	})
	d.until("pad 0: true 0x200 0,0", "pad 0: true 0x0 0,0")
	d.send("event1", -start, south, -south)
	d.until("1: 09:0001 true", "1: 09:0001 false")
	d.report("event1", [3]int32{3, 3, 1000})
	d.when("the pointer moves", func() bool { return len(d.heard) > 3 && strings.HasSuffix(d.heard[0], ",0") })
	d.unplug("event1")
	d.when("the pad is gone", func() bool { return slices.Contains(d.heard, "pad 0: false 0x0 0,0") })
}

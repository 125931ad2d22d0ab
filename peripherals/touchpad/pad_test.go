package touchpad_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/touch"
	"github.com/blade-shadow/terminal/peripherals/touchpad"
)

// laptop is a pad of 100 by 60 mm with 10 units a millimetre and one button.
var laptop = touch.Device{
	Keys: []uint16{0x110, 0x145, 0x14a},
	Axes: []touch.Axis{
		{Code: 0x2f, Max: 4},
		{Code: 0x39, Max: 65535},
		{Code: 0x35, Max: 1000, Resolution: 10},
		{Code: 0x36, Max: 600, Resolution: 10},
		{Code: 0x37, Max: 2},
		{Code: 0x30, Max: 1000},
	},
}

// hand is what fingers do on a pad, in virtual time.
type hand struct {
	t    *testing.T
	pad  *touchpad.Pad
	dx   int32
	dy   int32
	wx   int32
	wy   int32
	next int32

	mu  sync.Mutex // guards out: a timer lets go after taps
	out []string
}

// on runs a test with a hand on a pad.
func on(t *testing.T, d touch.Device, do func(h *hand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &hand{t: t}
		h.pad = touchpad.New(touchpad.Config{Number: 7, Device: d, Emit: h.emit})
		time.Sleep(time.Hour) // since anybody typed
		do(h)
		time.Sleep(time.Second)
		synctest.Wait()
		h.pad.Release(time.Now())
	})
}

func (h *hand) emit(ev input.Event) {
	if ev.Device != 7 || ev.Time.IsZero() {
		h.t.Errorf("event of device %d at %v", ev.Device, ev.Time)
	}
	switch ev.Kind {
	case input.KindMotion:
		h.dx, h.dy = h.dx+ev.DX, h.dy+ev.DY
	case input.KindWheel:
		h.wx, h.wy = h.wx+ev.DX, h.wy+ev.DY
	default:
		name := map[input.Usage]string{input.ButtonLeft: "left", input.ButtonRight: "right", input.ButtonMiddle: "middle"}[ev.Usage]
		if !ev.Down {
			name = "-" + name
		}
		h.mu.Lock()
		h.out = append(h.out, name)
		h.mu.Unlock()
	}
}

func (h *hand) send(kind, code uint16, value int32) { h.pad.Event(kind, code, value, time.Now()) }

// put puts a finger down at a place in mm, or moves it there.
func (h *hand) put(slot int, x, y float64, fresh bool) {
	h.send(3, 0x2f, int32(slot))
	if fresh {
		h.next++
		h.send(3, 0x39, h.next)
	}
	h.send(3, 0x35, int32(x*10))
	h.send(3, 0x36, int32(y*10))
}

func (h *hand) lift(slots ...int) {
	for _, s := range slots {
		h.send(3, 0x2f, int32(s))
		h.send(3, 0x39, -1)
	}
	h.report()
}

func (h *hand) report() { h.send(0, 0, 0) }

// down puts fingers side by side in the middle.
func (h *hand) down(n int) {
	for i := range n {
		h.put(i, 40+15*float64(i), 30, true)
	}
	h.report()
}

// drag moves n fingers by mm, at so many mm a second.
func (h *hand) drag(n int, dx, dy, speed float64) {
	steps := max(int(math.Hypot(dx, dy)/speed/0.008), 1)
	for k := 1; k <= steps; k++ {
		time.Sleep(8 * time.Millisecond)
		part := float64(k) / float64(steps)
		for i := range n {
			h.put(i, 40+15*float64(i)+dx*part, 30+dy*part, false)
		}
		h.report()
	}
}

func (h *hand) tap(n int) {
	h.down(n)
	time.Sleep(80 * time.Millisecond)
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	h.lift(all...)
}

func (h *hand) wait(d time.Duration) { time.Sleep(d); synctest.Wait() }

func (h *hand) said(what string, want ...string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.out, want) {
		h.t.Errorf("%s: %q; want %q", what, h.out, want)
	}
	h.out = nil
}

func TestTaps(t *testing.T) {
	on(t, laptop, func(h *hand) {
		for n, want := range map[int]string{1: "left", 2: "right", 3: "middle"} {
			h.tap(n)
			h.said("at the tap", want)
			h.wait(time.Second)
			h.said("after it", "-"+want)
		}
		h.tap(4)
		h.wait(time.Second)
		h.said("four fingers")
		h.down(1)
		h.wait(300 * time.Millisecond)
		h.lift(0)
		h.wait(time.Second)
		h.said("a long touch")
		h.down(1)
		h.drag(1, 3, 0, 100)
		h.lift(0)
		h.wait(time.Second)
		h.said("a short stroke")
		// Fingers of a tap need not come and go at one time.
		h.down(1)
		h.wait(20 * time.Millisecond)
		h.put(1, 60, 30, true)
		h.report()
		h.wait(20 * time.Millisecond)
		h.lift(0)
		h.wait(20 * time.Millisecond)
		h.lift(1)
		h.wait(time.Second)
		h.said("two fingers, one after the other", "right", "-right")
	})
}

func TestTapAndDrag(t *testing.T) {
	on(t, laptop, func(h *hand) {
		h.tap(1)
		h.wait(100 * time.Millisecond)
		h.down(1)
		h.drag(1, 20, 0, 50)
		h.wait(time.Second)
		h.said("while it drags", "left")
		if h.dx < 100 {
			h.t.Errorf("dragged by %d counts", h.dx)
		}
		h.lift(0)
		h.said("lifted", "-left")
		h.tap(1)
		h.wait(50 * time.Millisecond)
		h.tap(1)
		h.wait(time.Second)
		h.said("two taps", "left", "-left", "left", "-left")
	})
}

func TestPointer(t *testing.T) {
	var far [2]int32
	for i, speed := range []float64{10, 300} {
		on(t, laptop, func(h *hand) {
			h.down(1)
			h.drag(1, 30, -15, speed)
			h.lift(0)
			h.said("motion")
			far[i] = h.dx
			if r := float64(h.dy) / float64(h.dx); math.Abs(r+0.5) > 0.05 {
				h.t.Errorf("moved by %d, %d; want the stroke's direction", h.dx, h.dy)
			}
		})
	}
	if far[0] < 200 || far[0] > 280 || far[1] < 2*far[0] {
		t.Errorf("30 mm are %d counts slowly and %d fast; want about 240, and far more", far[0], far[1])
	}
	on(t, laptop, func(h *hand) {
		h.down(1)
		h.put(0, 40.2, 30, false)
		h.report()
		if h.dx != 0 {
			h.t.Errorf("0.2 mm moved the pointer by %d", h.dx)
		}
	})
}

func TestScroll(t *testing.T) {
	on(t, laptop, func(h *hand) {
		h.down(2)
		h.drag(2, 0, 24, 50)
		if h.wy < -480 || h.wy > -450 || h.wx != 0 || h.dx != 0 || h.dy != 0 {
			h.t.Errorf("24 mm down: wheel %d, %d, motion %d, %d; want -480 at most, no motion", h.wx, h.wy, h.dx, h.dy)
		}
		h.lift(0, 1)
		h.wait(time.Second)
		h.said("scrolling")
		if h.wy < -480 {
			h.t.Error("it scrolled on after the lift")
		}
	})
}

func TestButton(t *testing.T) {
	on(t, laptop, func(h *hand) {
		for n, want := range map[int]string{0: "left", 1: "left", 2: "right", 3: "middle"} {
			h.down(n)
			h.send(1, 0x110, 1)
			h.report()
			h.wait(300 * time.Millisecond)
			h.send(1, 0x110, 0)
			h.report()
			h.said(fmt.Sprint(n, " fingers"), want, "-"+want)
			for i := range n {
				h.lift(i)
			}
			h.wait(time.Second)
			h.said("lifted")
		}
		// One presses, another moves.
		h.down(2)
		h.send(1, 0x110, 1)
		h.drag(1, 20, 0, 50)
		if h.dx < 100 || h.wx != 0 {
			h.t.Errorf("moved by %d, scrolled by %d; want the pointer dragged", h.dx, h.wx)
		}
		h.send(1, 0x110, 0)
	})
	two := laptop
	two.Keys = append(slices.Clone(two.Keys), 0x111)
	on(t, two, func(h *hand) {
		h.down(2)
		h.send(1, 0x110, 1)
		h.send(1, 0x110, 0)
		h.send(1, 0x111, 1)
		h.send(1, 0x111, 0)
		h.said("a pad with two buttons", "left", "-left", "right", "-right")
	})
}

func TestPalms(t *testing.T) {
	on(t, laptop, func(h *hand) {
		h.put(0, 1, 30, true) // at the side
		h.report()
		h.wait(50 * time.Millisecond)
		h.lift(0)
		h.wait(time.Second)
		h.said("a palm at the side")
		h.put(0, 1, 30, true)
		h.report()
		for x := 2.0; x < 40; x++ {
			h.wait(8 * time.Millisecond)
			h.put(0, x, 30, false)
			h.report()
		}
		if h.dx == 0 {
			h.t.Error("a finger that came in from the side moves nothing")
		}
		h.lift(0)
		h.dx = 0
		// A thumb rests while another finger moves.
		h.put(0, 40, 20, true)
		h.report()
		h.put(1, 50, 58, true)
		h.report()
		for y := 20.0; y > 5; y-- {
			h.wait(8 * time.Millisecond)
			h.put(0, 40, y, false)
			h.report()
		}
		if h.wy != 0 || h.dy == 0 {
			h.t.Errorf("with a thumb: wheel %d, motion %d; want motion", h.wy, h.dy)
		}
		h.lift(0, 1)
		h.wait(time.Second)
		h.said("the thumb")
		h.put(0, 50, 30, true)
		h.send(3, 0x37, 2)
		h.report()
		h.wait(50 * time.Millisecond)
		h.lift(0)
		h.wait(time.Second)
		h.said("what the pad itself takes for a palm")
		h.pad.Typed(time.Now())
		h.wait(100 * time.Millisecond)
		h.send(3, 0x37, 0)
		h.tap(1)
		h.wait(time.Second)
		h.said("a tap while typing")
		h.tap(1)
		h.wait(time.Second)
		h.said("a tap after typing", "left", "-left")
	})
}

// Nothing stays pressed when the pad goes away.
func TestRelease(t *testing.T) {
	on(t, laptop, func(h *hand) {
		h.tap(1)
		h.pad.Release(time.Now())
		h.wait(time.Second)
		h.said("unplugged after a tap", "left", "-left")
		h.send(1, 0x110, 1)
		h.pad.Release(time.Now())
		h.said("unplugged with its button down", "left", "-left")
	})
}

// A pad that does not tell its size, and one finger at a time.
func TestOldPad(t *testing.T) {
	d := touch.Device{Keys: []uint16{0x110, 0x14a}, Axes: []touch.Axis{{Code: 0, Max: 1000}, {Code: 1, Max: 600}}}
	on(t, d, func(h *hand) {
		h.send(3, 0, 500)
		h.send(3, 1, 300)
		h.send(1, 0x14a, 1)
		h.report()
		for x := int32(500); x < 700; x += 2 {
			h.wait(8 * time.Millisecond)
			h.send(3, 0, x)
			h.report()
		}
		if h.dx < 120 {
			h.t.Errorf("20 mm are %d counts", h.dx)
		}
	})
}

func FuzzPad(f *testing.F) {
	f.Add([]byte{3, 0, 0x39, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x10, 1, 1, 0, 0, 0}, int32(0), int32(1000), int32(10))
	f.Add([]byte{3, 0, 0x35, 0, 255, 255, 255, 127, 0, 0, 0, 0, 0, 0, 0, 0}, int32(math.MinInt32), int32(math.MaxInt32), int32(-1))
	f.Fuzz(func(t *testing.T, b []byte, least, most, resolution int32) {
		held := map[input.Usage]bool{}
		p := touchpad.New(touchpad.Config{Device: touch.Device{Axes: []touch.Axis{
			{Code: 0x2f}, {Code: 0x35, Min: least, Max: most, Resolution: resolution}, {Code: 0x36, Min: least, Max: most, Resolution: resolution},
		}}, Emit: func(ev input.Event) {
			if ev.Kind == input.KindKey {
				if held[ev.Usage] == ev.Down {
					t.Errorf("button %v twice %t", ev.Usage, ev.Down)
				}
				held[ev.Usage] = ev.Down
			}
		}})
		at := time.Unix(1, 0)
		for ; len(b) >= 8; b = b[8:] {
			at = at.Add(time.Duration(b[7]) * time.Millisecond)
			p.Event(binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), int32(binary.LittleEndian.Uint32(b[4:])), at)
		}
		p.Release(at)
		for u, down := range held {
			if down {
				t.Errorf("button %v stays down", u)
			}
		}
	})
}

func TestAllocations(t *testing.T) {
	p := touchpad.New(touchpad.Config{Device: laptop, Emit: func(input.Event) {}})
	x := int32(300)
	p.Event(3, 0x39, 1, time.Unix(1, 0))
	if n := testing.AllocsPerRun(1000, func() {
		x = 300 + (x+7)%400
		p.Event(3, 0x35, x, time.Unix(1, 0))
		p.Event(0, 0, 0, time.Unix(1, 0))
	}); n != 0 {
		t.Errorf("%v allocations a report; want none", n)
	}
}

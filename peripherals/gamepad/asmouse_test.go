package gamepad

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// TestMouse holds Start, points, scrolls, clicks and types with a pad in virtual
// time, and holds Start again.
func TestMouse(t *testing.T) {
	now := time.Unix(1000, 0)
	var said []string
	var dx, dy, wheel int32
	m := NewMouse(9, func(ev input.Event) {
		switch ev.Kind {
		case input.KindMotion:
			dx, dy = dx+ev.DX, dy+ev.DY
		case input.KindWheel:
			wheel += ev.DY
		default:
			said = append(said, fmt.Sprintf("%v %t", ev.Usage, ev.Down))
		}
		if ev.Device != 9 {
			t.Errorf("event of device %d; want 9", ev.Device)
		}
	})
	pass := func(d time.Duration) (changes int) {
		for end := now.Add(d); now.Before(end); {
			now = now.Add(Tick)
			if m.Tick(now) {
				changes++
			}
		}
		return changes
	}
	pad := func(p input.Pad) input.Pad {
		p.Connected, p.Slot, p.Time = true, 3, now
		got := m.Pad(p)
		got.Time = time.Time{}
		return got
	}
	const start, south = 1 << input.PadStart, 1 << input.PadSouth
	rest := input.Pad{Connected: true, Slot: 3}

	if got := pad(input.Pad{Buttons: start}); got.Buttons != start || m.Holding() != now.Add(HoldStart) {
		t.Errorf("a short Start: %+v, held until %v", got, m.Holding())
	}
	pass(500 * time.Millisecond)
	pad(input.Pad{})
	if n := pass(time.Second); n != 0 || m.On() {
		t.Error("a short Start made it a mouse")
	}
	pad(input.Pad{Buttons: start | south}) // south is down already
	if n := pass(time.Second); n != 1 || !m.On() {
		t.Fatalf("Start held for a second: %d changes, on %t", n, m.On())
	}
	if got := pad(input.Pad{Buttons: south}); got != rest {
		t.Errorf("the host's pad is %+v; want it at rest", got)
	}
	pad(input.Pad{})
	pad(input.Pad{Buttons: south})
	pad(input.Pad{Buttons: south | 1<<input.PadUp})
	pad(input.Pad{})
	want := []string{"09:0001 true", "07:0052 true", "09:0001 false", "07:0052 false"}
	if !slices.Equal(said, want) {
		t.Errorf("said %q; want %q", said, want)
	}
	pad(input.Pad{RightX: 32767, LeftY: 32767})
	pass(time.Second)
	if dx < 1350 || dx > 1450 || dy != 0 || wheel > -1400 || wheel < -1480 {
		t.Errorf("a second at the edge: motion %d, %d, wheel %d; want 1400, 0, -1440", dx, dy, wheel)
	}
	dx = 0
	pad(input.Pad{RightX: 3000, RightY: -3000})
	pass(time.Second)
	if dx != 0 || dy != 0 {
		t.Errorf("within the dead zone: %d, %d", dx, dy)
	}
	pad(input.Pad{RightX: 9000})
	pass(time.Second)
	if dx < 5 || dx > 60 {
		t.Errorf("a little: %d counts a second; want some tens at most", dx)
	}
	said = nil
	pad(input.Pad{Buttons: south})
	pad(input.Pad{Buttons: south | start})
	if n := pass(time.Second); n != 1 || m.On() {
		t.Errorf("Start held again: %d changes, on %t", n, m.On())
	}
	if want := []string{"09:0001 true", "09:0001 false"}; !slices.Equal(said, want) {
		t.Errorf("in the end: %q; want %q", said, want)
	}
	if got := pad(input.Pad{Buttons: south}); got.Buttons != south {
		t.Errorf("a pad again: %+v", got)
	}
	// One that is unplugged lets go.
	pad(input.Pad{Buttons: start})
	pass(time.Second)
	pad(input.Pad{})
	pad(input.Pad{Buttons: south})
	said = nil
	m.Pad(input.Pad{Slot: 3, Time: now})
	if want := []string{"09:0001 false"}; !slices.Equal(said, want) || m.On() {
		t.Errorf("unplugged: %q, on %t", said, m.On())
	}
}

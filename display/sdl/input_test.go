//go:build linux && cgo && !nonative

package sdl_test

import (
	"image"
	"testing"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/input"
)

// seated is a bench with a picture that fills a window with the focus.
func seated(t *testing.T) (*bench, image.Rectangle) {
	t.Helper()
	return seatedWith(t, nil)
}

// seatedWith also has commands handed to onCommand, on the display's thread.
func seatedWith(t *testing.T, onCommand func(display.Command)) (*bench, image.Rectangle) {
	t.Helper()
	b := newBench(t, sdl.GPUOff, display.Config{Width: 640, Height: 360, OnCommand: onCommand})
	b.show(flat(0, 640, 360, yuv{126, 128, 128}))
	at := b.place(b.windows(1)[0])
	if !next(b, b.focus, "focus") {
		t.Fatal("OnFocus(false); want OnFocus(true) first")
	}
	return b, at
}

// event waits for the next event that is not of the kind skip.
func (b *bench) event(skip input.Kind) input.Event {
	b.t.Helper()
	for {
		if e := next(b, b.events, "input event"); e.Kind != skip {
			e.Time = e.Time.Truncate(0)
			if e.Time.IsZero() {
				b.t.Errorf("event %+v has no time", e)
			}
			return e
		}
	}
}

func (b *bench) wantKey(u input.Usage, down bool) {
	b.t.Helper()
	if e := b.event(input.KindAbsolute); e.Kind != input.KindKey || e.Usage != u || e.Down != down {
		b.t.Errorf("event = %+v; want key %v down %v", e, u, down)
	}
}

func TestKeysArriveAsUsages(t *testing.T) {
	b, _ := seated(t)
	for _, k := range []struct {
		code  byte
		usage input.Usage
	}{{keyA, 0x70004}, {keyShift, 0x700e1}, {keyRight, 0x7004f}, {keyMute, 0x7007f}} {
		b.press(k.code)
		b.wantKey(k.usage, true)
		b.release(k.code)
		b.wantKey(k.usage, false)
	}
}

func TestMouseIsAbsoluteOverThePicture(t *testing.T) {
	b, at := seated(t)
	for _, p := range []struct {
		x, y   int
		wx, wy uint16
	}{{0, 0, 0, 0}, {639, 359, 65535, 65535}, {320, 180, 32819, 32859}} {
		b.warp(at.Min.X+p.x, at.Min.Y+p.y)
		if e := b.event(0); e.Kind != input.KindAbsolute || e.X != p.wx || e.Y != p.wy || e.Screen != 0 {
			t.Errorf("motion to %d,%d = %+v; want %d,%d", p.x, p.y, e, p.wx, p.wy)
		}
	}
}

func TestMouseButtonsAndWheel(t *testing.T) {
	b, at := seated(t)
	b.warp(at.Min.X+100, at.Min.Y+100)
	for _, m := range []struct {
		button byte
		usage  input.Usage
	}{{1, input.ButtonLeft}, {2, input.ButtonMiddle}, {3, input.ButtonRight}, {8, input.ButtonBack}, {9, input.ButtonForward}} {
		b.down(m.button)
		b.wantKey(m.usage, true)
		b.up(m.button)
		b.wantKey(m.usage, false)
	}
	for _, w := range []struct {
		button byte
		dx, dy int32
	}{{4, 0, 120}, {5, 0, -120}, {6, -120, 0}, {7, 120, 0}} {
		b.down(w.button)
		b.up(w.button)
		if e := b.event(input.KindAbsolute); e.Kind != input.KindWheel || e.DX != w.dx || e.DY != w.dy {
			t.Errorf("wheel button %d = %+v; want %d,%d", w.button, e, w.dx, w.dy)
		}
	}
}

func TestFocusLossReleases(t *testing.T) {
	b, _ := seated(t)
	b.press(keyA)
	b.wantKey(0x70004, true)
	b.unfocus()
	if next(b, b.focus, "focus change") {
		t.Error("OnFocus(true) after the focus went; want false")
	}
	b.release(keyA)
	for {
		select {
		case e := <-b.events:
			if e.Down { // releases, from SDL itself, may come before
				t.Errorf("event without focus = %+v; want none", e)
			}
			continue
		default:
		}
		return
	}
}

func TestHotkeys(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  byte
		want display.Command
	}{
		{"statistics", keyS, display.CommandToggleStats},
		{"mouse mode", keyM, display.CommandToggleMouse},
		{"full screen", keyX, display.CommandToggleFullscreen},
		{"let go", keyZ, display.CommandToggleGrab},
		{"quit", keyQ, display.CommandQuit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := seated(t)
			b.chord(tt.key)
			if c := next(b, b.commands, "command"); c != tt.want {
				t.Errorf("OnCommand(%v); want %v", c, tt.want)
			}
			if next(b, b.focus, "release of all") {
				t.Error("OnFocus(true) first; want false, which releases the chord at the host")
			}
			for range 3 {
				if e := b.event(0); e.Usage.Page() != input.PageKeyboard || !e.Down || e.Usage.ID() < 0xe0 {
					t.Errorf("event = %+v; want only the modifiers going down", e)
				}
			}
		})
	}
}

// TestNothingAfterQuit presses a key right behind the hot-key that quits: the
// host would hold it, because all was let go before.
func TestNothingAfterQuit(t *testing.T) {
	pressed := make(chan struct{})
	b, _ := seatedWith(t, func(display.Command) { <-pressed })
	b.chord(keyS) // holds the display up, so that what follows is read at once
	next(b, b.commands, "command")
	b.chord(keyQ)
	b.press(keyA)
	b.release(keyA)
	close(pressed)
	if err := <-b.result; err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	b.result = closed()
	for len(b.events) > 0 {
		if e := <-b.events; e.Kind == input.KindKey && e.Usage == 0x70004 {
			t.Errorf("event after quitting = %+v; want none", e)
		}
	}
}

// closed is the result of a display that has ended.
func closed() <-chan error {
	c := make(chan error)
	close(c)
	return c
}

func TestLetGoAndClickBack(t *testing.T) {
	b, at := seated(t)
	b.warp(at.Min.X+50, at.Min.Y+50)
	b.chord(keyZ)
	next(b, b.commands, "command")
	if next(b, b.focus, "focus change") {
		t.Error("OnFocus(true) after letting go; want false")
	}
	drain(b.events)
	b.press(keyA)
	b.release(keyA)
	b.down(1)
	b.up(1)
	if !next(b, b.focus, "focus change") {
		t.Error("OnFocus(false) after the click; want true")
	}
	b.press(keyA)
	b.wantKey(0x70004, true)
	b.release(keyA)
}

func TestRelativeMouse(t *testing.T) {
	b, at := seated(t)
	b.warp(at.Min.X+100, at.Min.Y+100)
	b.event(0)
	b.chord(keyM)
	if c := next(b, b.commands, "command"); c != display.CommandToggleMouse {
		t.Fatalf("OnCommand(%v); want toggle-mouse", c)
	}
	drain(b.events)
	b.fake(6, 1, 7, -3) // relative motion
	for {
		e := b.event(input.KindKey)
		if e.Kind == input.KindMotion && (e.DX != 0 || e.DY != 0) {
			if e.DX != 7 || e.DY != -3 {
				t.Errorf("motion = %+v; want 7,-3", e)
			}
			return
		}
	}
}

func drain[T any](c chan T) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

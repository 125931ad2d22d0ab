//go:build linux && cgo && !nonative

package sdl_test

import (
	"context"
	"image"
	"image/color"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// bench is a running display, the X server's side of it and what it said.
type bench struct {
	t    *testing.T
	d    *sdl.Display
	rig  *rig
	x    *xgb.Conn
	root xproto.Window

	shown    chan media.Frame // copies
	events   chan input.Event
	focus    chan bool
	commands chan display.Command
	result   <-chan error
	cancel   context.CancelFunc
}

func newBench(t *testing.T, gpu sdl.GPU, cfg display.Config) *bench {
	t.Helper()
	b := riggedBench(t, &rig{}, sdl.Config{Config: cfg, GPU: gpu})
	t.Cleanup(func() { // before the bench closes
		if n := b.rig.swaps.Load(); (n > 0) != (gpu == sdl.GPUOn) {
			t.Errorf("OpenGL drew %d pictures with GPU %v; want some only with on", n, gpu)
		}
	})
	return b
}

// riggedBench is a bench whose OpenGL is r's.
func riggedBench(t *testing.T, r *rig, cfg sdl.Config) *bench {
	t.Helper()
	b := &bench{
		t: t, rig: r, shown: make(chan media.Frame, 64), events: make(chan input.Event, 256),
		focus: make(chan bool, 64), commands: make(chan display.Command, 64),
	}
	cfg.OnShown = func(f *media.Frame) { offer(b.shown, *f) }
	cfg.OnInput = func(e input.Event) { offer(b.events, e) }
	cfg.OnFocus = func(on bool) { offer(b.focus, on) }
	more := cfg.OnCommand
	cfg.OnCommand = func(c display.Command) {
		offer(b.commands, c)
		if more != nil {
			more(c)
		}
	}
	var err error
	if b.x, err = xgb.NewConn(); err != nil {
		t.Fatalf("connect to Xvfb: %v", err)
	}
	if err := xtest.Init(b.x); err != nil {
		t.Fatalf("XTEST: %v", err)
	}
	b.root = xproto.Setup(b.x).DefaultScreen(b.x).Root
	b.warp(1599, 999) // out of the way
	if b.d, err = sdl.NewWith(cfg, b.rig.opener); err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(t.Context())
	b.result = start(ctx, b.d)
	t.Cleanup(b.close)
	return b
}

// everyWay runs a test with the CPU drawing, and with OpenGL.
func everyWay(t *testing.T, test func(t *testing.T, gpu sdl.GPU)) {
	for _, gpu := range []sdl.GPU{sdl.GPUOff, sdl.GPUOn} {
		t.Run("gpu "+gpu.String(), func(t *testing.T) { test(t, gpu) })
	}
}

func (b *bench) close() {
	b.cancel()
	if err := <-b.result; err != nil {
		b.t.Errorf("Run() = %v; want nil", err)
	}
	b.rig.everythingClosed(b.t)
	b.x.Close()
}

// offer sends v unless nobody has read for long.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// next waits for what must come.
func next[T any](b *bench, c <-chan T, what string) T {
	b.t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		b.t.Fatalf("no %s within %v", what, patience)
		panic("not reached")
	}
}

// show presents f and waits until it is on the screen.
func (b *bench) show(f *media.Frame) media.Frame {
	b.t.Helper()
	b.d.Present(f)
	return next(b, b.shown, "frame shown")
}

// windows returns the display's windows, in the order of their x position.
func (b *bench) windows(want int) []xproto.Window {
	b.t.Helper()
	var found []xproto.Window
	b.until("windows of class shadow-terminal", func() bool {
		tree, err := xproto.QueryTree(b.x, b.root).Reply()
		if err != nil {
			b.t.Fatalf("QueryTree() = %v; want nil", err)
		}
		found = found[:0]
		for _, w := range tree.Children {
			if b.class(w) == "shadow-terminal\x00shadow-terminal\x00" {
				found = append(found, w)
			}
		}
		return len(found) == want
	})
	for i := range found {
		for j := i; j > 0 && b.place(found[j]).Min.X < b.place(found[j-1]).Min.X; j-- {
			found[j], found[j-1] = found[j-1], found[j]
		}
	}
	return found
}

func (b *bench) class(w xproto.Window) string {
	p, err := xproto.GetProperty(b.x, false, w, xproto.AtomWmClass, xproto.AtomString, 0, 64).Reply()
	if err != nil {
		return "" // it was destroyed meanwhile
	}
	return string(p.Value)
}

func (b *bench) place(w xproto.Window) image.Rectangle {
	b.t.Helper()
	g, err := xproto.GetGeometry(b.x, xproto.Drawable(w)).Reply()
	if err != nil {
		b.t.Fatalf("GetGeometry() = %v; want nil", err)
	}
	return image.Rect(0, 0, int(g.Width), int(g.Height)).Add(image.Pt(int(g.X), int(g.Y)))
}

// until asks the X server again and again: there is no event for pixels.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	b.t.Fatalf("not within %v: %s", patience, what)
}

// shot reads a part of the screen back from the X server.
func (b *bench) shot(r image.Rectangle) *image.RGBA {
	b.t.Helper()
	reply, err := xproto.GetImage(b.x, xproto.ImageFormatZPixmap, xproto.Drawable(b.root),
		int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), 0xffffffff).Reply()
	if err != nil {
		b.t.Fatalf("GetImage(%v) = %v; want nil", r, err)
	}
	img := image.NewRGBA(image.Rectangle{Max: r.Size()})
	for i := 0; i+3 < len(reply.Data) && i+3 < len(img.Pix); i += 4 {
		d := reply.Data[i:]
		copy(img.Pix[i:], []byte{d[2], d[1], d[0], 0xff})
	}
	return img
}

// at reads one pixel of the screen.
func (b *bench) at(p image.Point) color.RGBA {
	b.t.Helper()
	return b.shot(image.Rectangle{p, p.Add(image.Pt(1, 1))}).RGBAAt(0, 0)
}

// wantPixel waits until a pixel of the screen is near a colour: what OpenGL
// has handed over comes on a connection of its own.
func (b *bench) wantPixel(what string, p image.Point, want color.RGBA) {
	b.t.Helper()
	got := b.at(p)
	for end := time.Now().Add(patience); !near(got, want, 3) && time.Now().Before(end); {
		got = b.at(p)
	}
	if !near(got, want, 3) {
		b.t.Errorf("pixel %v of %s = %v; want %v", p, what, got, want)
	}
}

// near says that no channel is off by more than levels.
func near(a, b color.RGBA, levels int) bool {
	off := func(x, y uint8) bool { return max(int(x)-int(y), int(y)-int(x)) > levels }
	return !off(a.R, b.R) && !off(a.G, b.G) && !off(a.B, b.B)
}

func (b *bench) fake(kind, detail byte, x, y int) {
	b.t.Helper()
	if err := xtest.FakeInputChecked(b.x, kind, detail, 0, b.root, int16(x), int16(y), 0).Check(); err != nil {
		b.t.Fatalf("FakeInput(%d, %d) = %v; want nil", kind, detail, err)
	}
}

func (b *bench) press(keycode byte)   { b.fake(xproto.KeyPress, keycode, 0, 0) }
func (b *bench) release(keycode byte) { b.fake(xproto.KeyRelease, keycode, 0, 0) }
func (b *bench) down(button byte)     { b.fake(xproto.ButtonPress, button, 0, 0) }
func (b *bench) up(button byte)       { b.fake(xproto.ButtonRelease, button, 0, 0) }
func (b *bench) warp(x, y int)        { b.fake(xproto.MotionNotify, 0, x, y) }

// chord presses Ctrl+Alt+Shift and a key and lets go of all.
func (b *bench) chord(keycode byte) {
	keys := []byte{keyCtrl, keyAlt, keyShift, keycode}
	for _, k := range keys {
		b.press(k)
	}
	for i := range keys {
		b.release(keys[len(keys)-1-i])
	}
}

// unfocus gives the keyboard to nobody's window.
func (b *bench) unfocus() {
	b.t.Helper()
	if err := xproto.SetInputFocusChecked(b.x, xproto.InputFocusNone, xproto.InputFocusNone, xproto.TimeCurrentTime).Check(); err != nil {
		b.t.Fatalf("SetInputFocus(none) = %v; want nil", err)
	}
}

// X keycodes of a PC keyboard: evdev plus 8.
const (
	keyQ     = 24
	keyCtrl  = 37
	keyA     = 38
	keyS     = 39
	keyShift = 50
	keyZ     = 52
	keyX     = 53
	keyM     = 58
	keyAlt   = 64
	keyRight = 114
	keyMute  = 121
)

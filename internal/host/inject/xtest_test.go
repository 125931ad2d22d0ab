//go:build !nonative

package inject_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	testDisplay = ":83"
	testWidth   = 1280
	testHeight  = 720
)

// display is an X server of its own and a second client that looks at it.
type display struct {
	t      testing.TB
	server *exec.Cmd
	conn   *xgb.Conn
	root   xproto.Window
}

func newDisplay(t testing.TB) *display {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		if needs.Required("x11") {
			t.Fatal(err)
		}
		t.Skipf("Xvfb is not installed: %v", errors.ErrUnsupported)
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &display{t: t, server: exec.CommandContext(context.Background(), path, testDisplay,
		"-displayfd", "3", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-noreset")}
	d.server.ExtraFiles = []*os.File{tell}
	if err := d.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	tell.Close()
	defer ready.Close()
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Fatalf("Xvfb on %s said %q: %v", testDisplay, line, err)
	}
	if d.conn, err = xgb.NewConnDisplay(testDisplay); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.Close)
	d.root = xproto.Setup(d.conn).DefaultScreen(d.conn).Root
	return d
}

func (d *display) kill() {
	_ = d.server.Process.Kill()
	_ = d.server.Wait()
}

func (d *display) open(mode inject.Mode, regions ...inject.Region) inject.Device {
	d.t.Helper()
	dev, err := inject.Open(inject.DeviceConfig{Mode: mode, Display: testDisplay, Regions: regions})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = dev.Close() })
	return dev
}

// do calls f and waits until the server has seen it.
func (d *display) do(dev inject.Device, f func() error) {
	d.t.Helper()
	if err := errors.Join(f(), dev.Sync(), inject.RoundTrip(dev)); err != nil {
		d.t.Fatal(err)
	}
}

// pressed returns the X keycodes that are down.
func (d *display) pressed() (codes []int) {
	d.t.Helper()
	reply, err := xproto.QueryKeymap(d.conn).Reply()
	if err != nil {
		d.t.Fatal(err)
	}
	for code := range 256 {
		if reply.Keys[code/8]&(1<<(code%8)) != 0 {
			codes = append(codes, code)
		}
	}
	return codes
}

func (d *display) pointer() (x, y int, buttons uint16) {
	d.t.Helper()
	reply, err := xproto.QueryPointer(d.conn, d.root).Reply()
	if err != nil {
		d.t.Fatal(err)
	}
	return int(reply.RootX), int(reply.RootY), reply.Mask & 0x1f00
}

func TestXTestKeys(t *testing.T) {
	d := newDisplay(t)
	dev := d.open(inject.ModeXTest)
	tests := []struct {
		name  string
		usage input.Usage
		want  []int
	}{
		{"a", 0x070004, []int{38}},
		{"left shift", 0x0700e1, []int{50}},
		{"keypad enter", 0x070058, []int{104}},
		{"international 3", 0x070089, []int{132}},
		{"volume up", 0x0c00e9, []int{123}},
		{"sleep", 0x010082, []int{150}},
		{"no such key", 0x0700fe, nil},
		{"beyond X", 0x0c0184, nil}, // evdev 421
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.do(dev, func() error { return dev.Key(tt.usage, true) })
			if got := d.pressed(); !slices.Equal(got, tt.want) {
				t.Errorf("Key(%v, true) holds keycodes %v; want %v", tt.usage, got, tt.want)
			}
			d.do(dev, func() error { return dev.Key(tt.usage, false) })
			if got := d.pressed(); len(got) != 0 {
				t.Errorf("Key(%v, false) holds keycodes %v; want none", tt.usage, got)
			}
		})
	}
}

func TestXTestPointer(t *testing.T) {
	d := newDisplay(t)
	dev := d.open(inject.ModeXTest,
		inject.Region{Width: 640, Height: 720}, inject.Region{X: 640, Y: 120, Width: 640, Height: 480})
	steps := []struct {
		name string
		do   func() error
		x, y int
	}{
		{"middle of screen 0", func() error { return dev.Absolute(0, 0x8000, 0x8000) }, 320, 360},
		{"first pixel of screen 1", func() error { return dev.Absolute(1, 0, 0) }, 640, 120},
		{"last pixel of screen 1", func() error { return dev.Absolute(1, 0xffff, 0xffff) }, 1279, 599},
		{"no such screen", func() error { return dev.Absolute(2, 0, 0) }, 1279, 599},
		{"left and down", func() error { return dev.Motion(-79, 1) }, 1200, 600},
		{"to the edge", func() error { return dev.Motion(-100_000, -100_000) }, 0, 0},
	}
	for _, s := range steps {
		d.do(dev, s.do)
		if x, y, _ := d.pointer(); x != s.x || y != s.y {
			t.Errorf("%s: pointer at %d,%d; want %d,%d", s.name, x, y, s.x, s.y)
		}
	}
}

func TestXTestButtonsAndWheel(t *testing.T) {
	d := newDisplay(t)
	dev := d.open(inject.ModeXTest)
	clicks := d.watchButtons()
	for _, b := range []input.Usage{
		input.ButtonLeft, input.ButtonRight, input.ButtonMiddle, input.ButtonBack, input.ButtonForward,
		input.PageButton<<16 | 0xff, // the server refuses it, which is not fatal
	} {
		d.do(dev, func() error { return errors.Join(dev.Key(b, true), dev.Key(b, false)) })
	}
	wheel := [][2]int32{{120, 0}, {-240, 0}, {0, 120}, {0, -120}, {60, 0}, {60, 0}, {-119, 0}, {119, 0}}
	for _, w := range wheel {
		d.do(dev, func() error { return dev.Wheel(w[0], w[1]) })
	}
	want := []byte{1, 3, 2, 8, 9, 4, 5, 5, 7, 6, 4}
	if got := clicks(); !slices.Equal(got, want) {
		t.Errorf("buttons pressed = %v; want %v", got, want)
	}
	d.do(dev, func() error { return dev.Key(input.ButtonRight, true) })
	if _, _, buttons := d.pointer(); buttons != xproto.ButtonMask3 {
		t.Errorf("buttons held = %#x; want the third", buttons)
	}
}

// watchButtons maps a window over the screen; the result returns the buttons
// that were pressed over it.
func (d *display) watchButtons() func() []byte {
	d.t.Helper()
	screen := xproto.Setup(d.conn).DefaultScreen(d.conn)
	window, err := xproto.NewWindowId(d.conn)
	if err != nil {
		d.t.Fatal(err)
	}
	err = errors.Join(
		xproto.CreateWindowChecked(d.conn, screen.RootDepth, window, d.root, 0, 0, testWidth, testHeight, 0,
			xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwEventMask, []uint32{xproto.EventMaskButtonPress}).Check(),
		xproto.MapWindowChecked(d.conn, window).Check(),
	)
	if err != nil {
		d.t.Fatal(err)
	}
	return func() (pressed []byte) {
		d.pointer() // all events before its reply are in the queue
		for {
			event, _ := d.conn.PollForEvent()
			if event == nil {
				return pressed
			}
			if e, ok := event.(xproto.ButtonPressEvent); ok {
				pressed = append(pressed, byte(e.Detail))
			}
		}
	}
}

// An X server that dies is an error of the next call, never a panic or a hang.
func TestXTestServerDies(t *testing.T) {
	d := newDisplay(t)
	dev := d.open(inject.ModeXTest)
	d.do(dev, func() error { return dev.Motion(1, 1) })
	d.kill()
	deadline := time.Now().Add(10 * time.Second)
	for dev.Motion(1, 1) == nil {
		if time.Now().After(deadline) {
			t.Fatal("10 s after the server's death Motion still returns nil")
		}
	}
	if err := dev.Key(0x070004, true); err == nil {
		t.Error("Key on a dead server = nil; want an error")
	}
	if err := errors.Join(dev.Close(), dev.Close()); err != nil {
		t.Errorf("Close twice = %v; want nil", err)
	}
}

func TestOpenWithoutServer(t *testing.T) {
	for _, mode := range []inject.Mode{inject.ModeXTest, inject.ModeAuto} {
		dev, err := inject.Open(inject.DeviceConfig{Mode: mode, Display: ":82"})
		if err == nil || dev != nil {
			t.Errorf("Open(%s) on a display that is not there = %v, %v; want an error", mode, dev, err)
		}
	}
}

// A virtual X server does not listen to the kernel, so auto is XTEST there.
func TestOpenAuto(t *testing.T) {
	d := newDisplay(t)
	if got := d.open(inject.ModeAuto).Name(); got != "xtest" {
		t.Errorf("Open(auto).Name() = %q; want xtest", got)
	}
	names, err := inject.DeviceNames(d.conn)
	if err != nil || !slices.Contains(names, "Virtual core XTEST keyboard") {
		t.Errorf("DeviceNames = %q, %v; want the XTEST keyboard among them", names, err)
	}
}

// The whole way: datagrams to what an X client sees.
func TestReceiverOnXTest(t *testing.T) {
	d := newDisplay(t)
	dev := d.open(inject.ModeXTest)
	d.do(dev, func() error { return dev.Absolute(0, 0, 0) })
	answered := make(chan struct{}, 16)
	r, err := inject.New(inject.Config{Injector: dev, Write: func([]byte) error { answered <- struct{}{}; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	send := func(seq uint32, p wire.Pointer, e wire.Events) {
		b := wire.AppendHeader(nil, wire.Header{Flags: wire.FlagFocused | wire.FlagSnapshot, Seq: seq})
		r.Datagram(wire.AppendEvents(wire.AppendPointer(b, p), e))
		<-answered
		if err := inject.RoundTrip(dev); err != nil {
			t.Fatal(err)
		}
	}
	send(1, wire.Pointer{}, wire.Events{})
	send(2, wire.Pointer{X: 30, Y: 40}, events(1, down(keyA), wire.Transition{Key: button, Down: true, X: 10, Y: 10}))
	x, y, buttons := d.pointer()
	if got := d.pressed(); !slices.Equal(got, []int{38}) || x != 30 || y != 40 || buttons != xproto.ButtonMask1 {
		t.Errorf("X sees keys %v, pointer %d,%d, buttons %#x; want 38 at 30,40 with the first", got, x, y, buttons)
	}
	cancel()
	if err := errors.Join(<-done, inject.RoundTrip(dev)); err != nil {
		t.Fatal(err)
	}
	_, _, buttons = d.pointer()
	if got := d.pressed(); len(got) != 0 || buttons != 0 {
		t.Errorf("after Run X sees keys %v, buttons %#x; want none", got, buttons)
	}
}

// BenchmarkXTestKey is a key from the call to the server having done it.
func BenchmarkXTestKey(b *testing.B) {
	d := newDisplay(b)
	dev := d.open(inject.ModeXTest)
	down := false
	b.ReportAllocs()
	for b.Loop() {
		down = !down
		d.do(dev, func() error { return dev.Key(0x070004, down) })
	}
}

// BenchmarkXTestMotion is a step of the mouse, written to the server.
func BenchmarkXTestMotion(b *testing.B) {
	d := newDisplay(b)
	dev := d.open(inject.ModeXTest)
	step := int32(1)
	b.ReportAllocs()
	for b.Loop() {
		step = -step
		if err := dev.Motion(step, 0); err != nil {
			b.Fatal(err)
		}
	}
}

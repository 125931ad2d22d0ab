package lab

import (
	"context"
	"fmt"
	"image"
	"math"
	"os/exec"
	"strconv"
	"time"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// Xdotool runs xdotool on the display and waits for its end.
func (d *Display) Xdotool(ctx context.Context, args ...string) error {
	return d.run(ctx, "xdotool", args...)
}

// Layout sets the keyboard layout, such as "us" or "fr".
func (d *Display) Layout(ctx context.Context, name string) error {
	return d.run(ctx, "setxkbmap", name)
}

// run runs a short X program on the display.
func (d *Display) run(ctx context.Context, program string, args ...string) error {
	if err := Need(program); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cmd.Environ(), d.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q on %s: %w: %s", program, args, d.name, err, lastLines(string(out), 3))
	}
	return nil
}

// Type presses the keys for a text, one after the other.
func (d *Display) Type(ctx context.Context, text string) error {
	return d.Xdotool(ctx, "type", "--delay", "20", text)
}

// Key presses and releases a key or a chord by name, such as "ctrl+Return".
func (d *Display) Key(ctx context.Context, chord string) error {
	return d.Xdotool(ctx, "key", chord)
}

// MovePointer puts the pointer at a place on the root.
func (d *Display) MovePointer(ctx context.Context, to image.Point) error {
	return d.Xdotool(ctx, "mousemove", strconv.Itoa(to.X), strconv.Itoa(to.Y))
}

// PressPlace presses and releases the key at a place of the keyboard, given
// as a Linux key code (linux/input-event-codes.h: 16 is right of Tab, whatever
// is printed on it).
func (d *Display) PressPlace(code uint8) error {
	// X numbers keys from 8: the first eight codes are not in its protocol.
	for _, kind := range []byte{xproto.KeyPress, xproto.KeyRelease} {
		if err := xtest.FakeInputChecked(d.conn, kind, code+8, 0, d.screen.Root, 0, 0, 0).Check(); err != nil {
			return fmt.Errorf("press key %d on %s: %w", code, d.name, err)
		}
	}
	return nil
}

// point puts the pointer at a place on the root, without xdotool's process.
func (d *Display) point(to image.Point) error {
	err := xtest.FakeInputChecked(d.conn, xproto.MotionNotify, 0, 0, d.screen.Root, int16(to.X), int16(to.Y), 0).Check()
	if err != nil {
		return fmt.Errorf("move the pointer of %s: %w", d.name, err)
	}
	return nil
}

// Places of keys that Exercise presses (linux/input-event-codes.h): a command
// that does no harm in a shell, should there be one.
var exerciseKeys = [...]uint8{
	18, 46, 35, 24, 57, // echo
	35, 18, 38, 38, 24, 57, 17, 24, 19, 38, 32, 28, // hello world, Enter
}

// Rates of [Display.Exercise]. A person moves a mouse that reports 125 times a
// second and types ten keys in that time.
const (
	exerciseInterval = 8 * time.Millisecond
	exerciseKeyEvery = 12 // motions
)

// Exercise moves the pointer in circles over a window and types, as a busy
// person would, until ctx ends.
func (d *Display) Exercise(ctx context.Context, w Window) error {
	centre := w.Rect.Min.Add(w.Rect.Size().Div(2))
	radius := float64(min(w.Rect.Dx(), w.Rect.Dy())) / 4
	ticker := time.NewTicker(exerciseInterval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		sin, cos := math.Sincos(float64(n) / 40)
		if err := d.point(centre.Add(image.Pt(int(radius*cos), int(radius*sin)))); err != nil {
			return err
		}
		if n%exerciseKeyEvery != 0 {
			continue
		}
		if err := d.PressPlace(exerciseKeys[n/exerciseKeyEvery%len(exerciseKeys)]); err != nil {
			return err
		}
	}
}

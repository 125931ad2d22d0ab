//go:build linux && !nonative

package virtual_test

import (
	"errors"
	"fmt"
	"image"
	"regexp"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
)

// TestPointer shows a desktop and moves the pointer on it: the output's cursor
// plane has the host's shape, at the place where the host has it.
func TestPointer(t *testing.T) {
	m := boot(t)
	m.desktop("xterm", "-geometry", "80x40+0+0")
	m.terminal(vatest.Knobs{}, "--screens", "1")
	// The hot-spot is the host's own and not told to QEMU: both places have to
	// differ from the pointer's by the same, which is inside the shape.
	var hot []image.Point
	for _, at := range []image.Point{{X: 100, Y: 50}, {X: 200, Y: 120}} {
		m.until(fmt.Sprintf("the cursor is at %v", at), func() error {
			if out, err := m.VM.Run(t.Context(), "env", "DISPLAY=:5", "xdotool", "mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y)); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			plane, err := m.cursorPlane()
			if err != nil {
				return err
			}
			if spot := at.Sub(plane); spot.In(image.Rect(0, 0, 32, 32)) && (len(hot) == 0 || near(spot, hot[0])) {
				hot = append(hot, spot)
				return nil
			}
			return fmt.Errorf("its plane is at %v, hot-spot %v", plane, hot)
		})
	}
	shape, _, err := m.Cursor(0)
	if err != nil {
		t.Fatal(err)
	}
	opaque := 0
	for i := 3; i < len(shape.Pix); i += 4 {
		if shape.Pix[i] == 255 {
			opaque++
		}
	}
	t.Logf("hot-spot %v, %d opaque pixels", hot[0], opaque)
	if opaque == 0 || opaque > 32*32 {
		t.Errorf("opaque pixels of the cursor = %d; want those of a pointer", opaque)
	}
}

// desktop starts an X server with one program on it, and a host that shows it.
func (m *machine) desktop(args ...string) {
	m.Helper()
	m.start("Xvfb", nil, "Xvfb", ":5", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp")
	m.until("the X server listens", func() error {
		_, err := m.VM.Run(m.Context(), "test", "-S", "/tmp/.X11-unix/X5")
		return err
	})
	x := []string{"DISPLAY=:5"}
	m.start(args[0], x, args...)
	h := m.start("shadow-host", x, m.programs.Host, "--source", "desktop", "--display", ":5", "--audio", "none", "--fps", "5",
		"--fixed-screens", "--encoder", "libx264", "--bitrate", "1M")
	m.until("the host listens", func() error {
		if !strings.Contains(string(h.Stderr()), "/whep") {
			return errors.New("not yet")
		}
		return nil
	})
}

// near allows a pixel, because places travel as 1/65536 of the picture.
func near(a, b image.Point) bool { return a.Sub(b).In(image.Rect(-1, -1, 2, 2)) }

// cursorPlane returns where the kernel has the cursor of an output that is on.
func (m *machine) cursorPlane() (image.Point, error) {
	state, err := m.VM.Run(m.Context(), "cat", "/sys/kernel/debug/dri/0/state")
	if err != nil {
		return image.Point{}, err
	}
	found := regexp.MustCompile(`crtc-pos=64x64([+-]\d+)([+-]\d+)`).FindSubmatch(state)
	if found == nil {
		return image.Point{}, errors.New("no cursor plane is on")
	}
	var at image.Point
	if _, err := fmt.Sscanf(string(found[1])+" "+string(found[2]), "%d %d", &at.X, &at.Y); err != nil {
		return image.Point{}, err
	}
	return at, nil
}

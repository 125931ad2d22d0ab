//go:build linux && !nonative

package virtual_test

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/vmtest"
)

// TestDesk types on and moves what stands before the terminal: USB keyboard,
// mouse and tablet of the machine, which the terminal reads and the host's
// desktop gets. A keyboard that is unplugged and plugged in again goes on, and
// the panic chord brings its menu, whose keys the host does not get.
func TestDesk(t *testing.T) {
	m := boot(t)
	m.desktop("xterm", "-geometry", "80x40+0+0", "-e", "sh", "-c", "stty -echo; cat > /tmp/typed")
	m.terminal(vatest.Knobs{}, "--screens", "1")
	typed := func(want string) {
		t.Helper()
		m.until(fmt.Sprintf("the host's desktop has %q", want), func() error {
			got, err := m.ReadFile("/tmp/typed")
			if err == nil && !strings.HasSuffix(string(got), want) {
				err = fmt.Errorf("it has %q", got)
			}
			return err
		})
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	place := func() (x, y int, err error) {
		out, err := m.VM.Run(m.Context(), "env", "DISPLAY=:5", "xdotool", "getmouselocation")
		if err == nil {
			_, err = fmt.Sscanf(string(out), "x:%d y:%d", &x, &y)
		}
		return x, y, err
	}
	// The tablet: a quarter into the screen, over the terminal window.
	m.until("the pointer is where the tablet is", func() error {
		must(m.MoveTo(0, 0)) // the kernel says only what is another place
		must(m.MoveTo(vmtest.TabletMax/4, vmtest.TabletMax/4))
		x, y, err := place()
		if err == nil && (x < width/4-3 || x > width/4+3 || y < height/4-3 || y > height/4+3) {
			err = fmt.Errorf("it is at %d, %d", x, y)
		}
		return err
	})
	must(m.Type("Hello, 42!\n"))
	typed("Hello, 42!\n")

	before, _, err := place()
	must(err)
	must(m.Move(7, 0))
	m.until("the mouse has moved the pointer", func() error {
		x, _, err := place()
		if err == nil && x != before+7 {
			err = fmt.Errorf("it is at %d; it was at %d", x, before)
		}
		return err
	})

	must(m.Unplug("keyboard"))
	must(m.Plug(vmtest.USBKeyboard("another")))
	m.until("the other keyboard is read", func() error {
		must(m.Type("x\n"))
		got, err := m.ReadFile("/tmp/typed")
		if err == nil && !strings.HasSuffix(string(got), "x\n") {
			err = fmt.Errorf("typed: %q", got)
		}
		return err
	})

	chord := []string{"ctrl", "alt", "shift", "esc"}
	for _, k := range chord {
		must(m.KeyState(k, true))
	}
	bare, err := m.Screenshot(0)
	must(err)
	// The overlay is in the upper left corner.
	differs := func(what string, from image.Image, least, most int, picture string) (shot image.Image) {
		t.Helper()
		m.until(what, func() error {
			now, err := m.Screenshot(0)
			if err != nil {
				return err
			}
			n := 0
			for y := range 100 {
				for x := range 200 {
					if now.At(x, y) != from.At(x, y) {
						n++
					}
				}
			}
			if n < least || n > most {
				return fmt.Errorf("%d pixels differ", n)
			}
			m.save(picture, now)
			shot = now
			return nil
		})
		return shot
	}
	const all = 100 * 200
	held := differs("what the chord does is shown", bare, 2000, all, "panic-chord.png")
	for _, k := range chord {
		must(m.KeyState(k, false))
	}
	differs("the menu is shown", held, 500, all, "panic-menu.png")
	must(m.Type("nothing"))
	must(m.Key("esc"))
	differs("the menu is gone", bare, 0, 500, "panic-gone.png")
	must(m.Type("end\n"))
	typed("end\n") // the chord itself, before it was one, is the host's
	if got, err := m.ReadFile("/tmp/typed"); err != nil || strings.Contains(string(got), "nothing") {
		t.Errorf("typed %q, %v; want nothing of what the menu took", got, errors.Unwrap(err))
	}
}

//go:build linux && !nonative

package virtual_test

import (
	"errors"
	"fmt"
	"image"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/vatest"
)

// monitors chooses modes and an order with `shadow-terminal monitors` before
// and while a terminal shows, which has no --mode of its own. The machine's two
// monitors have one EDID and no serial numbers.
func (m *machine) monitors(t *testing.T) {
	sub := &machine{t, m.VM, m.programs, m.driver}
	const state = "/tmp/state"
	sub.set("Virtual-1", "--state-dir", state, "--mode", "320x180@10")
	sub.set("Virtual-2", "--state-dir", state, "--mode", "320x240@10")
	k := vatest.Knobs{DRM: "/dev/dri/card0"}
	term := sub.start("shadow-terminal", append(k.Env(m.driver), "LP_PERF=no_rast_linear"),
		m.programs.Terminal, "connect", "http://127.0.0.1:8089/whep", "--display", "card", "--screens", "2", "--codec", "h264", "--mute",
		"--decoder", "/dev/dri/renderD128", "--state-dir", state, "--json", "--log-level", "info")
	sub.sized(0, 0, image.Pt(320, 180))
	sub.sized(1, 1, image.Pt(320, 240))

	before := term.modesets("Virtual-1")
	sub.set("Virtual-2", "--state-dir", state, "--mode", "400x300@10")
	chosen := time.Now()
	for _, said := range []string{"monitors were chosen anew", "mode=400x300@"} {
		sub.until("the terminal follows", func() error {
			if !strings.Contains(string(term.Stderr()), said) {
				return fmt.Errorf("it does not say %q", said)
			}
			return nil
		})
		t.Logf("%s: %v after the choice", said, time.Since(chosen).Round(10*time.Millisecond))
	}
	sub.sized(1, 1, image.Pt(400, 300))
	for range 3 {
		sub.shows(0, 0, time.Now())
	}
	if got := term.modesets("Virtual-1"); got != before {
		t.Errorf("mode sets of output 1 = %d; want none for a choice for output 2", got-before)
	}

	// The left one shows the first screen, and the host's screens are as the
	// outputs are that show them now.
	sub.set("Virtual-2", "--state-dir", state, "--order", "1")
	sub.sized(1, 0, image.Pt(400, 300))
	sub.sized(0, 1, image.Pt(320, 180))
	for i, screen := range term.summary().Screens {
		if screen.Shown == 0 || screen.Display.Counts.Lost != 0 {
			t.Errorf("screen %d: %d pictures shown, %d flips never came; want some and none", i, screen.Shown, screen.Display.Counts.Lost)
		}
	}
}

// set chooses for a monitor.
func (m *machine) set(connector string, flags ...string) {
	m.Helper()
	args := append([]string{m.programs.Terminal, "monitors", "set", connector}, flags...)
	if out, err := m.VM.Run(m.Context(), args...); err != nil {
		m.Fatalf("monitors set %s: %v: %s", connector, err, out)
	}
}

// sized waits until an output has a size and shows fresh pictures of a screen.
func (m *machine) sized(output, screen int, size image.Point) {
	m.Helper()
	began := time.Now()
	m.until(fmt.Sprintf("output %d shows screen %d at %v", output+1, screen, size), func() error {
		picture, code, err := m.look(output)
		switch {
		case err != nil:
			return err
		case picture.Bounds().Size() != size:
			return fmt.Errorf("it has %v", picture.Bounds().Size())
		case int(code.Screen) != screen:
			return fmt.Errorf("it shows screen %d", code.Screen)
		case !code.Captured.After(began):
			return errors.New("it shows an old picture")
		}
		return nil
	})
}

// modesets counts those that the terminal logged of a connector.
func (p *program) modesets(connector string) int {
	line := regexp.MustCompile(`msg="mode set".* connector=` + connector + ` `)
	return len(line.FindAll(p.Stderr(), -1))
}

//go:build linux && !nonative

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/needs"
)

// patience bounds each wait. It is for a busy machine: what is measured in
// milliseconds is the benchmark's business.
const patience = 45 * time.Second

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &build)) }

// build compiles the programs at the first call. TestMain sets it.
var build func() (lab.Programs, error)

// bench is one test's place: programs, and a bound on the whole test.
type bench struct {
	*testing.T
	lab.Programs
}

// begin skips or fails where X is missing, and builds the programs.
func begin(t *testing.T) bench {
	t.Helper()
	if err := lab.Need("Xvfb", "xterm", "xdotool", "setxkbmap"); err != nil {
		if needs.Required("x11") {
			t.Fatalf("REQUIRE_HW names x11: %v", err)
		}
		t.Skip(err)
	}
	programs, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bench{t, programs}
}

// soon returns a context that bounds one wait.
func (b bench) soon() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	b.Cleanup(cancel)
	return ctx
}

// life returns the context of what lives until the test's cleanup: the test's
// own ends a moment before.
func (b bench) life() context.Context { return context.WithoutCancel(b.Context()) }

// ok fails the test unless err is nil.
func (b bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b bench) display(width, height int) *lab.Display {
	b.Helper()
	d, err := lab.StartDisplay(b.life(), lab.DisplayConfig{Width: width, Height: height})
	b.ok(err)
	b.Cleanup(func() { _ = d.Close() })
	return d
}

func (b bench) host(cfg lab.HostConfig) *lab.Host {
	b.Helper()
	h, err := b.StartHost(b.life(), cfg)
	b.ok(err)
	b.onEnd("shadow-host", h.Process)
	return h
}

func (b bench) terminal(cfg lab.TerminalConfig) *lab.Process {
	b.Helper()
	p, err := b.StartTerminal(b.life(), cfg)
	b.ok(err)
	b.onEnd("shadow-terminal", p)
	return p
}

// onEnd kills a program at the test's end, and shows what it said if the test
// has failed.
func (b bench) onEnd(name string, p *lab.Process) {
	b.Cleanup(func() {
		_ = p.Kill()
		if b.Failed() {
			b.Logf("%s said:\n%s", name, p.Stderr())
		}
	})
}

// windows waits for the terminal's windows and lays them side by side.
func (b bench) windows(d *lab.Display, n int) []lab.Window {
	b.Helper()
	windows, err := d.WaitWindows(b.soon(), n)
	b.ok(err)
	windows, err = d.Spread(windows)
	b.ok(err)
	return windows
}

// keepOnFailure leaves a picture of what a failed test saw last. It is called
// after the programs are started, so that they live until it is taken.
func (b bench) keepOnFailure(d *lab.Display, name string) {
	b.Cleanup(func() {
		if !b.Failed() {
			return
		}
		picture, err := d.Picture(d.Root())
		if err != nil {
			b.Log(err)
			return
		}
		path := filepath.Join("..", "..", "build", "pictures", "failed-"+strings.ReplaceAll(b.Name(), "/", "-")+"-"+name+".png")
		if err := lab.SavePNG(path, picture); err != nil {
			b.Log(err)
			return
		}
		b.Logf("picture of %s: %s", d.Name(), path)
	})
}

// end asks the terminal to end and returns its summary.
func (b bench) end(p *lab.Process) *lab.TerminalSummary {
	b.Helper()
	code, err := p.Stop()
	b.ok(err)
	if code != 0 {
		b.Fatalf("shadow-terminal's exit status after SIGINT = %d; want 0 (stderr: %s)", code, p.Stderr())
	}
	var s lab.TerminalSummary
	b.ok(p.Summary(&s))
	return &s
}

// endHost asks the host to end and returns its summary.
func (b bench) endHost(h *lab.Host) *lab.HostSummary {
	b.Helper()
	code, err := h.Stop()
	b.ok(err)
	if code != 0 {
		b.Fatalf("shadow-host's exit status after SIGINT = %d; want 0 (stderr: %s)", code, h.Stderr())
	}
	var s lab.HostSummary
	b.ok(h.Summary(&s))
	return &s
}

// differs is what a wait says about a value that is not there yet.
func differs(what string, got, want any) error {
	return fmt.Errorf("%s is %v; want %v", what, got, want)
}

// errNotYet is for waits with nothing to tell.
var errNotYet = errors.New("not yet")

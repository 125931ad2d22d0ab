//go:build linux && !nonative

package hostile_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/needs"
)

// patience bounds each wait. It is for a busy machine.
const patience = 45 * time.Second

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &build)) }

// build compiles the programs at the first call. TestMain sets it.
var build func() (lab.Programs, error)

// bench is a terminal that runs for ever, the one address that it connects to,
// and who answers there.
type bench struct {
	programs lab.Programs
	display  *lab.Display
	terminal *lab.Process
	house    *house
	good     *lab.Clip
	before   atomic.Int64 // sessions that had ended when the present host was asked
}

// begin skips or fails where X is missing, and starts the terminal.
func begin(t *testing.T) *bench {
	t.Helper()
	if err := lab.Need("Xvfb", "xdotool", "setxkbmap"); err != nil {
		if needs.Required("x11") {
			t.Fatalf("REQUIRE_HW names x11: %v", err)
		}
		t.Skip(err)
	}
	programs, err := build()
	ok(t, err)
	b := &bench{programs: programs, house: newHouse(t)}
	b.good, err = lab.MakeClip(lab.ClipConfig{Width: 640, Height: 360, FPS: 30, Pictures: 30, BitrateBps: 4_000_000})
	ok(t, err)
	life := context.WithoutCancel(t.Context())
	b.display, err = lab.StartDisplay(life, lab.DisplayConfig{Width: 1280, Height: 720})
	ok(t, err)
	t.Cleanup(func() { _ = b.display.Close() })
	file := filepath.Join(t.TempDir(), "terminal.toml")
	ok(t, os.WriteFile(file, fmt.Appendf(nil, "url = %q\nfullscreen = false\ndisplay = \"window\"\n", b.house.url()), 0o600))
	b.terminal, err = programs.StartTerminal(life, lab.TerminalConfig{File: file, Display: b.display})
	ok(t, err)
	t.Cleanup(func() {
		if t.Failed() { // what it was busy with
			_ = syscall.Kill(b.terminal.PID(), syscall.SIGQUIT)
			dumped, cancel := context.WithTimeout(life, 5*time.Second)
			_, _ = b.terminal.Wait(dumped)
			cancel()
		}
		_ = b.terminal.Kill()
		if t.Failed() {
			t.Logf("shadow-terminal said:\n%s", b.terminal.Stderr())
		}
	})
	return b
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soon returns a context that bounds one wait.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// alive fails the test at once if the terminal has gone or its runtime has
// complained.
func (b *bench) alive(t *testing.T) {
	t.Helper()
	select {
	case <-b.terminal.Done():
		code, _ := b.terminal.Wait(context.Background())
		t.Fatalf("shadow-terminal has ended with status %d; want it to go on", code)
	default:
	}
	calm(t, b.terminal)
}

// calm fails the test if a program has panicked or said what could steer a
// terminal emulator.
func calm(t *testing.T, p *lab.Process) {
	t.Helper()
	said := p.Stderr()
	for _, bad := range []string{"panic:", "fatal error:", "SIGSEGV", "DATA RACE", "goroutine 1 ["} {
		if strings.Contains(said, bad) {
			t.Fatalf("shadow-terminal said %q:\n%.20000s", bad, said)
		}
	}
	if at := strings.IndexFunc(said, harmful); at >= 0 {
		t.Errorf("shadow-terminal printed %q; want harmless text only", said[max(0, at-40):min(len(said), at+40)])
	}
}

// harmful reports characters that steer terminal emulators or turn text around.
func harmful(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// invite has the terminal make its next session with a host: it waits a while
// after most ends, and a key ends the waiting.
func (b *bench) invite(t *testing.T, host http.Handler) {
	t.Helper()
	before := b.house.posts.Load()
	b.house.lives(host)
	windows, err := b.display.WaitWindows(soon(t), 1)
	ok(t, err)
	ok(t, b.display.Focus(windows[0]))
	ok(t, lab.Until(soon(t), "another session of the terminal", func() error {
		b.alive(t)
		if b.house.posts.Load() > before {
			return nil
		}
		if err := b.display.Key(t.Context(), "F12"); err != nil {
			return err
		}
		return fmt.Errorf("it asked %d times so far", before)
	}))
}

// meets notes that a host is asked for the first time: what ends from now on is
// its session.
func (b *bench) meets(first *sync.Once) {
	first.Do(func() { b.before.Store(int64(len(endings.FindAllString(b.terminal.Stderr(), -1)))) })
}

// sentence waits until the session with the present host has ended and returns
// why.
func (b *bench) sentence(t *testing.T) string {
	t.Helper()
	var why string
	ok(t, lab.Until(soon(t), "the end of the session", func() error {
		b.alive(t)
		all := endings.FindAllStringSubmatch(b.terminal.Stderr(), -1)
		before := int(b.before.Load())
		if len(all) <= before {
			return fmt.Errorf("%d sessions have ended", len(all))
		}
		why = unquote(all[before][1])
		return nil
	}))
	return why
}

package lab_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/needs"
)

// needX11 skips where the X programs are missing, unless REQUIRE_HW says that
// this machine must have them.
func needX11(t *testing.T) {
	t.Helper()
	err := lab.Need("Xvfb", "xterm", "xdotool", "setxkbmap")
	if err == nil {
		return
	}
	if needs.Required("x11") {
		t.Fatalf("REQUIRE_HW names x11: %v", err)
	}
	t.Skip(err)
}

// soon bounds what one test waits for.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, c lab.Command) *lab.Process {
	t.Helper()
	p, err := lab.Start(context.WithoutCancel(t.Context()), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func shell(script string) lab.Command {
	return lab.Command{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}}
}

func TestProcessOutputAndStatus(t *testing.T) {
	p := start(t, shell("echo result; echo half >&2; echo \"listening url=$ADDRESS\" >&2; exit 3"))
	if code, err := p.Wait(soon(t)); code != 3 || err != nil {
		t.Errorf("Wait() = %d, %v; want 3, nil", code, err)
	}
	if got := p.Stdout(); got != "result\n" {
		t.Errorf("Stdout() = %q; want %q", got, "result\n")
	}
	if line, err := p.WaitLine(soon(t), "listening"); line != "listening url=" || err != nil {
		t.Errorf("WaitLine(listening) = %q, %v; want the line even after the end", line, err)
	}
	if _, err := p.WaitLine(soon(t), "absent"); err == nil || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("WaitLine(absent) = %v; want an error with the status", err)
	}
}

func TestWaitLineWakesWithTheLine(t *testing.T) {
	p := start(t, lab.Command{Path: "/bin/sh", Args: []string{"-c", `printf 'a half ' >&2; read x; echo "line $NAME" >&2; read x`}, Env: []string{"NAME=seven"}, Files: nil})
	// Standard input is /dev/null, so both reads return at once.
	if line, err := p.WaitLine(soon(t), "line"); line != "a half line seven" || err != nil {
		t.Errorf("WaitLine(line) = %q, %v; want the whole line", line, err)
	}
}

func TestWaitLineEndsWithItsContext(t *testing.T) {
	p := start(t, shell("echo up >&2; exec sleep 100"))
	if _, err := p.WaitLine(soon(t), "up"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.WaitLine(ctx, "absent"); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitLine(cancelled) = %v; want %v", err, context.Canceled)
	}
	if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait(cancelled) = %v; want %v", err, context.Canceled)
	}
}

func TestStopAsksAndEndsGrandchildren(t *testing.T) {
	p := start(t, shell(`trap 'exit 7' INT; sleep 1000 & echo "child $!" >&2; wait`))
	line, err := p.WaitLine(soon(t), "child ")
	if err != nil {
		t.Fatal(err)
	}
	if code, err := p.Stop(); code != 7 || err != nil {
		t.Errorf("Stop() = %d, %v; want 7, nil", code, err)
	}
	child := "/proc/" + strings.TrimPrefix(line, "child ")
	err = lab.Until(soon(t), "the grandchild's end", func() error {
		status, err := os.ReadFile(child + "/stat")
		if err != nil || strings.Contains(string(status), ") Z ") {
			return nil // gone, or a zombie that waits for its new parent
		}
		return errors.New("it lives")
	})
	if err != nil {
		t.Error(err)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("Kill() after the end = %v; want nil", err)
	}
}

func TestContextEndsProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := lab.Start(ctx, shell("trap '' INT; sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if code, err := p.Wait(soon(t)); code != -1 || err != nil {
		t.Errorf("Wait() = %d, %v; want -1, nil", code, err)
	}
}

func TestStartUnknownProgram(t *testing.T) {
	if _, err := lab.Start(t.Context(), lab.Command{Path: "/no/such/program"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start(/no/such/program) = %v; want %v", err, os.ErrNotExist)
	}
}

func TestNeed(t *testing.T) {
	if err := lab.Need("sh"); err != nil {
		t.Errorf("Need(sh) = %v; want nil", err)
	}
	err := lab.Need("sh", "no-such-program")
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("Need(no-such-program) = %v; want ErrUnsupported with the name", err)
	}
}

func TestUntilSaysWhatItSawLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	last := errors.New("still cold")
	err := lab.Until(ctx, "warmth", func() error { cancel(); return last })
	if !errors.Is(err, last) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "warmth") {
		t.Errorf("Until(cancelled) = %v; want what, why and the last state", err)
	}
}

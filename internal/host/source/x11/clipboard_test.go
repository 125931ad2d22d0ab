package x11_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source/x11"
	"github.com/blade-shadow/terminal/internal/needs"
)

const most = 1 << 20

// display starts an X server that nobody sees.
func display(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"Xvfb", "xclip"} {
		if _, err := exec.LookPath(name); err != nil {
			if needs.Required("x11") {
				t.Fatal(err)
			}
			t.Skipf("%v: %v", errors.ErrUnsupported, err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "64x64x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

// open runs a clipboard until the test ends and returns what it tells.
func open(t *testing.T, name string) (*x11.Clipboard, <-chan string) {
	t.Helper()
	x, err := x11.OpenClipboard(x11.ClipboardConfig{Display: name, Max: most})
	if err != nil {
		t.Fatal(err)
	}
	texts := make(chan string, 8)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, func(s string) { texts <- s }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		_ = x.Close()
	})
	return x, texts
}

func next(t *testing.T, texts <-chan string) string {
	t.Helper()
	select {
	case s := <-texts:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("waited 20 s for a text")
		return ""
	}
}

// copied has xclip, the program that everybody has, own a text until the test
// ends.
func copied(t *testing.T, name, text string) {
	t.Helper()
	cmd := exec.Command("xclip", "-display", name, "-selection", "clipboard", "-quiet", "-in")
	cmd.Stdin = strings.NewReader(text)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// pasted is what xclip pastes, "" when the owner does not answer: another xclip
// serves one at a time and loses who asks meanwhile.
func pasted(t *testing.T, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "xclip", "-display", name, "-selection", "clipboard", "-target", "UTF8_STRING", "-out").Output()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("xclip: %v", err)
	}
	return string(out)
}

// until waits for what xclip pastes.
func until(t *testing.T, name, what string, ok func(pasted string) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(pasted(t, name)); {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s until xclip pastes %s", what)
		}
	}
}

// What xclip copies arrives, in one piece and in many; what is set is pasted by
// xclip; what is ours is not told; what is too long is left alone.
func TestClipboard(t *testing.T) {
	name := display(t)
	x, texts := open(t, name)
	long := strings.Repeat("Grüße, 世界\n", most/20)
	for _, text := range []string{"hello", long} {
		copied(t, name, text)
		if got := next(t, texts); got != text {
			t.Errorf("%d bytes came of %d, or others", len(got), len(text))
		}
		mine := "mine: " + text
		x.Set(mine)
		until(t, name, "what was set", func(s string) bool { return s == mine })
	}
	copied(t, name, strings.Repeat("x", most+1))
	until(t, name, "what is too long", func(s string) bool { return !strings.HasPrefix(s, "mine") })
	copied(t, name, "after")
	if got := next(t, texts); got != "after" {
		t.Errorf("%.20q… came; want what was copied after it", got)
	}
}

// Two of ours on one display give each other what they set.
func TestTwoClipboards(t *testing.T) {
	name := display(t)
	a, fromB := open(t, name)
	a.Set("from a")
	b, fromA := open(t, name)
	if got := next(t, fromA); got != "from a" {
		t.Errorf("%q came; want what a had set before", got)
	}
	b.Set("from b")
	if got := next(t, fromB); got != "from b" { // two connections: the server may hear a first
		t.Errorf("%q came; want what b set", got)
	}
	a.Set(strings.Repeat("a", most))
	if got := next(t, fromA); len(got) != most {
		t.Errorf("%d bytes came; want %d", len(got), most)
	}
}

func TestNoClipboard(t *testing.T) {
	if _, err := x11.OpenClipboard(x11.ClipboardConfig{Display: ":65000"}); err == nil {
		t.Error("OpenClipboard(:65000) = nil; want an error")
	}
}

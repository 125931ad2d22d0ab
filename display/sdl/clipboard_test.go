//go:build linux && cgo && !nonative

package sdl_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/needs"
)

// copied has another program own a text until the test ends.
func copied(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command("xclip", "-selection", "clipboard", "-quiet", "-in")
	cmd.Stdin = strings.NewReader(text)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestClipboard proves that what was copied elsewhere is told when the person
// comes here, not before, and that what is set here can be pasted elsewhere and
// is not told as somebody else's.
func TestClipboard(t *testing.T) {
	if _, err := exec.LookPath("xclip"); err != nil {
		if needs.Required("x11") {
			t.Fatal(err)
		}
		t.Skipf("%v: %v", errors.ErrUnsupported, err)
	}
	texts := make(chan string, 16)
	b := newBench(t, sdl.GPUOff, display.Config{Width: 320, Height: 180, OnClipboard: func(s string) { offer(texts, s) }})
	b.show(flat(0, 320, 180, red))
	w := b.windows(1)[0]
	next(b, b.focus, "focus")
	b.unfocus()
	next(b, b.focus, "focus change")
	copied(t, "elsewhere")
	pasted := func() string {
		out, _ := exec.Command("xclip", "-selection", "clipboard", "-out").Output() // nobody owns it for a moment
		return string(out)
	}
	b.until("it is copied", func() bool { return pasted() == "elsewhere" })
	if n := len(texts); n != 0 {
		t.Errorf("%d texts were told while the person was elsewhere", n)
	}
	if err := xproto.SetInputFocusChecked(b.x, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check(); err != nil {
		t.Fatal(err)
	}
	if s := next(b, texts, "a text"); s != "elsewhere" {
		t.Errorf("%q was told", s)
	}
	b.d.SetClipboard("from the host")
	b.until("it can be pasted", func() bool { return pasted() == "from the host" })
	if n := len(texts); n != 0 {
		t.Errorf("%q was told; want what we set not told", <-texts)
	}
}

//go:build linux && !nonative

package e2e_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
)

// TestFile streams a film of a second, again and again.
func TestFile(t *testing.T) {
	t.Parallel()
	b := begin(t)
	film, err := filepath.Abs("../host/source/testdata/clip.mkv")
	b.ok(err)
	host := b.host(lab.HostConfig{Source: film})
	terminal := b.terminal(lab.TerminalConfig{URL: host.URL, Display: b.display(640, 480), Duration: 4 * time.Second})
	if code, err := terminal.Wait(b.soon()); code != 0 || err != nil {
		t.Fatalf("shadow-terminal ended with %d, %v; want 0", code, err)
	}
	var sum lab.TerminalSummary
	b.ok(terminal.Summary(&sum))
	s := sum.Screens[0]
	if s.Shown < 60 || s.Dropped["network"] != 0 {
		t.Errorf("screen = %+v; want a film of 20 frames/s shown for 4 s", s)
	}
}

//go:build linux && !nonative

package e2e_test

import (
	"fmt"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

// TestRun is a terminal that comes up by itself: its host is not there yet, so
// it waits and shows it as soon as it is.
func TestRun(t *testing.T) {
	t.Parallel()
	b := begin(t)
	address := closedPort(t)
	config := b.file("terminal.toml", fmt.Sprintf("url = %q\nfullscreen = false\nwidth = 640\nheight = 360\ncodecs = [\"h264\"]\n", "http://"+address))
	d := b.display(640, 360)
	terminal := b.terminal(lab.TerminalConfig{File: config, Display: d})
	b.keepOnFailure(d, "terminal")
	_, err := terminal.WaitLine(b.soon(), "nothing is listening at "+address)
	b.ok(err)

	b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Listen: address})
	for i, w := range b.windows(d, 1) {
		b.liveWindow(d, w, i)
	}
	if sum := b.end(terminal); sum.Screens[0].Shown == 0 {
		t.Errorf("frames shown = 0; want some")
	}
}

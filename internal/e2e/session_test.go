//go:build linux && !nonative

package e2e_test

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/lab"
)

// TestSession is what `make run` does without a display: two screens, keys and
// motion, a picture of each window, a table of what was measured.
func TestSession(t *testing.T) {
	t.Parallel()
	b := begin(t)
	pictures := filepath.Join(t.TempDir(), "run-screen")
	session, err := lab.RunSession(t.Context(), lab.SessionConfig{
		Programs: b.Programs, Source: "testcard", Screens: 2, Size: image.Pt(640, 360), Duration: 4 * time.Second, Pictures: pictures,
	})
	b.ok(err)
	b.checkSession(&session.Terminal, &session.Host, "h264", 2)
	if q := session.Terminal.Input.KeyToChannel; q.N == 0 {
		t.Errorf("key_to_channel_ms = %+v; want measured keys", q)
	}
	if q := session.Host.Input.OneWay; q.N == 0 {
		t.Errorf("input one_way_ms = %+v; want measured keys", q)
	}
	for screen := range 2 {
		p, err := barcode.ReadImage(b.readPNG(fmt.Sprintf("%s-%d.png", pictures, screen+1)))
		if err != nil || int(p.Screen) != screen || p.Frame == 0 {
			t.Errorf("barcode in picture %d = %+v, %v; want a frame of screen %d", screen+1, p, err, screen)
		}
	}
	var table strings.Builder
	b.ok(lab.WriteTable(&table, &session.Terminal, &session.Host))
	t.Logf("\n%s", table.String())
	for _, want := range []string{"screen 1", "screen 2", "capture_to_shown", "shadow-host", "shadow-terminal"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("table has no %q", want)
		}
	}
}

func (b bench) readPNG(path string) image.Image {
	b.Helper()
	f, err := os.Open(path)
	b.ok(err)
	defer f.Close()
	picture, err := png.Decode(f)
	b.ok(err)
	return picture
}

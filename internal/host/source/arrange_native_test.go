//go:build !nonative

package source_test

import (
	"errors"
	"image"
	"testing"

	"github.com/jezek/xgb/randr"

	"github.com/blade-shadow/terminal/internal/host/source"
)

// placed is one connected placement of a screen.
func placed(screen int, r image.Rectangle, milliFPS int) source.Placement {
	return source.Placement{Screen: screen, Connected: true, Primary: true, Bounds: r, MilliFPS: milliFPS}
}

func TestDesktopArrange(t *testing.T) {
	x := startXvfb(t, "1280x720")
	x.fill(t, image.Rect(0, 0, 1280, 720), 0x808080)
	d := newDesktop(t, source.DesktopConfig{})
	v := openVideo(t, d, 0)
	before := modes(t, x)
	expectDesktop(t, d, v, 1280, 720, 60_000)
	for _, p := range []source.Placement{
		placed(0, image.Rect(0, 0, 800, 600), 75_000),
		placed(0, image.Rect(-400, 50, -400+641, 50+361), 59_940), // anywhere, odd
		placed(0, image.Rect(0, 0, 1280, 720), 120_000),
		placed(0, image.Rect(0, 0, 800, 600), 0), // at the rate that it has
	} {
		if err := d.Arrange([]source.Placement{p}); err != nil {
			t.Fatalf("Arrange(%+v) = %v; want no error", p, err)
		}
		rate := p.MilliFPS
		if rate == 0 {
			rate = 120_000
		}
		expectDesktop(t, d, v, p.Bounds.Dx()&^1, p.Bounds.Dy()&^1, rate)
		if n := modes(t, x); n > before+1 {
			t.Errorf("the display has %d modes; want %d and the one in use", n, before)
		}
	}
	if err := d.Arrange([]source.Placement{placed(0, image.Rect(0, 0, 800, 600), 75_000)}); err != nil {
		t.Fatal(err)
	}
	if got := current(t, x); got < 74_999 || got > 75_001 {
		t.Errorf("the monitor's mode has %d refreshes per 1000 s; want the 75 Hz that was asked for", got)
	}
	// What the server cannot do changes nothing.
	err := d.Arrange([]source.Placement{placed(0, image.Rect(0, 0, 4096, 4096), 60_000)})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Arrange(4096x4096) of a display of 1280x720 = %v; want errors.ErrUnsupported", err)
	}
	expectDesktop(t, d, v, 800, 600, 75_000)
	if err := d.Arrange(nil); err != nil {
		t.Errorf("Arrange(nil) = %v; want no error", err)
	}
	expectDesktop(t, d, v, 1280, 720, 60_000)
	if after := modes(t, x); after != before {
		t.Errorf("the display has %d modes after that; want %d as before", after, before)
	}
}

// expectDesktop takes a picture and looks at its size and rate.
func expectDesktop(t *testing.T, d *source.Desktop, v source.Video, width, height, milliFPS int) {
	t.Helper()
	f := next(t, v)
	if f.Width != width || f.Height != height || v.(source.Rated).MilliFPS() != milliFPS {
		t.Errorf("picture %dx%d at %d; want %dx%d at %d", f.Width, f.Height, v.(source.Rated).MilliFPS(), width, height, milliFPS)
	}
	if s := d.Screens(); len(s) != 1 || s[0].Width != width || s[0].FPS != (milliFPS+500)/1000 {
		t.Errorf("Screens() = %+v; want %dx%d", s, width, height)
	}
}

func resources(t *testing.T, x *xvfb) *randr.GetScreenResourcesReply {
	t.Helper()
	if err := randr.Init(x.conn); err != nil {
		t.Fatal(err)
	}
	res, err := randr.GetScreenResources(x.conn, x.root).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func modes(t *testing.T, x *xvfb) int { t.Helper(); return len(resources(t, x).Modes) }

// current is the refresh of the first CRTC's mode, per 1000 s.
func current(t *testing.T, x *xvfb) int {
	t.Helper()
	res := resources(t, x)
	crtc, err := randr.GetCrtcInfo(x.conn, res.Crtcs[0], res.ConfigTimestamp).Reply()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Modes {
		if randr.Mode(m.Id) == crtc.Mode && m.Htotal > 0 {
			return int(uint64(m.DotClock) * 1000 / (uint64(m.Htotal) * uint64(m.Vtotal)))
		}
	}
	return 0
}

func TestDesktopThatCannotBeArranged(t *testing.T) {
	at := []source.Placement{placed(0, image.Rect(0, 0, 320, 200), 60_000)}
	t.Run("no RandR", func(t *testing.T) {
		startXvfb(t, "640x360", "-extension", "RANDR")
		d := newDesktop(t, source.DesktopConfig{})
		if err := d.Arrange(at); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Arrange() = %v; want errors.ErrUnsupported", err)
		}
		expectDesktop(t, d, openVideo(t, d, 0), 640, 360, 60_000)
	})
	t.Run("regions", func(t *testing.T) {
		startXvfb(t, "640x360")
		d := newDesktop(t, source.DesktopConfig{Regions: []image.Rectangle{image.Rect(0, 0, 320, 360)}})
		if err := d.Arrange(at); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Arrange() = %v; want errors.ErrUnsupported", err)
		}
	})
	t.Run("monitors of no output", func(t *testing.T) {
		x := startXvfb(t, "640x360")
		setMonitor(t, x, "LEFT", image.Rect(0, 0, 320, 360), resources(t, x).Outputs)
		d := newDesktop(t, source.DesktopConfig{})
		if err := d.Arrange(at); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Arrange() = %v; want errors.ErrUnsupported", err)
		}
	})
}

//go:build !nonative

package source_test

import (
	"errors"
	"image"
	"strings"
	"testing"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
)

func newDesktop(t testing.TB, cfg source.DesktopConfig) *source.Desktop {
	t.Helper()
	cfg.Display, cfg.Audio = testDisplay, source.AudioNone
	d, err := source.NewDesktop(cfg)
	if err != nil {
		t.Fatalf("NewDesktop(%+v) = %v; want no error", cfg, err)
	}
	return d
}

// yuv is a colour in BT.709, limited range.
type yuv [3]int

var (
	grey  = yuv{126, 128, 128} // 0x808080
	red   = yuv{63, 102, 240}  // 0xff0000
	green = yuv{173, 42, 26}   // 0x00ff00
	blue  = yuv{32, 240, 118}  // 0x0000ff
)

func expectColor(t *testing.T, f *media.Frame, x, y int, want yuv) {
	t.Helper()
	got := yuv{
		int(f.Planes[0][y*f.Stride[0]+x]),
		int(f.Planes[1][y/2*f.Stride[1]+x/2]),
		int(f.Planes[2][y/2*f.Stride[2]+x/2]),
	}
	for i := range got {
		if d := got[i] - want[i]; d < -2 || d > 2 {
			t.Errorf("picture %d at (%d,%d) = %v; want %v", f.FrameID, x, y, got, want)
			return
		}
	}
}

func quarters(t *testing.T, x *xvfb) {
	t.Helper()
	x.fill(t, image.Rect(0, 0, 320, 180), 0x808080)
	x.fill(t, image.Rect(320, 0, 640, 180), 0xff0000)
	x.fill(t, image.Rect(0, 180, 320, 360), 0x00ff00)
	x.fill(t, image.Rect(320, 180, 640, 360), 0x0000ff)
}

func TestDesktopShowsWhatIsDrawn(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
	}{{"shared memory", nil}, {"socket", []string{"-extension", "MIT-SHM"}}, {"no RandR", []string{"-extension", "RANDR"}}} {
		t.Run(tc.name, func(t *testing.T) {
			x := startXvfb(t, "641x361", tc.args...)
			quarters(t, x)
			d := newDesktop(t, source.DesktopConfig{})
			v := openVideo(t, d, 0)
			if w, h := v.Size(); w != 640 || h != 360 {
				t.Errorf("Size() of 641x361 = %d, %d; want 640, 360", w, h)
			}
			f := next(t, v)
			if f.Format != media.I420 || f.Color != media.BT709 || f.FullRange || f.FrameID != 1 || f.Timing.Captured.IsZero() {
				t.Errorf("Next() = %v, colour %d, full %v, FrameID %d, captured %v", f.Format, f.Color, f.FullRange, f.FrameID, f.Timing.Captured)
			}
			expectColor(t, f, 100, 100, grey)
			expectColor(t, f, 500, 100, red)
			expectColor(t, f, 100, 300, green)
			expectColor(t, f, 500, 300, blue)
			x.fill(t, image.Rect(0, 0, 320, 180), 0x0000ff)
			expectColor(t, next(t, v), 100, 100, blue)
		})
	}
}

func TestDesktopRegions(t *testing.T) {
	x := startXvfb(t, "640x360")
	quarters(t, x)
	d := newDesktop(t, source.DesktopConfig{Regions: []image.Rectangle{
		image.Rect(0, 0, 320, 360), image.Rect(320, 180, 641, 401),
	}})
	if s := d.Screens(); len(s) != 2 || s[1].Bounds.Min != image.Pt(320, 180) {
		t.Fatalf("Screens() = %+v; want the two regions", s)
	}
	left, right := openVideo(t, d, 0), openVideo(t, d, 1)
	f := next(t, left)
	expectColor(t, f, 100, 100, grey)
	expectColor(t, f, 100, 300, green)
	f = next(t, right)
	if f.Width != 320 || f.Height != 180 || f.Screen != 1 {
		t.Errorf("screen 1 = %dx%d, number %d; want 320x180, what is on the display", f.Width, f.Height, f.Screen)
	}
	expectColor(t, f, 100, 100, blue)
}

func TestDesktopMonitors(t *testing.T) {
	x := startXvfb(t, "640x360")
	quarters(t, x)
	if err := randr.Init(x.conn); err != nil {
		t.Fatal(err)
	}
	outputs, err := randr.GetScreenResources(x.conn, x.root).Reply()
	if err != nil {
		t.Fatal(err)
	}
	setMonitor(t, x, "LEFT", image.Rect(0, 0, 320, 360), outputs.Outputs)
	setMonitor(t, x, "RIGHT", image.Rect(320, 0, 640, 360), nil)
	d := newDesktop(t, source.DesktopConfig{})
	s := d.Screens()
	if len(s) != 2 || s[0].Name != "LEFT" || s[1].Name != "RIGHT" || s[1].Bounds != image.Rect(320, 0, 640, 360) {
		t.Fatalf("Screens() = %+v; want LEFT and RIGHT", s)
	}
	v := openVideo(t, d, 1)
	f := next(t, v)
	expectColor(t, f, 100, 100, red)
	expectColor(t, f, 100, 300, blue)

	// Pulled out in the middle.
	if err := randr.DeleteMonitorChecked(x.conn, x.root, atom(t, x, "RIGHT")).Check(); err != nil {
		t.Fatal(err)
	}
	resize(t, x, 640, 200)
	if _, err := untilError(t, v); !errors.Is(err, source.ErrGone) || !strings.Contains(err.Error(), "RIGHT") {
		t.Errorf("Next() without the monitor = %v; want ErrGone and its name", err)
	}
}

func atom(t *testing.T, x *xvfb, name string) xproto.Atom {
	t.Helper()
	reply, err := xproto.InternAtom(x.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return reply.Atom
}

func setMonitor(t *testing.T, x *xvfb, name string, r image.Rectangle, outputs []randr.Output) {
	t.Helper()
	err := randr.SetMonitorChecked(x.conn, x.root, randr.MonitorInfo{
		Name: atom(t, x, name), X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy()),
		WidthInMillimeters: 300, HeightInMillimeters: 200, NOutput: uint16(len(outputs)), Outputs: outputs,
	}).Check()
	if err != nil {
		t.Fatalf("make monitor %s: %v", name, err)
	}
}

// resize changes the size of the whole display.
func resize(t *testing.T, x *xvfb, width, height uint16) {
	t.Helper()
	if err := randr.Init(x.conn); err != nil {
		t.Fatal(err)
	}
	res, err := randr.GetScreenResources(x.conn, x.root).Reply()
	if err != nil {
		t.Fatal(err)
	}
	for _, crtc := range res.Crtcs {
		const off = 0
		if _, err := randr.SetCrtcConfig(x.conn, crtc, xproto.TimeCurrentTime, xproto.TimeCurrentTime, 0, 0, off, randr.RotationRotate0, nil).Reply(); err != nil {
			t.Fatal(err)
		}
	}
	if err := randr.SetScreenSizeChecked(x.conn, x.root, width, height, 300, 200).Check(); err != nil {
		t.Fatalf("resize to %dx%d: %v", width, height, err)
	}
}

// untilError takes pictures until one fails, for five seconds at most.
func untilError(t *testing.T, v source.Video) (pictures int, err error) {
	t.Helper()
	for pictures = range 5 * 60 {
		if _, err := v.Next(t.Context()); err != nil {
			return pictures, err
		}
	}
	return pictures, nil
}

func TestDesktopFollowsTheDisplaysSize(t *testing.T) {
	x := startXvfb(t, "640x360")
	x.fill(t, image.Rect(0, 0, 640, 360), 0x808080)
	d := newDesktop(t, source.DesktopConfig{Regions: []image.Rectangle{image.Rect(0, 0, 4096, 2160)}})
	v := openVideo(t, d, 0)
	next(t, v)
	for _, size := range []image.Point{{320, 241}, {500, 300}, {640, 360}} {
		resize(t, x, uint16(size.X), uint16(size.Y))
		x.fill(t, image.Rectangle{Max: size}, 0x808080)
		f := next(t, v)
		w, h := v.Size()
		if want := (image.Point{size.X, size.Y &^ 1}); f.Width != want.X || f.Height != want.Y || w != want.X || h != want.Y {
			t.Errorf("after resize to %v: picture %dx%d, Size() %dx%d", size, f.Width, f.Height, w, h)
		}
		expectColor(t, f, f.Width-2, f.Height-2, grey)
	}
}

func TestDesktopWhoseServerDies(t *testing.T) {
	x := startXvfb(t, "640x360")
	d := newDesktop(t, source.DesktopConfig{})
	v := openVideo(t, d, 0)
	next(t, v)
	x.kill()
	if _, err := untilError(t, v); !errors.Is(err, source.ErrGone) {
		t.Errorf("Next() without a server = %v; want ErrGone", err)
	}
	if _, err := d.OpenVideo(0); !errors.Is(err, source.ErrGone) {
		t.Errorf("OpenVideo(0) without a server = %v; want ErrGone", err)
	}
}

func TestNewDesktopWithoutAServer(t *testing.T) {
	t.Setenv("DISPLAY", "")
	for _, tc := range []struct{ display, want string }{
		{"", "DISPLAY is not set"},
		{":9785", "open X display :9785"},
		{"here", "write it like :0"},
	} {
		_, err := source.NewDesktop(source.DesktopConfig{Display: tc.display})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("NewDesktop(%q) = %v; want %q in it", tc.display, err, tc.want)
		}
	}
}

func TestNewDesktopRefuses(t *testing.T) {
	startXvfb(t, "640x360")
	for _, cfg := range []source.DesktopConfig{
		{FPS: -1},
		{FPS: 241},
		{Regions: []image.Rectangle{{}}},
		{Regions: []image.Rectangle{image.Rect(0, 0, 10000, 100)}},
	} {
		cfg.Display = testDisplay
		if _, err := source.NewDesktop(cfg); err == nil {
			t.Errorf("NewDesktop(%+v) = nil error; want one", cfg)
		}
	}
}

func TestDesktopWithoutSound(t *testing.T) {
	startXvfb(t, "640x360")
	if _, err := newDesktop(t, source.DesktopConfig{}).OpenAudio(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenAudio() = %v; want errors.ErrUnsupported", err)
	}
}

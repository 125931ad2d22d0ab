//go:build linux && cgo && !nonative

package gl_test

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/jezek/xgb"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/needs"
)

// TestMain sets what Mesa 22.3's llvmpipe needs: its linear rasteriser
// exchanges red and blue of simple shaders, and its usual filter rounds in 8
// bits twice, which a matrix then makes 4 steps of. At the end nothing may be left.
func TestMain(m *testing.M) {
	err := os.Setenv("LP_PERF", "no_rast_linear")
	if _, chosen := os.LookupEnv("GALLIVM_PERF"); !chosen {
		err = errors.Join(err, os.Setenv("GALLIVM_PERF", "no_aos_sampling"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	xgb.Logger.SetOutput(io.Discard) // it reports that there is no authority file
	code := m.Run()
	if n := gl.LiveObjects(); n != 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "LiveObjects() = %d at the end; want 0\n", n)
		code = 1
	}
	os.Exit(code)
}

// missing skips where err says that this machine lacks a feature, unless
// REQUIRE_HW names it.
func missing(t testing.TB, feature string, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) && !needs.Required(feature) {
		t.Skipf("skipped: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func surfaceless(t testing.TB) *gl.Display {
	t.Helper()
	d, err := gl.OpenSurfaceless()
	missing(t, "egl", err)
	t.Cleanup(func() { closing(t, d) })
	return d
}

func closing(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v; want nil", err)
	}
}

// renderer returns one on the test's own thread, for drawing into memory.
func renderer(t testing.TB, d *gl.Display, width, height int) *gl.Renderer {
	t.Helper()
	runtime.LockOSThread()
	r, err := d.NewRenderer()
	if err != nil {
		t.Fatalf("NewRenderer() = %v; want nil", err)
	}
	t.Cleanup(func() {
		closing(t, r)
		runtime.UnlockOSThread()
	})
	if err := r.BindOffscreen(width, height); err != nil {
		t.Fatalf("BindOffscreen(%d, %d) = %v; want nil", width, height, err)
	}
	return r
}

// drawn draws a scene and returns what all of the output shows.
func drawn(t testing.TB, r *gl.Renderer, s *gl.Scene) *media.Frame {
	t.Helper()
	if err := r.Draw(s); err != nil {
		t.Fatalf("Draw() = %v; want nil", err)
	}
	return read(t, r, image.Rectangle{Max: r.Size()})
}

func read(t testing.TB, r *gl.Renderer, at image.Rectangle) *media.Frame {
	t.Helper()
	f := media.AllocFrame(media.BGRX, at.Dx(), at.Dy())
	if err := r.Read(f, at); err != nil {
		t.Fatalf("Read(%v) = %v; want nil", at, err)
	}
	return f
}

// rgb is a colour, 0 to 255.
type rgb [3]float64

func colorAt(f *media.Frame, x, y int) rgb {
	p := f.Planes[0][y*f.Stride[0]+x*4:]
	return rgb{float64(p[2]), float64(p[1]), float64(p[0])}
}

// compare fails where a pixel is further than tolerance from what want says.
func compare(t testing.TB, got *media.Frame, tolerance float64, want func(x, y int) rgb) {
	t.Helper()
	worst, bad := 0.0, 0
	var at image.Point
	for y := range got.Height {
		for x := range got.Width {
			if d := distance(colorAt(got, x, y), want(x, y)); d > tolerance {
				bad++
				if d > worst {
					worst, at = d, image.Pt(x, y)
				}
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d pixels differ, the most at %v: %v; want %.1f, at most %.0f off", bad, got.Width*got.Height, at,
			colorAt(got, at.X, at.Y), want(at.X, at.Y), tolerance)
	}
}

func distance(a, b rgb) float64 {
	d := 0.0
	for i := range a {
		d = max(d, a[i]-b[i], b[i]-a[i])
	}
	return d
}

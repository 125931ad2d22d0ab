//go:build linux && cgo && !nonative

package gl_test

import (
	"errors"
	"image"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestInfo(t *testing.T) {
	d := surfaceless(t)
	i := d.Info()
	if i.Platform != "surfaceless" || !strings.Contains(i.Version, "OpenGL ES") || i.Renderer == "" || i.MaxTextureSize < 2048 {
		t.Errorf("Info() = %+v; want a driver with OpenGL ES", i)
	}
	t.Logf("%+v", i)
}

// TestReset loses a context and goes on with another of the same display.
func TestReset(t *testing.T) {
	d := surfaceless(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	scene := &gl.Scene{Picture: pattern(media.I420, 32, 32)}
	for range 3 {
		r, err := d.NewRenderer()
		if err != nil {
			t.Fatalf("NewRenderer() = %v; want nil", err)
		}
		if err := errors.Join(r.BindOffscreen(32, 32), r.Draw(scene)); err != nil {
			t.Fatalf("Draw() = %v; want nil", err)
		}
		r.PretendReset()
		for range 2 {
			if err := r.Draw(scene); !errors.Is(err, gl.ErrContextLost) {
				t.Errorf("Draw() after a reset = %v; want ErrContextLost", err)
			}
		}
		closing(t, r)
	}
	got := drawn(t, renderer(t, d, 32, 32), scene)
	want := referenceOf(scene.Picture)
	compare(t, got, 2, func(x, y int) rgb { return want.color(image.Rect(0, 0, 32, 32), x, y) })
}

// TestTwoThreads draws two different pictures at once, each on its own thread
// and display, as two outputs do, opening and closing all the time.
func TestTwoThreads(t *testing.T) {
	missing(t, "egl", func() error { d, err := gl.OpenSurfaceless(); defer closeIf(d); return err }())
	var threads sync.WaitGroup
	for n := range 2 {
		threads.Go(func() {
			for range 3 {
				d, err := gl.OpenSurfaceless()
				if err != nil {
					t.Errorf("OpenSurfaceless() = %v; want nil", err)
					return
				}
				drawRounds(t, d, 20+30*n)
				closing(t, d)
			}
		})
	}
	threads.Wait()
}

func closeIf(d *gl.Display) {
	if d != nil {
		_ = d.Close()
	}
}

// drawRounds draws pictures of one size, and surfaces of several pools.
func drawRounds(t *testing.T, d *gl.Display, size int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := d.NewRenderer()
	if err != nil {
		t.Errorf("NewRenderer() = %v; want nil", err)
		return
	}
	defer closing(t, r)
	if err := r.BindOffscreen(size, size); err != nil {
		t.Errorf("BindOffscreen() = %v; want nil", err)
		return
	}
	got := media.AllocFrame(media.BGRX, size, size)
	for i := range 20 {
		f := pattern(media.NV12, size, size)
		if err := errors.Join(r.Draw(&gl.Scene{Picture: f}), r.Read(got, image.Rectangle{Max: r.Size()})); err != nil {
			t.Errorf("Draw() %d = %v; want nil", i, err)
			return
		}
		want := referenceOf(f)
		compare(t, got, 2, func(x, y int) rgb { return want.color(image.Rect(0, 0, size, size), x, y) })
	}
}

// TestCache draws from pools that come and go.
func TestCache(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 16, 16)
	picture, all := pattern(media.NV12, 16, 16), image.Rect(0, 0, 16, 16)
	draw := func(f *media.Frame) {
		t.Helper()
		if err := r.Draw(&gl.Scene{Picture: f}); err != nil {
			t.Fatalf("Draw() = %v; want nil", err)
		}
	}
	var first, last *media.Frame
	for id := range uint32(70) { // six more than are kept
		last = surfaceFrame(t, r, picture, 1, id, all)
		if first == nil {
			first = last
		}
		draw(last)
		draw(first) // so it is never the longest unused
	}
	if s := r.Stats(); s.Imports != 70 || s.Cached != 64 || s.Evictions != 6 {
		t.Errorf("Stats() after 70 surfaces = %+v; want 64 kept", s)
	}
	draw(surfaceFrame(t, r, picture, 2, 0, all))
	if s := r.Stats(); s.Imports != 71 || s.Cached != 1 || s.Evictions != 70 {
		t.Errorf("Stats() with a newer pool = %+v; want only it kept", s)
	}
	if err := r.Draw(&gl.Scene{Picture: first}); !errors.Is(err, gl.ErrImport) {
		t.Errorf("Draw() of what was let go and is no dma-buf = %v; want ErrImport", err)
	}
	r.Forget(2)
	if s := r.Stats(); s.Cached != 0 {
		t.Errorf("Stats() after Forget = %+v; want nothing kept", s)
	}
}

// TestNothingIsLeft closes everything in the middle of use.
func TestNothingIsLeft(t *testing.T) {
	before := gl.LiveObjects()
	t.Run("use", func(t *testing.T) {
		d := surfaceless(t)
		r := renderer(t, d, 16, 16)
		surfaceFrame(t, r, pattern(media.NV12, 16, 16), 1, 1, image.Rect(0, 0, 16, 16))
		drawn(t, r, &gl.Scene{
			Picture: pattern(media.I420, 16, 16), Layers: []gl.Layer{{Image: glass(image.Rect(0, 0, 4, 4), 1), Area: image.Rect(0, 0, 4, 4)}},
			Cursor: &gl.Cursor{Image: glass(image.Rect(0, 0, 4, 4), 1)},
		})
		if gl.LiveObjects() <= before {
			t.Error("LiveObjects() in use = LiveObjects() before; want more")
		}
		for range 2 { // twice is harmless
			closing(t, r)
		}
		if err := r.Draw(&gl.Scene{}); err == nil {
			t.Error("Draw() after Close = nil; want an error")
		}
	})
	if after := gl.LiveObjects(); after != before {
		t.Errorf("LiveObjects() after Close = %d; want %d", after, before)
	}
}

// TestRefused gives frames that are not what they say.
func TestRefused(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 16, 16)
	frame := func(change func(f *media.Frame)) *media.Frame {
		f := media.AllocFrame(media.I420, 16, 16)
		change(f)
		return f
	}
	tests := []struct {
		name string
		f    *media.Frame
		want error
	}{
		{"no size", frame(func(f *media.Frame) { f.Width = 0 }), nil},
		{"short plane", frame(func(f *media.Frame) { f.Planes[2] = f.Planes[2][:7*f.Stride[2]+7] }), nil},
		{"stride below width", frame(func(f *media.Frame) { f.Stride[0] = 15 }), nil},
		{"negative stride", frame(func(f *media.Frame) { f.Stride[1] = -64 }), nil},
		{"unknown format", frame(func(f *media.Frame) { f.Format = 77 }), nil},
		{"larger than the GPU can", &media.Frame{
			Format: media.BGRX, Width: 1 << 17, Height: 1,
			Stride: [3]int{1 << 19}, Planes: [3][]byte{make([]byte, 1<<19)},
		}, errors.ErrUnsupported},
		{"no surface", frame(func(f *media.Frame) { f.Format = media.DMABuf }), gl.ErrImport},
		{"surface without planes", frame(func(f *media.Frame) { f.Format, f.Surface = media.DMABuf, &media.Surface{} }), gl.ErrImport},
		{"plane in no object", frame(func(f *media.Frame) {
			f.Format = media.DMABuf
			f.Surface = &media.Surface{Planes: []media.SurfacePlane{{FourCC: media.FourCCR8, Width: 16, Height: 16, Pitch: 16}}}
		}), gl.ErrImport},
	}
	for _, test := range tests {
		err := r.Draw(&gl.Scene{Picture: test.f})
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("Draw() of a frame with %s = %v; want an error of %v", test.name, err, test.want)
		}
	}
	if err := r.Draw(&gl.Scene{Picture: pattern(media.I420, 16, 16)}); err != nil {
		t.Errorf("Draw() after what was refused = %v; want nil", err)
	}
}

func TestReadPart(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 40, 30)
	picture := pattern(media.BGRX, 40, 30)
	drawn(t, r, &gl.Scene{Picture: picture})
	at := image.Rect(7, 3, 29, 20)
	compare(t, read(t, r, at), 0, func(x, y int) rgb { return colorAt(picture, at.Min.X+x, at.Min.Y+y) })
	for _, outside := range []image.Rectangle{image.Rect(-1, 0, 5, 5), image.Rect(30, 20, 41, 30), {}} {
		f := media.AllocFrame(media.BGRX, max(outside.Dx(), 1), max(outside.Dy(), 1))
		if err := r.Read(f, outside); err == nil {
			t.Errorf("Read(%v) of 40x30 = nil; want an error", outside)
		}
	}
	if err := r.Read(media.AllocFrame(media.BGRX, 21, 17), at); err == nil {
		t.Error("Read() into a frame of another size = nil; want an error")
	}
}

func TestBindAgain(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 16, 16)
	before := gl.LiveObjects()
	for _, size := range []image.Point{{32, 8}, {8, 32}, {100, 100}} {
		if err := r.BindOffscreen(size.X, size.Y); err != nil {
			t.Fatalf("BindOffscreen(%v) = %v; want nil", size, err)
		}
		picture := pattern(media.BGRX, size.X, size.Y)
		compare(t, drawn(t, r, &gl.Scene{Picture: picture}), 0, func(x, y int) rgb { return colorAt(picture, x, y) })
	}
	if after := gl.LiveObjects(); after > before+6 { // the textures of a picture, in turn
		t.Errorf("LiveObjects() = %d after binding again; want about %d", after, before)
	}
	if err := r.Unbind(); err != nil {
		t.Errorf("Unbind() = %v; want nil", err)
	}
	if err := r.Draw(&gl.Scene{}); err == nil {
		t.Error("Draw() into nothing = nil; want an error")
	}
	if err := r.BindOffscreen(0, 4); err == nil {
		t.Error("BindOffscreen(0, 4) = nil; want an error")
	}
	if err := r.BindOffscreen(1<<17, 4); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("BindOffscreen(1<<17, 4) = %v; want ErrUnsupported", err)
	}
	if _, err := d.NewSurface(16, 16); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewSurface() without GBM = %v; want ErrUnsupported", err)
	}
}

// TestOldDriver runs the tests of pictures with a driver that has OpenGL ES 2
// and none of the extensions: no red and green textures, no row lengths. Mesa
// reads its overrides once, so it takes a process of its own.
func TestOldDriver(t *testing.T) {
	d := surfaceless(t)
	if !strings.Contains(d.Info().Version, "Mesa") {
		t.Skip("skipped: only Mesa's drivers can be made to look old")
	}
	const seen = "SHADOW_TERMINAL_OLD_DRIVER"
	if os.Getenv(seen) != "" {
		if i := d.Info(); i.RowLength || !strings.Contains(i.Version, "OpenGL ES 2.0") {
			t.Errorf("Info() = %+v; want OpenGL ES 2.0 without row lengths", i)
		}
		return
	}
	for without, tests := range map[string]string{
		"-GL_EXT_unpack_subimage -GL_EXT_texture_rg": "OldDriver|Pictures|Strides|Rounds|Layers|BGRX",
		"-GL_EXT_unpack_subimage":                    "OldDriver|Pictures|Strides|Crop",
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", tests)
		cmd.Env = append(os.Environ(), seen+"=1", "MESA_GLES_VERSION_OVERRIDE=2.0", "MESA_EXTENSION_OVERRIDE="+without)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("tests without %s: %v\n%s", without, err, out)
		}
	}
}

// TestProveDevice: where the CPU draws there is no device to prove.
func TestProveDevice(t *testing.T) {
	d := surfaceless(t)
	if err := d.ProveDevice(); !d.Info().DMABufImport && !errors.Is(err, gl.ErrImport) {
		t.Errorf("ProveDevice() without import = %v; want ErrImport", err)
	}
	if err := d.ProveNode("/dev/null"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ProveNode(/dev/null) = %v; want ErrUnsupported", err)
	}
}

// TestTurns has two renderers on one thread, as two windows have.
func TestTurns(t *testing.T) {
	d := surfaceless(t)
	r := [2]*gl.Renderer{renderer(t, d, 32, 16), renderer(t, d, 48, 24)}
	for turn := range 6 {
		r, shade := r[turn%2], byte(40*turn)
		if err := r.MakeCurrent(); err != nil {
			t.Fatalf("MakeCurrent() = %v; want nil", err)
		}
		f := media.AllocFrame(media.BGRX, 8, 4)
		for i := range f.Planes[0] {
			f.Planes[0][i] = shade
		}
		compare(t, drawn(t, r, &gl.Scene{Picture: f}), 0, func(int, int) rgb {
			return rgb{float64(shade), float64(shade), float64(shade)}
		})
	}
	for _, r := range r { // each frees what is its own
		if err := errors.Join(r.MakeCurrent(), r.Close()); err != nil {
			t.Errorf("MakeCurrent(), Close() = %v; want nil", err)
		}
	}
	if err := r[0].MakeCurrent(); err == nil {
		t.Error("MakeCurrent() after Close = nil; want an error")
	}
}

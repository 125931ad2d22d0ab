//go:build linux && cgo && !nonative

package sdl_test

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

var (
	red   = yuv{81, 110, 200}
	green = yuv{145, 80, 70}
)

// errBroken is what a rigged OpenGL says.
var errBroken = errors.New("broken by the test")

// real makes the machine's OpenGL one of a GPU that imports dma-bufs.
func realGPU(i *gl.Info) { i.Software, i.DMABufImport = false, true }

// surfaceFrame is a picture in a dma-buf that nobody can open.
func surfaceFrame(screen int, pool uint64, release func(*media.Frame)) *media.Frame {
	f := media.NewFrame(release)
	f.Screen, f.Format, f.Width, f.Height = screen, media.DMABuf, 320, 180
	f.Surface = &media.Surface{
		Pool: pool, Objects: []media.SurfaceObject{{FD: -1, Size: 320 * 270}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: 320, Width: 320, Height: 180},
			{FourCC: media.FourCCGR88, Offset: 320 * 180, Pitch: 320, Width: 160, Height: 90},
		},
	}
	return f
}

func (b *bench) wantColour(w xproto.Window, c yuv) {
	b.t.Helper()
	at := b.place(w)
	want := c.rgb(media.BT709, false)
	b.until(fmt.Sprintf("%v in the middle of a window", want), func() bool {
		return near(b.at(at.Min.Add(at.Size().Div(2))), want, 3)
	})
}

func TestParseGPU(t *testing.T) {
	for _, want := range []sdl.GPU{sdl.GPUAuto, sdl.GPUOn, sdl.GPUOff} {
		if got, err := sdl.ParseGPU(want.String()); got != want || err != nil {
			t.Errorf("ParseGPU(%q) = %v, %v; want %v, nil", want.String(), got, err, want)
		}
	}
	if got, err := sdl.ParseGPU("gpu(3)"); err == nil {
		t.Errorf(`ParseGPU("gpu(3)") = %v, nil; want an error`, got)
	}
	if _, err := sdl.New(sdl.Config{GPU: 3}); err == nil {
		t.Error("New(GPU: 3) = nil; want an error")
	}
}

func TestCapabilities(t *testing.T) {
	unsupported := fmt.Errorf("no node: %w", errors.ErrUnsupported)
	for _, tt := range []struct {
		name           string
		gpu            sdl.GPU
		info           func(*gl.Info)
		prove          error
		missing        bool
		dmabuf, proved bool
		reason         string
	}{
		{name: "GPU that is proved", info: realGPU, dmabuf: true, proved: true},
		{name: "GPU that cannot be tried", info: realGPU, prove: unsupported, dmabuf: true, reason: "no node"},
		{name: "GPU with wrong pixels", info: realGPU, prove: gl.ErrImport, reason: "dma-buf import"},
		{name: "GPU that fails the trial", info: realGPU, prove: errBroken, reason: "broken"},
		{name: "GPU without import", info: func(i *gl.Info) { i.Software = false }, reason: "EGL_EXT_image_dma_buf_import"},
		{name: "software", info: func(i *gl.Info) { i.Software, i.DMABufImport = true, true }, reason: "by the CPU"},
		{name: "software, forced", gpu: sdl.GPUOn, info: func(i *gl.Info) { i.Software = true }, reason: "by the CPU"},
		{name: "turned off", gpu: sdl.GPUOff, info: realGPU, reason: "turned off"},
		{name: "no EGL", missing: true, reason: "broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &rig{info: tt.info, prove: func() error { return tt.prove }}
			if tt.missing {
				r.fail = func(string) error { return errBroken }
			}
			d, err := sdl.NewWith(sdl.Config{GPU: tt.gpu}, r.opener)
			if err != nil {
				t.Fatalf("NewWith() = %v; want nil", err)
			}
			got := d.Capabilities()
			if got.DMABuf != tt.dmabuf || got.Proved != tt.proved || !strings.Contains(got.Reason, tt.reason) || (got.Reason == "") != (tt.reason == "") {
				t.Errorf("Capabilities() = %+v; want DMABuf %v, Proved %v, Reason with %q", got, tt.dmabuf, tt.proved, tt.reason)
			}
			r.everythingClosed(t)
		})
	}
}

// TestCapabilitiesWithoutWindows: New works where there is nothing to ask.
func TestCapabilitiesWithoutWindows(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	d, err := sdl.New(sdl.Config{})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	if got := d.Capabilities(); got.DMABuf || !strings.Contains(got.Reason, "WAYLAND_DISPLAY") {
		t.Errorf("Capabilities() = %+v; want a reason that names WAYLAND_DISPLAY", got)
	}
}

// TestAuto: OpenGL draws where a GPU imports dma-bufs, and nowhere else.
func TestAuto(t *testing.T) {
	for _, tt := range []struct {
		name string
		info func(*gl.Info)
		want bool
	}{{"software", nil, false}, {"GPU", realGPU, true}} {
		t.Run(tt.name, func(t *testing.T) {
			r := &rig{info: tt.info, prove: func() error { return nil }}
			b := riggedBench(t, r, sdl.Config{Config: display.Config{Width: 320, Height: 180}})
			b.show(flat(0, 320, 180, red))
			b.wantColour(b.windows(1)[0], red)
			if got := r.swaps.Load() > 0; got != tt.want {
				t.Errorf("OpenGL draws = %v; want %v", got, tt.want)
			}
		})
	}
}

// TestGPUMissing: without OpenGL, at whatever step it fails, the CPU draws.
func TestGPUMissing(t *testing.T) {
	for _, step := range []string{"open", "pen", "bind"} {
		for _, nth := range []int64{1, 2} {
			if step == "open" && nth == 2 {
				continue // there is one for both windows
			}
			t.Run(fmt.Sprintf("%s %d", step, nth), func(t *testing.T) {
				var calls atomic.Int64
				running := atomic.Bool{}
				r := &rig{fail: func(call string) error {
					if call == step && (running.Load() || step != "open") && calls.Add(1) == nth {
						return errBroken
					}
					running.Store(true) // New opened it once, to try it
					return nil
				}}
				b := riggedBench(t, r, sdl.Config{GPU: sdl.GPUOn, Config: display.Config{Screens: 2, Width: 320, Height: 180}})
				for i, c := range []yuv{red, green} {
					b.show(flat(i, 320, 180, c))
					b.wantColour(b.windows(2)[i], c)
				}
				if n := r.swaps.Load(); n != 0 || calls.Load() < nth {
					t.Errorf("OpenGL drew %d pictures and failed %d times; want none and a failure", n, calls.Load())
				}
			})
		}
	}
}

// TestGPUFailsMidRun: both windows go over to the CPU with the very frame that
// failed, keep what they show, and lose nothing.
func TestGPUFailsMidRun(t *testing.T) {
	for _, step := range []string{"draw", "swap"} {
		t.Run(step, func(t *testing.T) {
			var broken atomic.Bool
			r := &rig{fail: func(call string) error {
				if call == step && broken.Load() {
					return errBroken
				}
				return nil
			}}
			b := riggedBench(t, r, sdl.Config{GPU: sdl.GPUOn, Config: display.Config{Screens: 2, Width: 320, Height: 180}})
			for i := range 2 {
				b.show(flat(i, 320, 180, red))
			}
			w := b.windows(2)
			b.wantColour(w[0], red)
			broken.Store(true)
			b.show(flat(1, 320, 180, green))
			drawn := r.swaps.Load()
			b.wantColour(w[1], green)
			b.wantColour(w[0], red) // drawn again from the frame that it keeps
			b.d.SetStatus(0, &ui.Status{Title: "Connection lost"})
			bright := red.rgb(media.BT709, false)
			at := b.place(w[0])
			b.until("a dimmed picture", func() bool {
				c := b.at(at.Min.Add(image.Pt(8, 170)))
				return max(int(c.R), int(bright.R/4))-min(int(c.R), int(bright.R/4)) < 4
			})
			if n := r.swaps.Load(); n != drawn {
				t.Errorf("OpenGL drew %d pictures more; want none", n-drawn)
			}
			for i, s := range b.d.Stats().Screens {
				if want := uint64(1 + i); s.Shown != want || s.Dropped != (display.ScreenStats{}).Dropped {
					t.Errorf("Stats() of screen %d = %+v; want %d shown and none dropped", i, s, want)
				}
			}
		})
	}
}

// TestContextLost: after a reset of the GPU OpenGL goes on, with the frame
// that met the reset.
func TestContextLost(t *testing.T) {
	var lose atomic.Int64
	r := &rig{fail: func(call string) error {
		if call == "draw" && lose.Add(-1) == 0 {
			return fmt.Errorf("draw: %w", gl.ErrContextLost)
		}
		return nil
	}}
	b := riggedBench(t, r, sdl.Config{GPU: sdl.GPUOn, Config: display.Config{Screens: 2, Width: 320, Height: 180}})
	for i := range 2 {
		b.show(flat(i, 320, 180, red))
	}
	lose.Store(1)
	before := r.swaps.Load()
	for i := range 2 {
		b.show(flat(i, 320, 180, green))
		b.wantColour(b.windows(2)[i], green)
	}
	if n := r.swaps.Load() - before; n < 2 {
		t.Errorf("OpenGL drew %d pictures after the reset; want 2", n)
	}
}

// TestSurfacesWithoutImport: dma-bufs that cannot be drawn are refused and
// charged to the display, and the decoder is told once for each of its pools.
func TestSurfacesWithoutImport(t *testing.T) {
	everyWay(t, func(t *testing.T, gpu sdl.GPU) {
		told := make(chan int, 16)
		r := &rig{}
		b := riggedBench(t, r, sdl.Config{
			GPU: gpu, Config: display.Config{Screens: 2, Width: 320, Height: 180},
			OnImportFailed: func(screen int) { told <- screen },
		})
		for i := range 2 {
			b.show(flat(i, 320, 180, red))
		}
		released := make(chan struct{}, 16)
		for _, pool := range []uint64{7, 7, 7, 8} {
			b.d.Present(surfaceFrame(1, pool, func(*media.Frame) { released <- struct{}{} }))
			next(b, released, "release of a refused frame")
		}
		b.show(flat(1, 320, 180, green)) // the decoder listened
		b.wantColour(b.windows(2)[1], green)
		close(told)
		var screens []int
		for s := range told {
			screens = append(screens, s)
		}
		if !slices.Equal(screens, []int{1, 1}) {
			t.Errorf("OnImportFailed was called for screens %v; want 1 for each of two pools", screens)
		}
		s := b.d.Stats().Screens[1]
		if s.Shown != 2 || s.Dropped[media.CauseDisplay] != 4 {
			t.Errorf("Stats() = %+v; want 2 shown and 4 refused by the display", s)
		}
	})
}

// TestSurfaceIsKept: a frame in dma-bufs is not given back before the next
// swap, since the GPU reads it until then.
func TestSurfaceIsKept(t *testing.T) {
	var mu sync.Mutex
	var said []string
	note := func(what string, f *media.Frame) {
		mu.Lock()
		defer mu.Unlock()
		if s := fmt.Sprintf("%s %d", what, f.FrameID); !slices.Contains(said, s) { // an exposed window is drawn again
			said = append(said, s)
		}
	}
	r := &rig{
		info: realGPU, prove: func() error { return nil }, fake: flat(0, 320, 180, green),
		drawn: func(f *media.Frame) { note("drawn", f) },
	}
	b := riggedBench(t, r, sdl.Config{Config: display.Config{Width: 320, Height: 180}})
	for id := range uint32(4) {
		f := surfaceFrame(0, 3, func(f *media.Frame) { note("released", f) })
		f.FrameID = id
		b.show(f)
	}
	b.wantColour(b.windows(1)[0], green)
	b.cancel()
	<-b.result
	b.result = closedResult()
	mu.Lock()
	defer mu.Unlock()
	want := []string{"drawn 0", "drawn 1", "released 0", "drawn 2", "released 1", "drawn 3", "released 2", "released 3"}
	if !slices.Equal(said, want) {
		t.Errorf("frames were %v; want %v", said, want)
	}
}

// closedResult is the result of a Run whose end was seen.
func closedResult() <-chan error {
	c := make(chan error)
	close(c)
	return c
}

// TestSurfaceLostWithGPU: when the GPU goes, so does a picture that only it
// could draw; a status is then shown on a page.
func TestSurfaceLostWithGPU(t *testing.T) {
	var broken atomic.Bool
	told := make(chan int, 4)
	r := &rig{
		info: realGPU, prove: func() error { return nil }, fake: flat(0, 320, 180, green),
		fail: func(call string) error {
			if call == "draw" && broken.Load() {
				return errBroken
			}
			return nil
		},
	}
	b := riggedBench(t, r, sdl.Config{
		Config: display.Config{Width: 320, Height: 180}, OnImportFailed: func(screen int) { offer(told, screen) },
	})
	b.show(surfaceFrame(0, 3, nil))
	w := b.windows(1)[0]
	b.wantColour(w, green)
	broken.Store(true)
	b.d.Present(surfaceFrame(0, 3, nil))
	if got := next(b, told, "OnImportFailed"); got != 0 {
		t.Errorf("OnImportFailed(%d); want 0", got)
	}
	b.wantColour(w, yuv{16, 128, 128})
	b.d.SetStatus(0, &ui.Status{Title: "Connection lost"})
	at := b.place(w)
	b.until("a page", func() bool { return b.at(at.Min.Add(image.Pt(2, 170))).B > 8 })
	b.d.SetStatus(0, nil)
	b.show(flat(0, 320, 180, red))
	b.wantColour(w, red)
}

// TestMouseOverLetterbox maps the pointer to the picture that is drawn.
func TestMouseOverLetterbox(t *testing.T) {
	everyWay(t, func(t *testing.T, gpu sdl.GPU) {
		b := newBench(t, gpu, display.Config{Width: 640, Height: 480})
		b.show(flat(0, 640, 360, red))
		next(b, b.focus, "focus")
		at := b.place(b.windows(1)[0])
		for _, p := range []struct {
			at   image.Point
			x, y uint16
		}{{image.Pt(639, 60), 65535, 0}, {image.Pt(0, 419), 0, 65535}} { // corners of the picture
			b.warp(at.Min.X+p.at.X, at.Min.Y+p.at.Y)
			if e := b.event(0); e.X != p.x || e.Y != p.y {
				t.Errorf("motion to %v = %d,%d; want %d,%d", p.at, e.X, e.Y, p.x, p.y)
			}
		}
	})
}

// TestKeysBetweenPictures: the thread that draws reads the keys, too, and
// does not keep them while pictures come.
func TestKeysBetweenPictures(t *testing.T) {
	everyWay(t, func(t *testing.T, gpu sdl.GPU) {
		b := newBench(t, gpu, display.Config{Width: 320, Height: 180})
		b.show(flat(0, 320, 180, red))
		b.windows(1)
		next(b, b.focus, "focus")
		took := make([]time.Duration, 0, 60)
		for len(took) < cap(took) {
			for range 4 {
				b.d.Present(flat(0, 320, 180, red))
			}
			start := time.Now()
			b.press(keyA)
			e := b.event(0)
			took = append(took, e.Time.Sub(start))
			b.release(keyA)
			b.event(0)
		}
		slices.Sort(took)
		t.Logf("key to event while pictures come: p50 %v, p99 %v", took[len(took)/2], took[len(took)-1])
		if p50 := took[len(took)/2]; p50 > 50*time.Millisecond {
			t.Errorf("key to event p50 = %v; want at most 50 ms", p50)
		}
	})
}

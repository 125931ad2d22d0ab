//go:build linux && cgo && !nonative

package gl_test

import (
	"errors"
	"image"
	"testing"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// measure draws a scene and waits for it, as often as the benchmark wants.
func measure(b *testing.B, r *gl.Renderer, s *gl.Scene) {
	if err := errors.Join(r.Draw(s), r.Finish()); err != nil { // shaders are compiled now
		b.Fatal(err)
	}
	before := r.Stats()
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(r.Draw(s), r.Finish()); err != nil {
			b.Fatal(err)
		}
	}
	after := r.Stats()
	b.ReportMetric(float64(after.UploadNS-before.UploadNS)/float64(b.N)/1e6, "upload-ms/op")
	b.ReportMetric(float64(after.DrawNS-before.DrawNS)/float64(b.N)/1e6, "draw-ms/op")
}

// scene is a picture with a panel and a cursor, as in a session.
func scene(f *media.Frame) *gl.Scene {
	return &gl.Scene{
		Picture: f,
		Layers:  []gl.Layer{{Image: glass(image.Rect(0, 0, 320, 200), 1), Area: image.Rect(8, 8, 300, 160)}},
		Cursor:  &gl.Cursor{Image: glass(image.Rect(0, 0, 32, 32), 1), At: image.Pt(600, 300)},
	}
}

func BenchmarkDraw(b *testing.B) {
	d := surfaceless(b)
	for _, format := range []media.PixelFormat{media.I420, media.NV12, media.BGRX} {
		b.Run(format.String(), func(b *testing.B) {
			measure(b, renderer(b, d, 1280, 720), scene(pattern(format, 1280, 720)))
		})
	}
}

// BenchmarkDrawOnwards never waits for the GPU: what it shows is whether the
// copy of one picture waits for the drawing of the picture before.
func BenchmarkDrawOnwards(b *testing.B) {
	d := surfaceless(b)
	r, s := renderer(b, d, 1280, 720), scene(pattern(media.I420, 1280, 720))
	if err := errors.Join(r.Draw(s), r.Finish()); err != nil {
		b.Fatal(err)
	}
	before := r.Stats()
	for b.Loop() {
		if err := r.Draw(s); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Swap(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.Stats().UploadNS-before.UploadNS)/float64(b.N)/1e6, "upload-ms/op")
}

func BenchmarkDMABufDraw(b *testing.B) {
	d, card := gbm(b)
	s, m := nv12(b, card, 1, 0, 1280, 720)
	fillBars(s, m)
	measure(b, renderer(b, d, 1280, 720), scene(imported(s, image.Rect(0, 0, 1280, 720))))
}

func BenchmarkDMABufDrawUploaded(b *testing.B) {
	d, _ := gbm(b)
	measure(b, renderer(b, d, 1280, 720), scene(pattern(media.NV12, 1280, 720)))
}

// TestDrawAllocates nothing, whatever is on the screen.
func TestDrawAllocates(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 64, 48)
	for name, f := range map[string]*media.Frame{
		"I420": pattern(media.I420, 64, 48), "surface": surfaceFrame(t, r, pattern(media.NV12, 64, 48), 1, 0, image.Rect(0, 0, 64, 48)),
	} {
		s := scene(f)
		if n := testing.AllocsPerRun(20, func() {
			if err := r.Draw(s); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Swap(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: Draw() and Swap() allocate %v times; want 0", name, n)
		}
	}
}

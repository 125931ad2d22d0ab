//go:build !nonative

package source_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/host/source/x11"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// What a desktop's picture costs without waiting for its turn.
func BenchmarkDesktop720p(b *testing.B) {
	startXvfb(b, "1280x720")
	g, err := x11.NewGrabber(testDisplay, x11.Target{Monitor: "screen"})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	if !g.Shared() {
		b.Error("pictures do not come through shared memory")
	}
	scaler := libav.NewScaler()
	defer scaler.Close()
	dst := media.AllocFrame(media.I420, 1280, 720)
	dst.Color = media.BT709
	grab := func(b *testing.B) *media.Frame {
		f, err := g.Grab()
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	b.Run("grab", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			grab(b)
		}
	})
	b.Run("grab and convert", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := scaler.Scale(dst, grab(b)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

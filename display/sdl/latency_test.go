//go:build linux && cgo && !nonative

package sdl_test

import (
	"context"
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestLatency reports how long a 720p frame takes from Present to the return
// of the window system. The limit is far above what is measured: it is there
// to notice the window surface going through OpenGL, not to time machines, and
// not for OpenGL itself, which the CPU draws here.
func TestLatency(t *testing.T) { everyWay(t, testLatency) }

func testLatency(t *testing.T, gpu sdl.GPU) {
	for _, tt := range []struct {
		name    string
		overlay bool
		w, h    int
	}{{"720p in 720p", false, 1280, 720}, {"720p in 720p with statistics", true, 1280, 720}, {"720p in 1000x600", false, 1000, 600}} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, gpu, display.Config{Width: tt.w, Height: tt.h})
			if tt.overlay {
				b.d.SetOverlay(0, &ui.Stats{Title: "Stream", Rows: make([]ui.Row, 8)})
			}
			p50, p99 := b.measure(patchFrame(media.I420, 1280, 720), 100)
			t.Logf("Present to shown: p50 %v, p99 %v", p50, p99)
			if gpu == sdl.GPUOff && p50 > 30*time.Millisecond {
				t.Errorf("Present to shown p50 = %v; want at most 30 ms", p50)
			}
		})
	}
}

// measure presents f again and again with pauses, so that the loop sleeps.
func (b *bench) measure(f *media.Frame, n int) (p50, p99 time.Duration) {
	b.t.Helper()
	took := make([]time.Duration, 0, n)
	pause := time.NewTicker(8 * time.Millisecond)
	defer pause.Stop()
	for range n {
		<-pause.C
		start := time.Now()
		took = append(took, b.show(f).Timing.Shown.Sub(start))
	}
	slices.Sort(took)
	return took[n/2], took[n*99/100]
}

// BenchmarkPresent counts allocations on the way of a frame.
func BenchmarkPresent(b *testing.B) {
	for _, gpu := range []sdl.GPU{sdl.GPUOff, sdl.GPUOn} {
		for _, size := range []image.Point{{320, 180}, {1280, 720}} {
			b.Run(fmt.Sprintf("gpu=%v/%dx%d", gpu, size.X, size.Y), func(b *testing.B) { benchmarkPresent(b, gpu, size) })
		}
	}
}

func benchmarkPresent(b *testing.B, gpu sdl.GPU, size image.Point) {
	shown := make(chan struct{}, 1)
	d, err := sdl.New(sdl.Config{GPU: gpu, Config: display.Config{
		Width: size.X, Height: size.Y, OnShown: func(*media.Frame) { shown <- struct{}{} },
	}})
	if err != nil {
		b.Fatalf("New() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	result := start(ctx, d)
	f := patchFrame(media.I420, size.X, size.Y)
	b.ReportAllocs()
	for b.Loop() {
		d.Present(f)
		<-shown
	}
	b.StopTimer()
	cancel()
	<-result
}

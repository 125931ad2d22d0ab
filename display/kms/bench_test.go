package kms

import (
	"context"
	"fmt"
	"image"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/media"
)

// oneScreen is a session with a single screen.
var oneScreen = display.Config{Screens: 1}

// bench is a display on a fake card inside a bubble of its own time.
type bench struct {
	*testing.T
	*Display
	card   *fake
	cancel context.CancelFunc
	result <-chan error

	mu       sync.Mutex
	shown    []media.Frame        // copies, guarded by mu
	outputs  []display.Output     // as told last, guarded by mu
	refused  []int                // screens of OnImportFailed, guarded by mu
	made     int                  // frames, guarded by mu
	released map[*media.Frame]int // guarded by mu
}

// inBubble runs f with a display that is up, and looks for what it left behind.
func inBubble(t *testing.T, card func(*fake), cfg Config, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		if card != nil {
			card(b.card)
		}
		b.run()
		f(b)
		b.end()
	})
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{T: t, card: newFake(2), released: make(map[*media.Frame]int)}
	if cfg.Screens == 0 {
		cfg.Screens = 2
	}
	cfg.OnShown = func(f *media.Frame) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.shown = append(b.shown, *f)
	}
	cfg.OnOutputs = func(list []display.Output) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.outputs = list
	}
	cfg.OnImportFailed = func(screen int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refused = append(b.refused, screen)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if b.Display, err = newDisplay(cfg, b.card); err != nil {
		t.Fatal(err)
	}
	return b
}

// run starts the display and waits until its first modes are set.
func (b *bench) run() {
	b.begin(b.Context())
	b.pass(100 * time.Millisecond)
}

func (b *bench) begin(ctx context.Context) {
	ctx, b.cancel = context.WithCancel(ctx)
	b.result = start(ctx, b.Display)
}

// pass lets time go by and everything settle.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func (b *bench) end() {
	b.Helper()
	b.cancel()
	if err := <-b.result; err != nil {
		b.Errorf("Run() = %v; want nil", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.released) != b.made {
		b.Errorf("frames released = %d; want %d", len(b.released), b.made)
	}
	for f, n := range b.released {
		if n != 1 {
			b.Errorf("frame %d of screen %d was released %d times; want 1", f.FrameID, f.Screen, n)
		}
	}
	if b.card.open != 0 {
		b.Errorf("canvases open at the end = %d; want 0", b.card.open)
	}
}

// frame makes a picture as large as the first mode.
func (b *bench) frame(screen int, id uint32) *media.Frame {
	f := media.NewFrame(func(f *media.Frame) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.released[f]++
	})
	f.Screen, f.FrameID, f.Width, f.Height, f.Format = screen, id, 1920, 1080, media.NV12
	f.Timing.Decoded = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	return f
}

// stream presents n frames, one a period.
func (b *bench) stream(screen, n int, period time.Duration) {
	for i := range n {
		b.Present(b.frame(screen, uint32(i+1)))
		b.pass(period)
	}
}

// feed is stream beside the test: it waits for nothing but the time.
func (b *bench) feed(screen, n int) {
	tick := time.NewTicker(testModes[0].Period())
	defer tick.Stop()
	for i := range n {
		<-tick.C
		b.Present(b.frame(screen, uint32(i+1)))
	}
}

// ids are the frames shown on a screen.
func (b *bench) ids(screen int) []uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []uint32
	for _, f := range b.shown {
		if f.Screen == screen {
			out = append(out, f.FrameID)
		}
	}
	return out
}

// shows checks what is on a connector.
func (b *bench) shows(i int, want drawing) {
	b.Helper()
	got, _, ok := b.card.on(i)
	want.size, got.size = image.Point{}, image.Point{}
	if !ok || got != want {
		b.Errorf("DP-%d shows %+v, %v; want %+v", i+1, got, ok, want)
	}
}

// wantIDs compares the frames shown on a screen.
func (b *bench) wantIDs(screen int, want ...uint32) {
	b.Helper()
	if got := b.ids(screen); !slices.Equal(got, want) {
		b.Errorf("frames shown on screen %d = %v; want %v", screen, got, want)
	}
}

func (b *bench) figures(screen int) display.Figures {
	b.Helper()
	f, ok := b.Figures(screen)
	if !ok {
		b.Fatalf("Figures(%d) = nothing", screen)
	}
	return f
}

// count returns how many commits fit.
func (b *bench) count(fits func(commit) bool) (n int) {
	b.card.mu.Lock()
	defer b.card.mu.Unlock()
	for _, c := range b.card.commits {
		if fits(c) {
			n++
		}
	}
	return n
}

func modeset(c commit) bool { return c.flags&flagModeset != 0 && c.flags&flagEvent != 0 }

// about reports whether a commit sets a property of an object.
func about(c commit, kind objectKind, id uint32, name string) (uint64, bool) {
	v, ok := c.values[fmt.Sprintf("%s %d %s", kind, id, name)]
	return v, ok
}

// differences are the values of before that are others now.
func differences(before, after map[string]uint64) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if before[key] != after[key] {
			out = append(out, fmt.Sprintf("%s: %d, was %d", key, after[key], before[key]))
		}
	}
	return out
}

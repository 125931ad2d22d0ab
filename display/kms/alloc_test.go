package kms

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/media"
)

// shuttle is one output that is stepped by hand: draw, commit, flip, release.
type shuttle struct {
	d      *Display
	card   *fake
	o      *output
	frames [4]*media.Frame
	n      int
}

func newShuttle(t testing.TB) *shuttle {
	t.Helper()
	card := newFake(1)
	card.atOnce, card.bare = true, true
	cfg, err := Config{Policy: pace.Arrival}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDisplay(cfg, card)
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{d: d}
	if m.topology, err = card.Topology(); err != nil {
		t.Fatal(err)
	}
	h, err := m.look(m.topology.Connectors[0])
	if err != nil {
		t.Fatal(err)
	}
	made := m.begin(map[string]*head{h.Name: h})
	if len(made) != 1 {
		t.Fatalf("begin() = %d outputs; want 1", len(made))
	}
	d.settle(false)
	s := &shuttle{d: d, card: card, o: made[0]}
	for i := range s.frames {
		s.frames[i] = media.NewFrame(func(*media.Frame) {})
		s.frames[i].Width, s.frames[i].Height = 1920, 1080
	}
	s.o.step(time.Now()) // the mode
	s.flip()
	return s
}

func (s *shuttle) flip() { s.o.flipped(<-s.card.flips, time.Now()) }

// show brings one frame to the screen.
func (s *shuttle) show() {
	f := s.frames[s.n%len(s.frames)]
	s.n++
	f.FrameID = uint32(s.n)
	f.Timing.Captured = time.Now()
	f.Timing.Decoded = f.Timing.Captured
	s.d.Present(f)
	for !s.o.pending { // the pacer may ask to wait for a moment
		s.o.step(time.Now())
	}
	s.flip()
}

// TestFrameAllocatesNothing counts what one frame's way costs the garbage
// collector.
func TestFrameAllocatesNothing(t *testing.T) {
	s := newShuttle(t)
	for range 200 { // the histograms and the history are made
		s.show()
	}
	if n := testing.AllocsPerRun(200, s.show); n != 0 {
		t.Errorf("allocations per frame = %v; want 0", n)
	}
	if got := s.d.Stats().Screens[0].Shown; got != 401 {
		t.Errorf("Shown = %d; want 401", got)
	}
}

// BenchmarkFrame is the display's own work on a frame: everything but OpenGL
// and the kernel.
func BenchmarkFrame(b *testing.B) {
	s := newShuttle(b)
	b.ReportAllocs()
	for b.Loop() {
		s.show()
	}
}

// Package displaytest is the contract that every display keeps, as a test
// that each of them runs: who owns a frame, which one wins, what is counted
// and what a status does to the stream. It starts the display through the
// caller, because some displays insist on the main thread.
package displaytest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Display is what the agent uses of a display.
type Display interface {
	Run(context.Context) error
	Present(*media.Frame)
	SetStatus(int, *ui.Status)
	SetOverlay(int, *ui.Stats)
	Stats() display.Stats
}

// Subject makes displays and runs them.
type Subject struct {
	New func(display.Config) (Display, error)
	// Start calls Run where the display wants it and returns its result.
	Start func(ctx context.Context, d Display) <-chan error
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// Run checks s against the contract.
func Run(t *testing.T, s Subject) {
	t.Run("shows every frame that has time", s.shows)
	t.Run("newest frame wins", s.newestWins)
	t.Run("frames wait behind a status", s.status)
	t.Run("screens are apart", s.screens)
	t.Run("nothing is kept after the end", s.end)
	t.Run("a configuration that cannot be is refused", s.refuses)
	t.Run("runs once", s.once)
}

// ledger counts frames that were made and given back.
type ledger struct {
	mu       sync.Mutex
	made     int
	released map[uint32]int
}

func newLedger() *ledger { return &ledger{released: make(map[uint32]int)} }

// frame makes a small grey picture.
func (l *ledger) frame(screen int, id uint32) *media.Frame {
	l.mu.Lock()
	l.made++
	l.mu.Unlock()
	f := media.NewFrame(func(f *media.Frame) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.released[f.FrameID]++
	})
	g := media.AllocFrame(media.I420, 64, 48)
	f.Screen, f.FrameID = screen, id
	f.Format, f.Width, f.Height, f.Planes, f.Stride = g.Format, g.Width, g.Height, g.Planes, g.Stride
	return f
}

// check fails unless every frame was given back exactly once.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.released) != l.made {
		t.Errorf("frames released = %d; want %d", len(l.released), l.made)
	}
	for id, n := range l.released {
		if n != 1 {
			t.Errorf("frame %d was released %d times; want 1", id, n)
		}
	}
}

// stage is one running display.
type stage struct {
	t     *testing.T
	d     Display
	shown chan media.Frame // copies; capacity 64, more is lost
	end   func() error
}

func (s Subject) stage(t *testing.T, screens int) *stage {
	t.Helper()
	st := &stage{t: t, shown: make(chan media.Frame, 64)}
	cfg := display.Config{Screens: screens, Width: 64, Height: 48, OnShown: func(f *media.Frame) {
		select {
		case st.shown <- *f:
		default:
		}
	}}
	d, err := s.New(cfg)
	if err != nil {
		t.Fatalf("New(%d screens) = %v; want a display", screens, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := s.Start(ctx, d)
	st.d, st.end = d, func() error { cancel(); return <-result }
	return st
}

// next waits for the next frame on the screen.
func (st *stage) next() media.Frame {
	st.t.Helper()
	select {
	case f := <-st.shown:
		return f
	case <-time.After(patience):
		st.t.Fatalf("no frame was shown in %v", patience)
		return media.Frame{}
	}
}

func (st *stage) finish() {
	st.t.Helper()
	if err := st.end(); err != nil {
		st.t.Errorf("Run() = %v; want nil after its context ended", err)
	}
}

func (s Subject) shows(t *testing.T) {
	st, l := s.stage(t, 1), newLedger()
	for id := uint32(1); id <= 20; id++ {
		before := time.Now()
		st.d.Present(l.frame(0, id))
		f := st.next()
		if f.FrameID != id {
			t.Errorf("OnShown frame = %d; want %d", f.FrameID, id)
		}
		if f.Timing.Shown.Before(before) || f.Timing.Shown.After(time.Now()) {
			t.Errorf("frame %d Timing.Shown = %v; want after Present and before OnShown", id, f.Timing.Shown)
		}
	}
	if got := st.d.Stats().Screens[0]; got.Shown != 20 || got.Dropped != [media.NumCauses]uint64{} {
		t.Errorf("Stats() = %+v; want 20 shown, none dropped", got)
	}
	st.finish()
	l.check(t)
}

func (s Subject) newestWins(t *testing.T) {
	st, l := s.stage(t, 1), newLedger()
	st.d.SetStatus(0, &ui.Status{Title: "Wait"}) // nothing is taken meanwhile
	for id := uint32(1); id <= 5; id++ {
		st.d.Present(l.frame(0, id))
	}
	st.d.SetStatus(0, nil)
	if f := st.next(); f.FrameID != 5 {
		t.Errorf("frame shown = %d; want the newest, 5", f.FrameID)
	}
	got := st.d.Stats().Screens[0]
	if got.Shown != 1 || got.Dropped[media.CausePacer] != 4 {
		t.Errorf("Stats() = %+v; want 1 shown, 4 dropped by the pacer", got)
	}
	st.finish()
	l.check(t)
}

func (s Subject) status(t *testing.T) {
	st, l := s.stage(t, 1), newLedger()
	st.d.Present(l.frame(0, 1))
	st.next()
	st.d.SetStatus(0, &ui.Status{Title: "Reconnecting", Busy: true, RetryAt: time.Now().Add(time.Minute)})
	st.d.Present(l.frame(0, 2))
	st.d.SetOverlay(0, &ui.Stats{Rows: []ui.Row{{Label: "Rate", Value: "60"}}})
	if n := st.d.Stats().Screens[0].Shown; n != 1 {
		t.Errorf("frames shown behind a status = %d; want 1", n)
	}
	st.d.SetStatus(0, nil)
	if f := st.next(); f.FrameID != 2 {
		t.Errorf("frame after the status = %d; want 2", f.FrameID)
	}
	st.d.SetOverlay(0, nil)
	st.finish()
	l.check(t)
}

func (s Subject) screens(t *testing.T) {
	st, l := s.stage(t, 2), newLedger()
	st.d.SetStatus(0, &ui.Status{Title: "Only here", Page: true})
	st.d.Present(l.frame(0, 1))
	st.d.Present(l.frame(1, 2))
	if f := st.next(); f.Screen != 1 || f.FrameID != 2 {
		t.Errorf("frame shown = %d on screen %d; want 2 on 1", f.FrameID, f.Screen)
	}
	st.d.Present(l.frame(2, 3))
	st.d.SetStatus(2, nil)
	st.d.SetOverlay(-1, nil)
	if got := st.d.Stats().Stray; got != 1 {
		t.Errorf("Stats().Stray = %d; want 1", got)
	}
	st.finish()
	l.check(t)
}

func (s Subject) end(t *testing.T) {
	st, l := s.stage(t, 1), newLedger()
	st.d.Present(l.frame(0, 1))
	st.next()
	st.finish()
	st.d.Present(l.frame(0, 2))
	st.d.SetStatus(0, &ui.Status{Title: "Too late"})
	if got := st.d.Stats().Screens[0]; got.Left != 1 || got.Dropped[media.CauseDisplay] != 0 {
		t.Errorf("Stats() after the end = %+v; want one frame left and none dropped", got)
	}
	l.check(t)
}

func (s Subject) refuses(t *testing.T) {
	for _, cfg := range []display.Config{{Screens: -1}, {Screens: display.MaxScreens + 1}, {Width: 640}, {Width: -1, Height: -1}} {
		if _, err := s.New(cfg); err == nil {
			t.Errorf("New(%s) = nil error; want one", fmt.Sprintf("%d screens, %dx%d", cfg.Screens, cfg.Width, cfg.Height))
		}
	}
}

func (s Subject) once(t *testing.T) {
	st := s.stage(t, 1)
	st.finish()
	if err := <-s.Start(t.Context(), st.d); err == nil {
		t.Error("second Run() = nil; want an error")
	}
}

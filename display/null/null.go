// Package null is a display that shows nothing: it takes frames as a display
// does, says when they would have been shown and remembers what they were. It
// is for tests of what feeds a display and for machines without a screen. It
// plays the person too: see [Display.Input], [Display.Focus], [Display.Command].
// Given a refresh rate it has vertical blanks like a monitor, and paces frames
// for them like one, with display/pace; drawing takes it no time.
//
// [Display.Run] owns the callbacks and ends with its context; it cannot fail.
package null

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// Config describes the display. Sizes and Fullscreen mean nothing here.
type Config = display.Config

// Shown is one frame that would have been on the screen.
type Shown struct {
	Screen        int
	FrameID       uint32
	RTPTime       uint32
	Keyframe      bool
	Width, Height int
	Timing        media.Timing
}

// maxShown is how many frames are remembered at most, and half of it at least:
// a terminal may run for ever.
const maxShown = 1 << 14

// Display takes frames and shows nothing.
type Display struct {
	cfg   display.Config
	boxes []*display.Mailbox
	wake  chan struct{} // capacity 1, never closed: full means that Run will look anyway
	quit  chan struct{} // closed by the command to quit
	stray atomic.Uint64
	once  sync.Once // guards closing quit

	blanks []*blanks // by screen; empty: frames are shown at once

	mu       sync.Mutex
	used     bool
	shown    []Shown
	statuses []*ui.Status
	overlays []*ui.Stats
}

// New checks cfg and returns a display.
func New(cfg Config) (*Display, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	d := &Display{
		cfg: cfg, wake: make(chan struct{}, 1), quit: make(chan struct{}),
		statuses: make([]*ui.Status, cfg.Screens), overlays: make([]*ui.Stats, cfg.Screens),
	}
	for range cfg.Screens {
		d.boxes = append(d.boxes, &display.Mailbox{})
	}
	return d, nil
}

// SetRefresh gives every screen vertical blanks, a period apart. Before Run.
func (d *Display) SetRefresh(period time.Duration) {
	start := time.Now()
	d.blanks = nil
	for range d.boxes {
		d.blanks = append(d.blanks, &blanks{period: period, start: start, pacer: pace.New(pace.Config{Policy: pace.VBlank, Period: period})})
	}
}

// Phase returns when frames for a screen have to be ready.
func (d *Display) Phase(screen int) (display.Phase, bool) {
	if screen < 0 || screen >= len(d.blanks) {
		return display.Phase{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.blanks[screen].phase
	return p, !p.Due.IsZero()
}

// Figures returns a screen's distributions; ok is false without a refresh.
func (d *Display) Figures(screen int) (f display.Figures, ok bool) {
	if screen < 0 || screen >= len(d.blanks) {
		return f, false
	}
	b := d.blanks[screen]
	return b.figures.Figures(b.counts().Dropped), true
}

// Run takes frames until ctx ends or someone commands to quit. It may be
// called once, from any goroutine.
func (d *Display) Run(ctx context.Context) error {
	if !d.start() {
		return errors.New("display: run: was run before")
	}
	defer d.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.quit:
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		if next := d.update(time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

func (d *Display) start() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.used
	d.used = true
	return first
}

func (d *Display) close() {
	for _, b := range d.boxes {
		b.Close()
	}
	for _, b := range d.blanks {
		b.close()
	}
}

// update shows what is due and returns when something will be.
func (d *Display) update(now time.Time) (next time.Time) {
	for i, b := range d.boxes {
		if len(d.blanks) > 0 {
			if at := d.turn(i, now); next.IsZero() || !at.IsZero() && at.Before(next) {
				next = at
			}
			continue
		}
		if d.Status(i) != nil {
			continue // frames wait behind the words
		}
		if f := b.Take(); f != nil {
			b.Shown()
			d.show(f, time.Now())
		}
	}
	return next
}

func (d *Display) show(f *media.Frame, at time.Time) {
	f.Timing.Shown = at
	d.record(f)
	d.cfg.OnShown(f)
	f.Release()
}

func (d *Display) record(f *media.Frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.shown) == maxShown {
		d.shown = append(d.shown[:0], d.shown[maxShown/2:]...)
	}
	d.shown = append(d.shown, Shown{
		Screen: f.Screen, FrameID: f.FrameID, RTPTime: f.RTPTime, Keyframe: f.Keyframe,
		Width: f.Width, Height: f.Height, Timing: f.Timing,
	})
}

// signal makes Run look at the screens.
func (d *Display) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Display) has(screen int) bool { return screen >= 0 && screen < len(d.boxes) }

// Present takes ownership of f. The newest frame wins.
func (d *Display) Present(f *media.Frame) {
	if !d.has(f.Screen) {
		d.stray.Add(1)
		f.Release()
		return
	}
	if len(d.blanks) > 0 {
		d.blanks[f.Screen].put(f, time.Now())
	} else {
		d.boxes[f.Screen].Put(f)
	}
	d.signal()
}

// SetStatus remembers a copy of st; frames wait while there is one.
func (d *Display) SetStatus(screen int, st *ui.Status) {
	if !d.has(screen) {
		return
	}
	if st != nil {
		own := *st
		st = &own
	}
	d.mu.Lock()
	d.statuses[screen] = st
	d.mu.Unlock()
	d.signal()
}

// SetOverlay remembers st.
func (d *Display) SetOverlay(screen int, st *ui.Stats) {
	if !d.has(screen) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.overlays[screen] = st
}

// Stats returns what became of the frames so far.
func (d *Display) Stats() display.Stats {
	out := display.Stats{Screens: make([]display.ScreenStats, len(d.boxes)), Stray: d.stray.Load()}
	for i, b := range d.boxes {
		out.Screens[i] = b.Stats()
		if len(d.blanks) > 0 {
			out.Screens[i] = d.blanks[i].counts()
		}
	}
	return out
}

// Frames returns the frames shown so far, oldest first, of a long run only the
// last ones.
func (d *Display) Frames() []Shown {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Shown(nil), d.shown...)
}

// Status returns the words on a screen, nil when it shows the stream.
func (d *Display) Status(screen int) *ui.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.statuses[screen]
}

// Overlay returns the statistics on a screen, nil when they are off.
func (d *Display) Overlay(screen int) *ui.Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.overlays[screen]
}

// Input does what the person would do: it hands e to OnInput.
func (d *Display) Input(e input.Event) { d.cfg.OnInput(e) }

// Focus gives or takes the keyboard.
func (d *Display) Focus(on bool) { d.cfg.OnFocus(on) }

// Command presses a hot-key. After the one to quit Run returns.
func (d *Display) Command(c display.Command) {
	d.cfg.OnCommand(c)
	if c == display.CommandQuit {
		d.once.Do(func() { close(d.quit) })
	}
}

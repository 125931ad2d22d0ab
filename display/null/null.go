// Package null is a display that shows nothing: it takes frames as a display
// does, says when they would have been shown and remembers what they were. It
// is for tests of what feeds a display and for machines without a screen. It
// plays the person too: see [Display.Input], [Display.Focus], [Display.Command].
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

// Display takes frames and shows nothing.
type Display struct {
	cfg   display.Config
	boxes []*display.Mailbox
	wake  chan struct{} // capacity 1, never closed: full means that Run will look anyway
	quit  chan struct{} // closed by the command to quit
	stray atomic.Uint64
	once  sync.Once // guards closing quit

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

// Run takes frames until ctx ends or someone commands to quit. It may be
// called once, from any goroutine.
func (d *Display) Run(ctx context.Context) error {
	if !d.start() {
		return errors.New("display: run: was run before")
	}
	defer d.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.quit:
			return nil
		case <-d.wake:
			d.update()
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
}

func (d *Display) update() {
	for i, b := range d.boxes {
		if d.Status(i) != nil {
			continue // frames wait behind the words
		}
		if f := b.Take(); f != nil {
			d.show(b, f)
		}
	}
}

func (d *Display) show(b *display.Mailbox, f *media.Frame) {
	f.Timing.Shown = time.Now()
	b.Shown()
	d.record(f)
	d.cfg.OnShown(f)
	f.Release()
}

func (d *Display) record(f *media.Frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
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
	d.boxes[f.Screen].Put(f)
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
	}
	return out
}

// Frames returns every frame shown so far, oldest first.
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

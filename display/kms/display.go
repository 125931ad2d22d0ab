package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Config describes the display. The zero value is one screen on the first card
// that has monitors, in the modes that display/mode finds best. Width, Height
// and Fullscreen of display.Config mean nothing here; OnShown is called on the
// thread of the output.
type Config struct {
	display.Config

	Card    string               // "/dev/dri/card0"; "": the first that can be used
	Order   []string             // connectors from the left; others follow, by what was chosen, then by name
	Modes   map[string]mode.Mode // own modelines by connector, tried before all others
	Policy  pace.Policy          // Auto, which takes variable refresh where there is it; others force
	Choices *mode.Store          // what the person chose for each monitor; nil: nothing
	// OnImportFailed is told that a screen's dma-bufs cannot be drawn, so that
	// its decoder gives pictures in memory. It is called on the thread of the
	// output and must not block.
	OnImportFailed func(screen int)
}

// Capabilities is what the card and its GPU can do.
type Capabilities struct {
	Card   string // its node
	Driver string // of the kernel
	GL     gl.Info
	DMABuf bool   // dma-bufs of this card are drawn with the right pixels: it was tried
	Reason string // why not, else ""
}

// Display is a graphics card and its monitors.
type Display struct {
	cfg      Config
	dev      device
	screens  []*screen
	versions numbers
	stray    atomic.Uint64
	away     atomic.Bool // the console belongs to another program
	unused   *ui.Status  // for monitors without a screen
	idle     *ui.Status  // for screens without a picture

	changed  chan struct{} // capacity 1, never closed: monitors may be others
	news     chan struct{} // capacity 1, never closed: OnOutputs is to be called
	restored chan struct{} // closed by Run when the card is as it was found

	starting sync.Mutex
	used     bool // guarded by starting
	closed   bool // guarded by starting

	mu      sync.Mutex
	outputs []*output          // guarded by mu: by place from the left
	heads   map[string]*head   // guarded by mu: all connectors, by name
	order   []string           // guarded by mu
	homes   map[string]int     // guarded by mu: which screen a connector showed last
	byCRTC  map[uint32]*output // guarded by mu
	// chosen is what was chosen since the display was made and is not in
	// Config.Choices: guarded by mu.
	chosen map[mode.Monitor]mode.Choice
}

// New opens the card, becomes its master and tries what its GPU can do. It
// wraps errors.ErrUnsupported where there is no card that can be used. Run
// closes the display, or Close where it is never run.
func New(cfg Config) (*Display, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	dev, err := openDevice(&cfg)
	if err != nil {
		return nil, err
	}
	d, err := newDisplay(cfg, dev)
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return d, nil
}

func (c Config) withDefaults() (Config, error) {
	var err error
	c.Config, err = c.Config.WithDefaults()
	if c.OnImportFailed == nil {
		c.OnImportFailed = func(int) {}
	}
	return c, err
}

// newDisplay takes ownership of dev unless it fails.
func newDisplay(cfg Config, dev device) (*Display, error) {
	d := &Display{
		cfg: cfg, dev: dev, order: slices.Clone(cfg.Order),
		changed: make(chan struct{}, 1), news: make(chan struct{}, 1), restored: make(chan struct{}),
		heads: make(map[string]*head), homes: make(map[string]int), byCRTC: make(map[uint32]*output), chosen: make(map[mode.Monitor]mode.Choice),
		idle:   &ui.Status{Title: cfg.Title, Page: true},
		unused: &ui.Status{Title: "This monitor is not in use", Detail: fmt.Sprintf("The session has %d screens.", cfg.Screens), Page: true},
	}
	if cfg.Screens == 1 {
		d.unused.Detail = "The session has one screen."
	}
	for i := range cfg.Screens {
		p, err := d.newPainter()
		if err != nil {
			return nil, err
		}
		d.screens = append(d.screens, &screen{index: i, painter: p, versions: &d.versions})
	}
	return d, nil
}

func (d *Display) newPainter() (*ui.Painter, error) {
	p, err := ui.NewPainter(d.cfg.Title)
	if err != nil {
		return nil, fmt.Errorf("display: %w", err)
	}
	return p, nil
}

// Capabilities says what the card can do.
func (d *Display) Capabilities() Capabilities { return d.dev.Capabilities() }

// Present shows f when display/pace says so. It takes ownership of f. The
// newest frame wins: what has to wait too long is released and charged to the
// pacer. While the screen has a status or no monitor, frames wait.
func (d *Display) Present(f *media.Frame) {
	s := d.screen(f.Screen)
	if s == nil {
		d.stray.Add(1)
		f.Release()
		return
	}
	s.box.put(f, time.Now())
	s.wake()
}

// SetStatus shows words instead of the stream: on a page of their own when
// there is no picture yet or st wants one, else over the dimmed last picture.
// nil shows the stream again. st is copied.
func (d *Display) SetStatus(screen int, st *ui.Status) {
	s := d.screen(screen)
	if s == nil {
		return
	}
	if st != nil {
		own := *st
		st = &own
	}
	s.status.Store(st)
	s.wake()
}

// SetOverlay shows statistics in the corner of a screen, nil none. They are
// drawn by the calling goroutine and shown with the next frame.
func (d *Display) SetOverlay(screen int, st *ui.Stats) {
	s := d.screen(screen)
	if s == nil {
		return
	}
	if st == nil {
		s.panel.Store(nil)
	} else {
		s.panel.Store(s.drawPanel(st))
	}
	s.wake()
}

// SetCursor shows the host's pointer over a screen, nil none. It moves at once,
// or with the next frame while frames come.
func (d *Display) SetCursor(screen int, c *Cursor) {
	s := d.screen(screen)
	if s == nil {
		return
	}
	var own Cursor
	if c != nil {
		own = *c
	}
	if s.setCursor(own) {
		s.wake()
	}
}

// SetStream says what the host sends for a screen, so that the best mode for
// it is set. Sizes are in pixels; zeros are no stream.
func (d *Display) SetStream(screen, width, height int, rate mode.Rate) {
	s := d.screen(screen)
	if s == nil {
		return
	}
	next := &stream{width: width, height: height, rate: rate}
	if old := s.stream.Load(); old != nil && *old == *next {
		return
	}
	s.stream.Store(next)
	s.wake()
}

// SetPower turns a screen's monitor on or off. Frames of one that is off wait,
// the newest wins.
func (d *Display) SetPower(screen int, on bool) {
	if s := d.screen(screen); s != nil && s.off.Swap(!on) == on {
		s.wake()
	}
}

func (d *Display) screen(i int) *screen {
	if i < 0 || i >= len(d.screens) {
		return nil
	}
	return d.screens[i]
}

// tell has OnOutputs called soon.
func (d *Display) tell() { offer(d.news) }

// offer fills a channel of capacity 1 that says only that there is something.
func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close frees a display that is not run. Of one that is it does nothing.
func (d *Display) Close() error {
	d.starting.Lock()
	defer d.starting.Unlock()
	if d.used || d.closed {
		return nil
	}
	d.closed = true
	for _, s := range d.screens {
		s.box.close()
	}
	return d.dev.Close()
}

// claim fails the second time.
func (d *Display) claim() error {
	d.starting.Lock()
	defer d.starting.Unlock()
	if d.used || d.closed {
		return errors.New("display: run: was run or closed before")
	}
	d.used = true
	return nil
}

// Run shows the screens until ctx ends or the card fails. It may be called
// once, from any goroutine.
func (d *Display) Run(ctx context.Context) error {
	if err := d.claim(); err != nil {
		return err
	}
	m := &manager{d: d}
	err := m.run(ctx)
	for _, s := range d.screens {
		s.box.close()
	}
	return errors.Join(err, d.dev.Close())
}

package kms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"maps"
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

// SetLayout gives the screens to the monitors anew, in the order of these
// connectors from the left.
func (d *Display) SetLayout(connectors []string) {
	d.mu.Lock()
	d.order = slices.Clone(connectors)
	clear(d.homes)
	d.mu.Unlock()
	d.settle(true)
}

// SetChoice remembers what the person chose for the monitor that shows a
// screen and follows it, also where it could not be kept for the next time.
func (d *Display) SetChoice(screen int, c mode.Choice) error {
	s := d.screen(screen)
	if s == nil {
		return fmt.Errorf("display: choose for screen %d: there are %d", screen, len(d.screens))
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("display: choose for screen %d: %w", screen, err)
	}
	o := s.output.Load()
	if o == nil {
		return fmt.Errorf("display: choose for screen %d: no monitor shows it", screen)
	}
	at := o.found.Load().monitor()
	var err error
	if d.cfg.Choices != nil {
		err = d.cfg.Choices.Edit(at, d.connected(), func(mode.Choice) (mode.Choice, error) { return c, nil })
	}
	d.mu.Lock()
	if d.cfg.Choices == nil || err != nil {
		d.chosen[at] = c
	} else {
		delete(d.chosen, at)
	}
	d.mu.Unlock()
	d.followChoices()
	if err != nil {
		return fmt.Errorf("display: %w", err)
	}
	return nil
}

// connected are the monitors that are plugged in.
func (d *Display) connected() (all []mode.Monitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.heads {
		if h.Connected {
			all = append(all, h.monitor())
		}
	}
	return all
}

// Rechoose follows what Config.Choices now has for every monitor; another
// process may have changed its file. Modes are set only where they differ, and
// screens are given to the monitors anew where their order does.
func (d *Display) Rechoose() {
	if d.cfg.Choices == nil {
		return
	}
	d.mu.Lock()
	clear(d.chosen)
	d.mu.Unlock()
	d.followChoices()
}

func (d *Display) followChoices() {
	d.mu.Lock()
	before := d.sortedLocked()
	for _, o := range d.outputs {
		h := *o.found.Load()
		if c := d.choiceLocked(h.monitor()); c != h.choice {
			h.choice = c
			o.found.Store(&h)
		}
	}
	anew := !slices.Equal(before, d.sortedLocked())
	if anew {
		clear(d.homes)
	}
	d.mu.Unlock()
	d.settle(anew)
}

// findLocked tells an output what is on its connector, with what is chosen for
// it at this moment, and reports whether that is news.
func (d *Display) findLocked(o *output, h *head) bool {
	next := *h
	next.choice = d.choiceLocked(h.monitor())
	if next.same(o.found.Load()) {
		return false
	}
	o.found.Store(&next)
	return true
}

// choiceLocked is what the person chose for a monitor, now or some time ago.
func (d *Display) choiceLocked(at mode.Monitor) mode.Choice {
	if c, ok := d.chosen[at]; ok || d.cfg.Choices == nil {
		return c
	}
	return d.cfg.Choices.For(at)
}

// Stats returns what became of the frames so far.
func (d *Display) Stats() display.Stats {
	out := display.Stats{Screens: make([]display.ScreenStats, len(d.screens)), Stray: d.stray.Load()}
	for i, s := range d.screens {
		out.Screens[i] = s.box.counts()
	}
	return out
}

// Figures returns a screen's distributions; ok is false where there is none.
func (d *Display) Figures(screen int) (f display.Figures, ok bool) {
	s := d.screen(screen)
	if s == nil {
		return display.Figures{}, false
	}
	return s.figures.Figures(s.box.counts().Dropped), true
}

// Copied returns how many bytes of a screen's pictures the CPU has copied to
// have them drawn, 0 for dma-bufs, and how many dma-bufs were imported.
func (d *Display) Copied(screen int) (bytes, imports uint64) {
	s := d.screen(screen)
	if s == nil {
		return 0, 0
	}
	return s.bytes.Load(), s.loads.Load()
}

// Modes returns the modes that the kernel lists for a connector, and those that
// are tried for it, best first; none where no monitor is on it.
func (d *Display) Modes(connector string) (kernel, tried []mode.Mode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.outputs {
		if o.name != connector {
			continue
		}
		var st *stream
		if s := o.want.Load(); s != nil {
			st = s.stream.Load()
		}
		h := o.found.Load()
		return slices.Clone(h.Modes), h.candidates(&d.cfg, st)
	}
	return nil, nil
}

// Phase returns when frames for a screen have to be ready, for the host; ok is
// false while that is not known and where refresh is variable.
func (d *Display) Phase(screen int) (p display.Phase, ok bool) {
	s := d.screen(screen)
	if s == nil {
		return display.Phase{}, false
	}
	return s.phaseNow()
}

// Capture returns what a screen's monitor shows, without the hardware cursor.
// It waits for the output and costs it a frame's drawing: for tests.
func (d *Display) Capture(screen int) (*image.RGBA, error) {
	s := d.screen(screen)
	if s == nil {
		return nil, fmt.Errorf("display: capture screen %d: there are %d", screen, len(d.screens))
	}
	o := s.output.Load()
	if o == nil {
		return nil, fmt.Errorf("display: capture screen %d: no monitor shows it", screen)
	}
	answer := make(chan captured, 1)
	select {
	case o.captures <- answer:
		c := <-answer
		return c.image, c.err
	case <-o.parked:
		return nil, fmt.Errorf("display: capture screen %d: its monitor is gone", screen)
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

// report calls OnOutputs with every connector, those with monitors in the
// order of the layout.
func (d *Display) report() {
	d.mu.Lock()
	outputs := slices.Clone(d.outputs)
	heads := maps.Clone(d.heads)
	d.mu.Unlock()
	var list []display.Output
	for _, o := range outputs {
		list = append(list, o.describe())
		delete(heads, o.name)
	}
	for _, name := range slices.Sorted(maps.Keys(heads)) {
		list = append(list, display.Output{Screen: -1, Connector: name, Connected: heads[name].Connected})
	}
	d.cfg.OnOutputs(list)
}

// settle gives each output in the order of the layout its screen. One that
// shows a screen keeps it, unless all are dealt anew; one that comes back gets
// the screen it had, if that is free, and else the first free one.
func (d *Display) settle(anew bool) {
	d.mu.Lock()
	d.outputs = d.sortedLocked()
	outputs := slices.Clone(d.outputs)
	wants, free := d.dealLocked(anew)
	for i, o := range outputs {
		o.want.Store(wants[i])
	}
	for _, s := range free {
		s.output.Store(nil)
	}
	for i, o := range outputs {
		if s := wants[i]; s != nil {
			d.homes[o.name] = s.index
			s.output.Store(o)
		}
	}
	d.mu.Unlock()
	for _, o := range outputs {
		o.signal()
	}
	d.tell()
}

// dealLocked returns each output's screen and the screens left.
func (d *Display) dealLocked(anew bool) (wants, free []*screen) {
	wants, free = make([]*screen, len(d.outputs)), slices.Clone(d.screens)
	take := func(i int, which func(*screen) bool) {
		if at := slices.IndexFunc(free, which); at >= 0 && wants[i] == nil {
			wants[i] = free[at]
			free = slices.Delete(free, at, at+1)
		}
	}
	if !anew {
		for i, o := range d.outputs {
			now := o.want.Load()
			take(i, func(s *screen) bool { return s == now })
		}
	}
	for i, o := range d.outputs {
		if home, ok := d.homes[o.name]; ok {
			take(i, func(s *screen) bool { return s.index == home })
		}
	}
	for i := range d.outputs {
		take(i, func(*screen) bool { return true })
	}
	return wants, free
}

// sortedLocked returns the outputs from the left.
func (d *Display) sortedLocked() []*output {
	place := func(o *output) int {
		if i := slices.Index(d.order, o.name); i >= 0 {
			return i
		}
		if n := o.found.Load().choice.Order; n > 0 {
			return len(d.order) + n
		}
		return len(d.order) + 1000
	}
	out := slices.Clone(d.outputs)
	slices.SortStableFunc(out, func(a, b *output) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.name, b.name))
	})
	return out
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

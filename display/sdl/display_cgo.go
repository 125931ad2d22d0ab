//go:build linux && cgo && !nonative

package sdl

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"sync/atomic"
	"unsafe"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Display is a set of windows. Run it on the main OS thread.
type Display struct {
	cfg     Config
	openGPU func(driver string, connection unsafe.Pointer) (gpu, error)
	can     Capabilities
	screens []*screen
	stray   atomic.Uint64
	// clipboard is what the main thread shall let other programs paste.
	clipboard atomic.Pointer[string]
	versions  atomic.Uint64 // of the images over the pictures; 0 is none

	signalled atomic.Bool // a nudge or a wake event is on its way
	nudge     chan struct{}

	waking  sync.Mutex // held over PushEvent, so that SDL does not end under it
	nudged  bool       // guarded by waking: the loop rests in Go
	running bool       // guarded by waking
	used    bool       // guarded by waking
	event   *wakeEvent // guarded by waking: SDL writes the time into it. Apart, because C sees all of an allocation
}

// wakeEvent is a user event with room for all of SDL_Event, which SDL copies.
type wakeEvent struct {
	sdl2.UserEvent
	_ [64]byte
}

// screen is the side of a window that any goroutine may use.
type screen struct {
	box    display.Mailbox
	status atomic.Pointer[ui.Status] // never changed once stored; nil shows the stream
	panel  atomic.Pointer[panel]     // nil: no statistics
	cursor atomic.Pointer[Cursor]    // of the host; nil: the window system's own
	size   atomic.Uint64             // of the window, width in the high half
	bytes  atomic.Uint64             // of pictures that the CPU copied to be drawn
	loads  atomic.Uint64             // dma-bufs imported

	drawing sync.Mutex  // held while a panel is drawn
	painter *ui.Painter // guarded by drawing
}

// panel is a drawn panel of statistics. It is not changed any more.
type panel struct {
	image   *image.RGBA
	area    image.Rectangle
	version uint64
}

// New checks cfg, tries the GPU behind the window system and prepares a
// display; windows appear in Run.
func New(cfg Config) (*Display, error) { return newDisplay(cfg, openGPU) }

func newDisplay(cfg Config, open func(string, unsafe.Pointer) (gpu, error)) (*Display, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Display{cfg: cfg, openGPU: open, nudge: make(chan struct{}, 1), event: &wakeEvent{UserEvent: sdl2.UserEvent{Type: sdl2.USEREVENT}}}
	for range cfg.Screens {
		p, err := ui.NewPainter(cfg.Title)
		if err != nil {
			return nil, fmt.Errorf("display: %w", err)
		}
		d.screens = append(d.screens, &screen{painter: p})
	}
	d.can = d.probe()
	return d, nil
}

// Capabilities says what can be shown, as New found it.
func (d *Display) Capabilities() Capabilities { return d.can }

// Present shows f as soon as the main thread can. It takes ownership of f.
// The newest frame wins: one that still waits is released and charged to the
// pacer. While the screen has a status, frames wait.
func (d *Display) Present(f *media.Frame) {
	s := d.screen(f.Screen)
	if s == nil {
		d.stray.Add(1)
		f.Release()
		return
	}
	s.box.Put(f)
	d.wake()
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
	d.wake()
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
		s.panel.Store(s.drawPanel(st, d.versions.Add(1)))
	}
	d.wake()
}

// SetClipboard lets other programs paste a text.
func (d *Display) SetClipboard(text string) {
	d.clipboard.Store(&text)
	d.wake()
}

// Copied returns how many bytes of a screen's pictures the CPU has copied or
// converted to have them drawn, and how many dma-bufs were imported.
func (d *Display) Copied(screen int) (bytes, imports uint64) {
	s := d.screen(screen)
	if s == nil {
		return 0, 0
	}
	return s.bytes.Load(), s.loads.Load()
}

// Stats returns what became of the frames so far.
func (d *Display) Stats() display.Stats {
	out := display.Stats{Screens: make([]display.ScreenStats, len(d.screens)), Stray: d.stray.Load()}
	for i, s := range d.screens {
		out.Screens[i] = s.box.Stats()
	}
	return out
}

func (d *Display) screen(i int) *screen {
	if i < 0 || i >= len(d.screens) {
		return nil
	}
	return d.screens[i]
}

// setSize tells panels how large the window is.
func (s *screen) setSize(p image.Point) { s.size.Store(uint64(p.X)<<32 | uint64(uint32(p.Y))) }

// drawPanel draws for the window's present size and keeps only the panel.
func (s *screen) drawPanel(st *ui.Stats, version uint64) *panel {
	packed := s.size.Load()
	window := image.NewRGBA(image.Rect(0, 0, int(packed>>32), int(uint32(packed))))
	s.drawing.Lock()
	defer s.drawing.Unlock()
	area := s.painter.Stats(window, st)
	return &panel{image: window, area: area, version: version}
}

// wake makes the event loop look at the screens. At most one nudge or event is on
// its way at a time.
func (d *Display) wake() {
	if d.signalled.Swap(true) {
		return
	}
	d.waking.Lock()
	defer d.waking.Unlock()
	if !d.running {
		return // Run looks at everything when it starts
	}
	if d.nudged {
		select {
		case d.nudge <- struct{}{}:
		default: // one waits still
		}
		return
	}
	if _, err := sdl2.PushEvent(d.event); err != nil {
		d.signalled.Store(false)
		d.cfg.Logger.Warn("wake the event loop", "component", "display", "err", err)
	}
}

// claim fails the second time.
func (d *Display) claim() error {
	d.waking.Lock()
	defer d.waking.Unlock()
	if d.used {
		return errors.New("display: run: was run before")
	}
	d.used = true
	return nil
}

// begin lets wake nudge the loop or push events.
func (d *Display) begin(nudged bool) {
	d.waking.Lock()
	defer d.waking.Unlock()
	d.running, d.nudged = true, nudged
}

// end stops wake and gives back every frame that waits.
func (d *Display) end() {
	d.waking.Lock()
	d.running = false
	d.waking.Unlock()
	for _, s := range d.screens {
		s.box.Close()
	}
}

// Run opens the windows and serves them until ctx ends, the person quits or
// SDL fails. It must be called on the main OS thread, once.
func (d *Display) Run(ctx context.Context) error {
	if err := d.claim(); err != nil {
		return err
	}
	defer d.end() // for the ways out before there is a loop
	l, err := d.open()
	if err != nil {
		return err
	}
	defer l.close()
	d.begin(l.rest != nil)
	stop := context.AfterFunc(ctx, d.wake)
	defer stop()
	return l.serve(ctx)
}

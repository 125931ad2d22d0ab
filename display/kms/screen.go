package kms

import (
	"image"
	"sync"
	"sync/atomic"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/ui"
)

// screen is one of the host's screens: the side that any goroutine may use. It
// lives as long as the display, whatever output shows it.
type screen struct {
	index   int
	box     inbox
	status  atomic.Pointer[ui.Status] // never changed once stored; nil shows the stream
	panel   atomic.Pointer[panel]     // nil: no statistics
	stream  atomic.Pointer[stream]    // nil: not known
	off     atomic.Bool               // the person turned the output off
	output  atomic.Pointer[output]    // that shows it; nil: none
	watch   atomic.Pointer[watch]     // nil: nobody looks
	bytes   atomic.Uint64             // of pictures that the CPU copied to be drawn
	loads   atomic.Uint64             // dma-bufs imported
	size    atomic.Uint64             // of that output, width in the high half
	figures display.Recorder

	versions *numbers
	drawing  sync.Mutex  // held while a panel is drawn
	painter  *ui.Painter // guarded by drawing

	pointing sync.Mutex
	pointer  Cursor // guarded by pointing
	version  uint64 // of pointer, guarded by pointing; 0: none yet

	phasing sync.Mutex
	phase   display.Phase // guarded by phasing; zero: not known
}

// panel is a drawn panel of statistics. It is not changed any more.
type panel struct {
	image   *image.RGBA
	area    image.Rectangle
	version uint64
}

// stream is what the host sends for a screen. It is not changed any more.
type stream struct {
	width, height int
	rate          mode.Rate
}

// Cursor is the host's pointer, shown by the terminal itself.
type Cursor struct {
	Image *image.RGBA // premultiplied; nobody changes it any more. nil shows none
	Hot   image.Point // the pixel of Image that points
	At    image.Point // where it points, in pixels of the stream
}

// wake makes the screen's output look at it.
func (s *screen) wake() {
	if o := s.output.Load(); o != nil {
		o.signal()
	}
}

// setSize tells panels how large the output is.
func (s *screen) setSize(p image.Point) { s.size.Store(uint64(p.X)<<32 | uint64(uint32(p.Y))) }

// drawPanel draws for the output's present size and keeps only the panel.
func (s *screen) drawPanel(st *ui.Stats) *panel {
	packed := s.size.Load()
	out := image.NewRGBA(image.Rect(0, 0, int(packed>>32), int(uint32(packed))))
	s.drawing.Lock()
	defer s.drawing.Unlock()
	area := s.painter.Stats(out, st)
	return &panel{image: out, area: area, version: s.versions.next()}
}

// setCursor stores c and reports whether anything changed.
func (s *screen) setCursor(c Cursor) bool {
	s.pointing.Lock()
	defer s.pointing.Unlock()
	if c == s.pointer {
		return false
	}
	s.pointer = c
	s.version++
	return true
}

func (s *screen) cursor() (Cursor, uint64) {
	s.pointing.Lock()
	defer s.pointing.Unlock()
	return s.pointer, s.version
}

func (s *screen) setPhase(p display.Phase) {
	s.phasing.Lock()
	defer s.phasing.Unlock()
	s.phase = p
}

func (s *screen) phaseNow() (display.Phase, bool) {
	s.phasing.Lock()
	defer s.phasing.Unlock()
	return s.phase, s.phase.Period > 0
}

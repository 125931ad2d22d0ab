//go:build linux && cgo && !nonative

package sdl

import (
	"errors"
	"fmt"
	"image"
	"time"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Size of a window whose stream is not known yet.
const (
	firstWidth  = 1280
	firstHeight = 720
)

// window shows one screen. It belongs to the main thread.
type window struct {
	loop   *loop
	screen *screen
	index  int
	win    *sdl2.Window
	id     uint32

	last    *media.Frame    // the frame on show, held to draw it again; may be nil
	picture image.Rectangle // where it is in the window
	stale   bool            // everything has to be drawn again
	sized   bool            // the window has the size that it should have
	shownAt time.Time       // when last was shown

	status *ui.Status  // as drawn; nil shows the stream
	words  *image.RGBA // what status was drawn into
	drawn  ui.Drawn
	panel  *panel    // as drawn
	due    time.Time // when there is something to draw without an event, zero for never

	dst     media.Frame // the picture's place in the window, for the scaler
	scratch *media.Frame
}

func openWindow(l *loop, index int) (*window, error) {
	cfg := l.d.cfg
	w := &window{loop: l, screen: l.d.screens[index], index: index, stale: true, sized: cfg.Width != 0 || cfg.Fullscreen}
	size := image.Pt(firstWidth, firstHeight)
	if cfg.Width != 0 {
		size = image.Pt(cfg.Width, cfg.Height)
	}
	title := cfg.Title
	if index > 0 {
		title = fmt.Sprintf("%s (%d)", title, index+1)
	}
	flags := uint32(sdl2.WINDOW_RESIZABLE)
	if cfg.Fullscreen {
		flags |= sdl2.WINDOW_FULLSCREEN_DESKTOP
	}
	at := place(index, cfg.Screens, size)
	var err error
	if w.win, err = sdl2.CreateWindow(title, int32(at.X), int32(at.Y), int32(size.X), int32(size.Y), flags); err != nil {
		return nil, err
	}
	w.id, err = w.win.GetID()
	return w, err
}

// place gives each of count windows a monitor of its own, or where there are
// fewer monitors puts them beside each other on the first one. What does not
// fit goes where the window manager wants it.
func place(index, count int, size image.Point) image.Point {
	monitors, err := sdl2.GetNumVideoDisplays()
	if err == nil && count <= monitors {
		at := sdl2.WINDOWPOS_CENTERED_MASK | index
		return image.Pt(at, at)
	}
	area, err := sdl2.GetDisplayUsableBounds(0)
	if err != nil || (index+1)*size.X > int(area.W) {
		return image.Pt(sdl2.WINDOWPOS_UNDEFINED, sdl2.WINDOWPOS_UNDEFINED)
	}
	return image.Pt(int(area.X)+index*size.X, int(area.Y))
}

func (w *window) close() {
	if w.last != nil {
		w.last.Release()
		w.last = nil
	}
	if err := w.win.Destroy(); err != nil {
		w.loop.d.cfg.Logger.Warn("destroy window", "component", "display", "connector", w.index, "err", err)
	}
}

// panelPatience is how long new figures wait for a frame to be drawn with.
const panelPatience = 100 * time.Millisecond

// update draws what is new: a frame, other words, other figures, a turn of
// the mark, or everything after the window changed.
func (w *window) update(now time.Time) error {
	if st := w.screen.status.Load(); st != w.status {
		w.status, w.stale = st, true
	}
	if w.status == nil {
		if f := w.screen.box.Take(); f != nil {
			return w.show(f)
		}
		if w.panel != w.screen.panel.Load() && w.due.IsZero() {
			w.due = w.shownAt.Add(panelPatience)
		}
	}
	switch {
	case w.stale:
		return w.redraw(now)
	case !w.due.IsZero() && !now.Before(w.due):
		return w.turn(now)
	}
	return nil
}

// show puts a new frame on the screen and keeps it.
func (w *window) show(f *media.Frame) error {
	if err := w.paint(f); err != nil {
		w.screen.box.Refused()
		f.Release()
		return err
	}
	f.Timing.Shown = time.Now()
	w.shownAt = f.Timing.Shown
	w.screen.box.Shown()
	w.loop.d.cfg.OnShown(f)
	if w.last != nil {
		w.last.Release()
	}
	w.last, w.due = f, time.Time{}
	w.fitToStream()
	return nil
}

// paint draws f and the panel and gives them to the window system.
func (w *window) paint(f *media.Frame) error {
	c, err := w.canvas()
	if err != nil {
		return err
	}
	if err := w.drawPicture(c, f); err != nil {
		return err
	}
	if w.panel != nil {
		c.blend(w.panel.image, w.panel.area)
	}
	return w.win.UpdateSurface()
}

// drawPicture converts f into the window. Beside it is only drawn where
// something else may have been.
func (w *window) drawPicture(c canvas, f *media.Frame) error {
	at := letterbox(c.size, image.Pt(f.Width, f.Height))
	now := w.screen.panel.Load()
	if w.stale || at != w.picture || now != nil || w.panel != nil {
		for _, r := range bars(c.size, at) {
			c.black(r)
		}
	}
	w.picture, w.panel, w.stale = at, now, false
	return w.scale(c, at, f)
}

// wholeBlock is how many pixels vector code may write at once: a picture that
// does not end with a block could be written over its right edge.
const wholeBlock = 16

func (w *window) scale(c canvas, at image.Rectangle, f *media.Frame) error {
	if at.Dx()%wholeBlock != 0 {
		return w.scaleBeside(c, at, f)
	}
	w.dst = media.Frame{Format: media.BGRX, Width: at.Dx(), Height: at.Dy()}
	w.dst.Planes[0], w.dst.Stride[0] = c.pix[at.Min.Y*c.stride+at.Min.X*4:], c.stride
	return w.loop.scaler.Scale(&w.dst, f)
}

// scaleBeside goes through memory with longer rows.
func (w *window) scaleBeside(c canvas, at image.Rectangle, f *media.Frame) error {
	if s := w.scratch; s == nil || s.Width != at.Dx() || s.Height != at.Dy() {
		w.scratch = media.AllocFrame(media.BGRX, at.Dx(), at.Dy())
	}
	if err := w.loop.scaler.Scale(w.scratch, f); err != nil {
		return err
	}
	for y := range at.Dy() {
		copy(c.row(at, at.Min.Y+y), w.scratch.Planes[0][y*w.scratch.Stride[0]:])
	}
	return nil
}

// redraw draws everything again: the last picture, and words where there are.
func (w *window) redraw(now time.Time) error {
	c, err := w.canvas()
	if err != nil {
		return err
	}
	w.stale, w.due = false, time.Time{}
	switch {
	case w.status != nil && (w.status.Page || w.last == nil):
		w.picture, w.panel = image.Rectangle{}, nil
		w.page(c, now)
	case w.last == nil:
		w.panel = w.screen.panel.Load()
		c.black(c.bounds())
		w.over(c, now)
	default:
		w.stale = true
		if err := w.drawPicture(c, w.last); err != nil {
			return err
		}
		w.over(c, now)
	}
	return w.win.UpdateSurface()
}

// page draws the status instead of a picture.
func (w *window) page(c canvas, now time.Time) {
	w.words = image.NewRGBA(c.bounds())
	w.drawn = w.loop.painter.Page(w.words, w.status, now)
	c.blend(w.words, w.drawn.Area)
	w.due = w.nextTurn(now)
}

// over draws what lies over the picture: the notice, or the panel.
func (w *window) over(c canvas, now time.Time) {
	if w.status == nil {
		if w.panel != nil {
			c.blend(w.panel.image, w.panel.area)
		}
		return
	}
	c.dim(w.picture)
	w.words = image.NewRGBA(c.bounds())
	w.drawn = w.loop.painter.Notice(w.words, w.status, now)
	c.blend(w.words, w.drawn.Area)
	w.due = w.nextTurn(now)
}

// nextTurn returns when the status will look different: at the next second of
// a countdown, or the next step of the mark.
func (w *window) nextTurn(now time.Time) time.Time {
	if !w.drawn.Spinner.Empty() {
		return now.Add(ui.SpinStep)
	}
	if left := w.status.RetryAt.Sub(now); left > 0 {
		return now.Add((left-1)%time.Second + 1)
	}
	return time.Time{}
}

// turn turns the mark, and draws all of it again when a second has gone.
func (w *window) turn(now time.Time) error {
	if w.status == nil { // it waited for a frame to bring new figures along
		return w.redraw(now)
	}
	if w.drawn.Spinner.Empty() || w.seconds(now) != w.seconds(w.due.Add(-ui.SpinStep)) {
		return w.redraw(now)
	}
	c, err := w.canvas()
	if err != nil {
		return err
	}
	w.loop.painter.Spin(w.words, w.drawn, now)
	c.blend(w.words, w.drawn.Spinner)
	w.due = w.nextTurn(now)
	r := w.drawn.Spinner
	return w.win.UpdateSurfaceRects([]sdl2.Rect{{X: int32(r.Min.X), Y: int32(r.Min.Y), W: int32(r.Dx()), H: int32(r.Dy())}})
}

// seconds is what the countdown says at the time now, 0 when there is none.
func (w *window) seconds(now time.Time) int64 {
	if w.status.RetryAt.IsZero() {
		return 0
	}
	return int64((w.status.RetryAt.Sub(now) + time.Second - 1) / time.Second)
}

// canvas returns the window's memory at its present size.
func (w *window) canvas() (canvas, error) {
	s, err := w.win.GetSurface()
	if err != nil {
		return canvas{}, fmt.Errorf("window surface: %w", err)
	}
	// SDL's RGB888 and ARGB8888 are blue first in memory on little-endian machines.
	if f := s.Format.Format; f != uint32(sdl2.PIXELFORMAT_RGB888) && f != uint32(sdl2.PIXELFORMAT_ARGB8888) {
		return canvas{}, fmt.Errorf("window has pixels of format %s, 32 bits are needed: %w",
			sdl2.GetPixelFormatName(uint(f)), errors.ErrUnsupported)
	}
	c := canvas{pix: s.Pixels(), stride: int(s.Pitch), size: image.Pt(int(s.W), int(s.H))}
	w.screen.setSize(c.size)
	return c, nil
}

// fitToStream gives the window the stream's size, once, when nobody asked for
// another. The frame is on show by then, so it does not wait for this.
func (w *window) fitToStream() {
	if w.sized {
		return
	}
	w.sized = true
	size := image.Pt(w.last.Width, w.last.Height)
	if area, err := sdl2.GetDisplayUsableBounds(0); err == nil {
		size = letterbox(image.Pt(min(size.X, int(area.W)), min(size.Y, int(area.H))), size).Size()
	}
	if x, y := w.win.GetSize(); int(x) != size.X || int(y) != size.Y {
		w.win.SetSize(int32(size.X), int32(size.Y))
		w.stale = true
	}
}

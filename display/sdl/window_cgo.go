//go:build linux && cgo && !nonative

package sdl

import (
	"errors"
	"fmt"
	"image"
	"time"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display/gl"
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
	easel  easel
	scene  gl.Scene // what is drawn

	copied, imported uint64 // by the easel, as counted last

	last    *media.Frame    // the frame on show, held to draw it again; may be nil
	picture image.Rectangle // where it is in the window
	stale   bool            // everything has to be drawn again
	sized   bool            // the window has the size that it should have
	shownAt time.Time       // when last was shown
	refused uint64          // pool of the dma-bufs that could not be drawn, 0 for none

	status *ui.Status  // as drawn; nil shows the stream
	words  *image.RGBA // what status was drawn into
	drawn  ui.Drawn
	panel  *panel    // as drawn
	due    time.Time // when there is something to draw without an event, zero for never
}

func openWindow(l *loop, index int) (*window, error) {
	cfg := l.d.cfg
	w := &window{
		loop: l, screen: l.d.screens[index], index: index, stale: true,
		scene: gl.Scene{Layers: make([]gl.Layer, numPlaces)}, sized: cfg.Width != 0 || cfg.Fullscreen,
	}
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
	if l.driver == driverWayland {
		// There SDL 2 draws a window's memory with OpenGL, and would make the
		// window anew for it: libdecor has been seen to crash over that.
		flags |= sdl2.WINDOW_OPENGL
	}
	at := place(index, cfg.Screens, size)
	var err error
	if w.win, err = sdl2.CreateWindow(title, int32(at.X), int32(at.Y), int32(size.X), int32(size.Y), flags); err != nil {
		return nil, err
	}
	w.easel = newCloth(w.win, l.scaler)
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
	w.easel.close()
	if w.last != nil {
		w.last.Release()
		w.last = nil
	}
	if err := w.win.Destroy(); err != nil {
		w.loop.d.cfg.Logger.Warn("destroy window", "component", "display", "connector", w.index, "err", err)
	}
}

// redrawPatience is how long a window that could not be drawn is left alone
// when nothing happens.
const redrawPatience = time.Second

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
	var err error
	switch {
	case w.stale:
		err = w.redraw(now)
	case !w.due.IsZero() && !now.Before(w.due):
		err = w.turn(now)
	}
	if err != nil {
		w.stale, w.due = true, now.Add(redrawPatience)
	}
	return err
}

// show puts a new frame on the screen and keeps it.
func (w *window) show(f *media.Frame) error {
	w.scene.Picture = f
	if err := w.draw(partPicture, time.Time{}); err != nil {
		return w.refuse(f, err)
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

// refuse gives up a frame that cannot be shown. Of dma-bufs that cannot be
// drawn their decoder is told, and everybody else, once for each pool.
func (w *window) refuse(f *media.Frame, err error) error {
	w.screen.box.Refused()
	w.scene.Picture = w.last
	pool := uint64(0)
	if f.Surface != nil && errors.Is(err, gl.ErrImport) {
		pool = f.Surface.Pool
	}
	f.Release()
	if pool == 0 {
		return err
	}
	if pool == w.refused {
		return nil
	}
	w.refused = pool
	w.loop.d.cfg.OnImportFailed(w.index)
	return err
}

// dropSurface lets go of a picture that only the GPU could draw again.
func (w *window) dropSurface() {
	if w.last == nil || w.last.Format != media.DMABuf {
		return
	}
	if w.scene.Picture == w.last {
		w.scene.Picture = nil
	}
	w.last.Release()
	w.last = nil
}

// draw draws the scene. Where the GPU fails the CPU draws it.
func (w *window) draw(p part, now time.Time) error {
	if w.stale {
		p = partAll
	}
	err := w.paint(p, now)
	if err == nil {
		return nil
	}
	if g := (gpuError{}); !errors.As(err, &g) {
		return err
	}
	w.loop.abandonGPU(err)
	return w.paint(partAll, now)
}

func (w *window) paint(p part, now time.Time) error {
	size, err := w.easel.begin()
	if err != nil {
		return err
	}
	w.screen.setSize(size)
	if p != partSpinner {
		w.lay(size, now)
	}
	at, err := w.easel.draw(&w.scene, p)
	if err != nil {
		return err
	}
	w.picture, w.stale = at, false
	w.countCopies()
	return nil
}

// countCopies adds what the easel copied and imported since the last time. One
// that was made anew counts from nothing.
func (w *window) countCopies() {
	bytes, imports := w.easel.copied()
	if bytes >= w.copied && imports >= w.imported {
		w.screen.bytes.Add(bytes - w.copied)
		w.screen.loads.Add(imports - w.imported)
	}
	w.copied, w.imported = bytes, imports
}

// lay puts over the picture, or in its place, what belongs there: the panel,
// the notice or the page.
func (w *window) lay(size image.Point, now time.Time) {
	s := &w.scene
	s.Dim = false
	s.Layers[placePanel], s.Layers[placeWords], s.Layers[placeSpinner] = gl.Layer{}, gl.Layer{}, gl.Layer{}
	if w.status == nil {
		if w.panel = w.screen.panel.Load(); w.panel != nil {
			s.Layers[placePanel] = gl.Layer{Image: w.panel.image, Area: w.panel.area, Version: w.panel.version}
		}
		return
	}
	w.panel = nil
	w.words = image.NewRGBA(image.Rectangle{Max: size})
	if w.status.Page || s.Picture == nil {
		s.Picture = nil
		w.drawn = w.loop.painter.Page(w.words, w.status, now)
	} else {
		s.Dim = true
		w.drawn = w.loop.painter.Notice(w.words, w.status, now)
	}
	s.Layers[placeWords] = w.layer(w.drawn.Area)
	w.due = w.nextTurn(now)
}

// layer is a part of the words, as they are now.
func (w *window) layer(area image.Rectangle) gl.Layer {
	return gl.Layer{Image: w.words, Area: area, Version: w.loop.d.versions.Add(1)}
}

// redraw draws everything again: the last picture, and words where there are.
func (w *window) redraw(now time.Time) error {
	w.scene.Picture = w.last
	w.stale, w.due = true, time.Time{}
	return w.draw(partAll, now)
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
	w.loop.painter.Spin(w.words, w.drawn, now)
	w.scene.Layers[placeSpinner] = w.layer(w.drawn.Spinner)
	if err := w.draw(partSpinner, now); err != nil {
		return err
	}
	w.due = w.nextTurn(now)
	return nil
}

// seconds is what the countdown says at the time now, 0 when there is none.
func (w *window) seconds(now time.Time) int64 {
	if w.status.RetryAt.IsZero() {
		return 0
	}
	return int64((w.status.RetryAt.Sub(now) + time.Second - 1) / time.Second)
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

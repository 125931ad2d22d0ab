//go:build linux && cgo && !nonative

package sdl

import (
	"errors"
	"image"

	sdl2 "github.com/veandco/go-sdl2/sdl"
)

// arrow is what the mouse looks like over the windows: the host's pointer where
// it moves that, else the window system's own. It belongs to the main thread.
type arrow struct {
	straight bool         // the window system wants colours that are not multiplied by alpha
	shape    *Cursor      // on show; nil: the window system's own
	own      *sdl2.Cursor // of shape; nil: none
	refused  *Cursor      // could not be made, so it is not tried again
}

// show makes c the mouse's looks, nil the window system's own.
func (a *arrow) show(c *Cursor) error {
	if c == a.shape || c != nil && c == a.refused {
		return nil
	}
	visible, next := sdl2.ENABLE, (*sdl2.Cursor)(nil)
	if c != nil && c.Image == nil {
		visible = sdl2.DISABLE
	} else if c != nil {
		var err error
		if next, err = a.make(c); err != nil {
			a.refused = c
			return err
		}
	}
	before := a.own
	a.shape, a.own = c, next
	if next == nil {
		sdl2.SetCursor(sdl2.GetDefaultCursor())
	} else {
		sdl2.SetCursor(next)
	}
	if before != nil {
		sdl2.FreeCursor(before)
	}
	_, err := sdl2.ShowCursor(visible)
	return err
}

// make hands an image to SDL, which copies it.
func (a *arrow) make(c *Cursor) (*sdl2.Cursor, error) {
	size := c.Image.Rect.Size()
	s, err := sdl2.CreateRGBSurfaceWithFormat(0, int32(size.X), int32(size.Y), 32, uint32(sdl2.PIXELFORMAT_ARGB8888))
	if err != nil {
		return nil, err
	}
	defer s.Free()
	pix := s.Pixels()
	for y := range size.Y {
		blueFirst(pix[y*int(s.Pitch):], c.Image, y, a.straight)
	}
	if made := sdl2.CreateColorCursor(s, int32(c.Hot.X), int32(c.Hot.Y)); made != nil {
		return made, nil
	}
	return nil, errors.Join(errors.New("make a cursor"), sdl2.GetError())
}

// point gives the mouse the looks that belong to where it is.
func (l *loop) point() {
	if err := l.arrow.show(l.pointed()); err != nil {
		l.d.cfg.Logger.Warn("show the host's pointer", "component", "display", "err", err)
	}
}

// pointed is the host's pointer if the mouse moves that: absolutely, and over a
// picture.
func (l *loop) pointed() *Cursor {
	focus := sdl2.GetMouseFocus()
	if focus == nil || !l.seat.live() || l.seat.relative {
		return nil
	}
	for _, w := range l.windows {
		if w.win != focus {
			continue
		}
		x, y, _ := sdl2.GetMouseState()
		if w.status == nil && image.Pt(int(x), int(y)).In(w.picture) {
			return w.screen.cursor.Load()
		}
	}
	return nil
}

// SetCursor makes the mouse look like the host's pointer while it is over a
// screen's picture and moves that; nil lets it look as everywhere. c is copied,
// its image must not change any more.
func (d *Display) SetCursor(screen int, c *Cursor) {
	s := d.screen(screen)
	if s == nil {
		return
	}
	if c != nil {
		own := *c
		if own.Image != nil && (own.Image.Rect.Empty() || !own.Hot.In(image.Rectangle{Max: own.Image.Rect.Size()})) {
			return // no pointer at all
		}
		c = &own
	}
	s.cursor.Store(c)
	d.wake()
}

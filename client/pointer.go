package client

import (
	"image"
	"sync/atomic"

	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// pointer is what a session knows of the host's pointer.
type pointer struct {
	joiner cursor.Joiner // owned by the control channel's goroutine

	shapes, places atomic.Uint64
}

// changePointer takes a part of the pointer's shape. An error says that the
// host broke the protocol.
func (s *Session) changePointer(p wire.CursorPart) error {
	shape, done, err := s.pointer.joiner.Add(p)
	if err != nil || !done {
		return err
	}
	s.pointer.shapes.Add(1)
	c := &Cursor{Serial: shape.Serial, Hot: image.Pt(shape.HotX, shape.HotY)}
	if !shape.Hidden() {
		c.Image = &image.RGBA{Pix: shape.Pix, Stride: 4 * shape.Width, Rect: image.Rect(0, 0, shape.Width, shape.Height)}
	}
	s.cfg.OnCursor(c)
	return nil
}

// movePointer takes the pointer's place. Screens that were not asked for show
// none.
func (s *Session) movePointer(p wire.PointerAt) {
	s.pointer.places.Add(1)
	if int(p.Screen) >= s.cfg.Screens {
		p = wire.PointerAt{}
	}
	s.cfg.OnPointer(int(p.Screen), p.X, p.Y, p.Visible)
}

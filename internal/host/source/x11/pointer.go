package x11

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// Pointer watches the pointer of a display. One goroutine calls it.
type Pointer struct {
	d *Display
}

// Changes is what happened since the last look.
type Changes struct {
	Shape  bool // the pointer looks different
	Layout bool // monitors moved
}

// Shape is what the pointer looks like.
type Shape struct {
	Size image.Point // pixels
	Hot  image.Point // the pixel that points
	// Pix is alpha in the highest byte, then red, green and blue, premultiplied.
	Pix []uint32
}

// NewPointer opens a connection of its own to the display. Without XFIXES,
// which every server of these days has, it is errors.ErrUnsupported.
func NewPointer(display string) (*Pointer, error) {
	d, err := Open(display)
	if err != nil {
		return nil, err
	}
	p := &Pointer{d: d}
	if err := p.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the pointer of X display %s: %w", d.name, err), d.Close())
	}
	return p, nil
}

func (p *Pointer) start() error {
	if !p.d.xfixes {
		return fmt.Errorf("the X server has no XFIXES: %w", errors.ErrUnsupported)
	}
	// A server refuses what follows to who has not asked for the version.
	if _, err := xfixes.QueryVersion(p.d.conn, 4, 0).Reply(); err != nil {
		return fmt.Errorf("ask for the version of XFIXES: %w", replyError(err))
	}
	if err := xfixes.SelectCursorInputChecked(p.d.conn, p.d.root, xfixes.CursorNotifyMaskDisplayCursor).Check(); err != nil {
		return fmt.Errorf("ask for changes of the pointer: %w", replyError(err))
	}
	return p.d.watch()
}

// Look returns where the pointer is on the display and what changed. False
// says that it is on another screen of the server.
func (p *Pointer) Look() (at image.Point, here bool, c Changes, err error) {
	reply, err := xproto.QueryPointer(p.d.conn, p.d.root).Reply()
	if err != nil {
		return image.Point{}, false, Changes{}, fmt.Errorf("ask X display %s for the pointer: %w", p.d.name, replyError(err))
	}
	return image.Pt(int(reply.RootX), int(reply.RootY)), reply.SameScreen, p.changes(), nil
}

// changes takes all events that came before the last reply.
func (p *Pointer) changes() (c Changes) {
	for {
		event, xerr := p.d.conn.PollForEvent()
		if event == nil && xerr == nil {
			return c
		}
		if _, ok := event.(xfixes.CursorNotifyEvent); ok {
			c.Shape = true
		}
		c.Layout = c.Layout || isLayout(event)
	}
}

// Shape returns what the pointer looks like now. The zero Shape is no pointer.
func (p *Pointer) Shape() (Shape, error) {
	reply, err := xfixes.GetCursorImage(p.d.conn).Reply()
	var none xproto.CursorError
	if errors.As(err, &none) {
		return Shape{}, nil
	}
	if err != nil {
		return Shape{}, fmt.Errorf("ask X display %s for the pointer's shape: %w", p.d.name, replyError(err))
	}
	return Shape{
		Size: image.Pt(int(reply.Width), int(reply.Height)), Hot: image.Pt(int(reply.Xhot), int(reply.Yhot)),
		Pix: reply.CursorImage,
	}, nil
}

// Close ends the connection. It may be called more than once.
func (p *Pointer) Close() error { return p.d.Close() }

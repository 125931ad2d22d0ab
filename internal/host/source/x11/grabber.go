package x11

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/media"
)

// Target is what a Grabber takes pictures of.
type Target struct {
	Monitor string          // a monitor's name, or
	Region  image.Rectangle // when Monitor is empty, a part of the display
}

// String returns the monitor's name or the region's coordinates.
func (t Target) String() string {
	if t.Monitor != "" {
		return "monitor " + t.Monitor
	}
	return "region " + t.Region.String()
}

// Grabber takes pictures of a target. One goroutine calls it.
type Grabber struct {
	d      *Display
	target Target
	bounds image.Rectangle // what is captured now, even
	shm    *segment        // nil: pictures come over the socket
	tryShm bool
	frame  media.Frame
}

// NewGrabber opens a connection of its own to the display.
func NewGrabber(display string, target Target) (*Grabber, error) {
	d, err := Open(display)
	if err != nil {
		return nil, err
	}
	g := &Grabber{d: d, target: target}
	if err := g.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("capture %v of X display %s: %w", target, d.name, err), g.Close())
	}
	return g, nil
}

func (g *Grabber) start() error {
	g.tryShm = g.d.shm && g.d.local()
	// Before looking, so that no change is missed in between.
	if err := g.d.watch(); err != nil {
		return err
	}
	return g.locate()
}

// Bounds returns what is captured now, on the display.
func (g *Grabber) Bounds() image.Rectangle { return g.bounds }

// Shared says whether pictures come through shared memory.
func (g *Grabber) Shared() bool { return g.shm != nil }

// Close frees the memory and the connection. It may be called more than once.
func (g *Grabber) Close() error {
	err := g.dropSegment()
	return errors.Join(err, g.d.Close())
}

func (g *Grabber) dropSegment() error {
	s := g.shm
	g.shm = nil
	if s == nil {
		return nil
	}
	return s.close()
}

// locate finds where the target is now and readies memory for its picture.
func (g *Grabber) locate() error {
	bounds, err := g.find()
	if err != nil {
		return err
	}
	bounds = even(bounds)
	if bounds.Empty() {
		return fmt.Errorf("%w: it is empty or outside the display", ErrNoTarget)
	}
	if bounds == g.bounds {
		return nil
	}
	g.bounds = bounds
	return g.allocate()
}

// find returns the target's place on the display.
func (g *Grabber) find() (image.Rectangle, error) {
	if g.target.Monitor == "" {
		whole, err := g.d.size()
		return g.target.Region.Intersect(whole), err
	}
	monitors, err := g.d.Monitors()
	if err != nil {
		return image.Rectangle{}, err
	}
	for _, m := range monitors {
		if m.Name == g.target.Monitor {
			return m.Bounds, nil
		}
	}
	return image.Rectangle{}, fmt.Errorf("%w: it was unplugged or switched off", ErrNoTarget)
}

// even cuts an odd last column and row off: chroma is halved.
func even(r image.Rectangle) image.Rectangle {
	return image.Rectangle{Min: r.Min, Max: r.Min.Add(image.Pt(r.Dx()&^1, r.Dy()&^1))}
}

// allocate readies the frame, in shared memory where that works.
func (g *Grabber) allocate() error {
	if err := g.dropSegment(); err != nil {
		return err
	}
	size := g.bounds.Dx() * g.bounds.Dy() * 4
	g.frame = media.Frame{
		Format: media.BGRX, Width: g.bounds.Dx(), Height: g.bounds.Dy(),
		Stride: [3]int{g.bounds.Dx() * 4}, FullRange: true,
	}
	if !g.tryShm {
		return nil
	}
	s, err := newSegment(g.d, size)
	if errors.Is(err, ErrClosed) {
		return err
	}
	if err != nil {
		g.tryShm = false // the socket carries pictures as well, only slower
		return nil
	}
	g.shm = s
	g.frame.Planes[0] = s.data[:size]
	return nil
}

// Grab takes a picture. The frame is the Grabber's and valid until the next
// call; its size is the target's at this moment.
func (g *Grabber) Grab() (*media.Frame, error) {
	f, err := g.grab()
	if err != nil {
		return nil, fmt.Errorf("capture %v of X display %s: %w", g.target, g.d.name, err)
	}
	return f, nil
}

func (g *Grabber) grab() (*media.Frame, error) {
	if g.layoutChanged() {
		if err := g.locate(); err != nil {
			return nil, err
		}
	}
	err := g.image()
	var refused xproto.MatchError
	if errors.As(err, &refused) {
		// The display shrank and its event is still on the way.
		if err := g.locate(); err != nil {
			return nil, err
		}
		err = g.image()
	}
	if err != nil {
		return nil, err
	}
	return &g.frame, nil
}

// layoutChanged takes all waiting events and says whether one is of RandR.
func (g *Grabber) layoutChanged() bool {
	changed := false
	for {
		event, xerr := g.d.conn.PollForEvent()
		if event == nil && xerr == nil {
			return changed
		}
		changed = changed || isLayout(event)
	}
}

func isLayout(event xgb.Event) bool {
	switch event.(type) {
	case randr.ScreenChangeNotifyEvent, randr.NotifyEvent:
		return true
	}
	return false
}

// image lets the server copy the bounds into the frame.
func (g *Grabber) image() error {
	x, y := int16(g.bounds.Min.X), int16(g.bounds.Min.Y)
	w, h := uint16(g.bounds.Dx()), uint16(g.bounds.Dy())
	const allPlanes = 0xffffffff
	drawable := xproto.Drawable(g.d.root)
	if g.shm != nil {
		_, err := shm.GetImage(g.d.conn, drawable, x, y, w, h, allPlanes, xproto.ImageFormatZPixmap, g.shm.id, 0).Reply()
		return replyError(err)
	}
	reply, err := xproto.GetImage(g.d.conn, xproto.ImageFormatZPixmap, drawable, x, y, w, h, allPlanes).Reply()
	if err != nil {
		return replyError(err)
	}
	if want := g.frame.Stride[0] * g.frame.Height; len(reply.Data) < want {
		return fmt.Errorf("the X server sent %d bytes of %d", len(reply.Data), want)
	}
	g.frame.Planes[0] = reply.Data
	return nil
}

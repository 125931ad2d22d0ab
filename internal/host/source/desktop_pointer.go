package source

import (
	"context"
	"image"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source/x11"
	"github.com/blade-shadow/terminal/internal/wire"
)

// desktopPointer asks the display for its pointer. X tells changes of the
// shape but no motion to who has no window, so that is looked for.
type desktopPointer struct {
	watcher
	desktop *Desktop
	x       *x11.Pointer
	shape   *PointerShape
	stale   bool      // the shape is another now
	shaped  time.Time // when it was read
}

// OpenPointer connects to the display again, for the pointer alone.
func (d *Desktop) OpenPointer() (Pointer, error) {
	name, _ := d.known()
	x, err := x11.NewPointer(name)
	if err != nil {
		return nil, goneIfClosed(err)
	}
	return &desktopPointer{watcher: newWatcher(), desktop: d, x: x, stale: true}, nil
}

func (p *desktopPointer) Next(ctx context.Context) (PointerState, error) { return p.next(ctx, p.look) }

func (p *desktopPointer) look() (glance, error) {
	at, here, changed, err := p.x.Look()
	if err != nil {
		return glance{}, goneIfClosed(err)
	}
	if changed.Layout {
		// Where the display cannot be asked, the next look says so.
		_ = p.desktop.look()
	}
	if p.stale = p.stale || changed.Shape; p.stale && time.Since(p.shaped) >= shapeInterval {
		if err := p.reshape(); err != nil {
			return glance{}, goneIfClosed(err)
		}
	}
	g := glance{screen: -1, shape: p.shape}
	if here {
		g.screen, g.at, g.size = p.desktop.under(at)
	}
	return g, nil
}

// reshape reads what the pointer looks like.
func (p *desktopPointer) reshape() error {
	p.stale, p.shaped = false, time.Now()
	s, err := p.x.Shape()
	if err != nil {
		return err
	}
	p.shape = shapeOf(s)
	return nil
}

func (p *desktopPointer) Close() error { return p.x.Close() }

// under returns the screen that shows a pixel of the desktop, -1 for none, and
// which pixel of its picture that is.
func (d *Desktop) under(at image.Point) (screen int, pixel, size image.Point) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.screens {
		if s := &d.screens[i]; at.In(s.Bounds) {
			return i, at.Sub(s.Bounds.Min), image.Pt(s.Width, s.Height)
		}
	}
	return -1, image.Point{}, image.Point{}
}

// shapeOf turns X's pixels into bytes. A shape that is too large for the wire
// becomes smaller by a whole factor; one of which nothing is to be seen, none.
func shapeOf(s x11.Shape) *PointerShape {
	if s.Size.X < 1 || s.Size.Y < 1 || len(s.Pix) < s.Size.X*s.Size.Y {
		return &PointerShape{}
	}
	step := (max(s.Size.X, s.Size.Y) + wire.MaxCursorSide - 1) / wire.MaxCursorSide
	out := &PointerShape{Width: (s.Size.X + step - 1) / step, Height: (s.Size.Y + step - 1) / step}
	out.Hot = image.Pt(min(s.Hot.X/step, out.Width-1), min(s.Hot.Y/step, out.Height-1))
	out.Pix = make([]byte, 0, 4*out.Width*out.Height)
	for y := 0; y < s.Size.Y; y += step {
		for x := 0; x < s.Size.X; x += step {
			out.Pix = appendMean(out.Pix, s, image.Rect(x, y, x+step, y+step))
		}
	}
	if empty(out.Pix) {
		return &PointerShape{}
	}
	return out
}

// appendMean appends the mean of a shape's pixels in r; those outside are
// transparent.
func appendMean(dst []byte, s x11.Shape, r image.Rectangle) []byte {
	var sum [4]uint32
	for y := r.Min.Y; y < min(r.Max.Y, s.Size.Y); y++ {
		for _, v := range s.Pix[y*s.Size.X:][r.Min.X:min(r.Max.X, s.Size.X)] {
			for i, shift := range [...]int{16, 8, 0, 24} {
				sum[i] += v >> shift & 0xff
			}
		}
	}
	n := uint32(r.Dx() * r.Dy())
	for _, v := range sum {
		dst = append(dst, byte(v/n))
	}
	return dst
}

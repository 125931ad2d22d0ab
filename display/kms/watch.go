package kms

import (
	"fmt"
	"image"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// watch is who looks at the pixels of every frame of a screen.
type watch struct {
	area func(width, height int) image.Rectangle
	seen func(picture *image.RGBA, t media.Timing)
}

// Watch reads back a part of every frame that a screen shows, as it was drawn,
// and calls seen once it is on the screen, Timing.Shown set. area gets the size
// that the stream's picture has on the output, in pixels, and returns the part
// of it; the picture that seen gets has that size, is only lent, and has pixels
// in that part alone. A nil seen ends it. It costs each frame a wait for the
// GPU: for selftests.
func (d *Display) Watch(screen int, area func(width, height int) image.Rectangle, seen func(picture *image.RGBA, t media.Timing)) error {
	s := d.screen(screen)
	if s == nil {
		return fmt.Errorf("display: watch screen %d: there are %d", screen, len(d.screens))
	}
	if seen == nil {
		s.watch.Store(nil)
	} else {
		s.watch.Store(&watch{area, seen})
	}
	return nil
}

// look reads what is watched of the frame just drawn; nil where nothing is.
func (o *output) look(f *media.Frame) *image.RGBA {
	if f == nil || o.screen == nil {
		return nil
	}
	w := o.screen.watch.Load()
	if w == nil {
		return nil
	}
	at := gl.Placement(o.size, image.Pt(f.Width, f.Height), o.scene.Fit)
	size := image.Rectangle{Max: at.Size()}
	area := w.area(size.Dx(), size.Dy()).Intersect(size)
	if area.Empty() {
		return nil
	}
	if o.sight == nil || o.sight.Rect != size {
		o.sight = image.NewRGBA(size)
	}
	// The canvas reads its own coordinates into rows of the picture's length.
	part := o.sight.SubImage(area).(*image.RGBA)
	part.Rect = part.Rect.Add(at.Min)
	if err := o.canvas.Read(part); err != nil {
		o.complain("watch", err)
		return nil
	}
	return o.sight
}

// countCopies adds what the canvas copied and imported since the last time. A
// canvas that was made anew counts from nothing.
func (o *output) countCopies() {
	bytes, imports := o.canvas.Copied()
	if o.screen != nil && bytes >= o.copied && imports >= o.imported {
		o.screen.bytes.Add(bytes - o.copied)
		o.screen.loads.Add(imports - o.imported)
	}
	o.copied, o.imported = bytes, imports
}

//go:build linux && cgo && !nonative

package sdl

import (
	"errors"
	"fmt"
	"image"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// cloth is the easel of the CPU: it converts pictures straight into the
// window's memory.
type cloth struct {
	bytes  uint64 // of pictures converted
	win    *sdl2.Window
	scaler *libav.Scaler

	canvas  canvas          // the window's memory, until the next event
	picture image.Rectangle // where the last picture was put
	panel   bool            // statistics were over it
	dst     media.Frame     // the picture's place in the window, for the scaler
	scratch *media.Frame
}

func newCloth(win *sdl2.Window, scaler *libav.Scaler) *cloth { return &cloth{win: win, scaler: scaler} }

// begin implements easel.
func (c *cloth) begin() (image.Point, error) {
	s, err := c.win.GetSurface()
	if err != nil {
		return image.Point{}, fmt.Errorf("window surface: %w", err)
	}
	if s == nil {
		return image.Point{}, fmt.Errorf("the window system gives windows no memory: %w", errors.ErrUnsupported)
	}
	// SDL's RGB888 and ARGB8888 are blue first in memory on little-endian machines.
	if f := s.Format.Format; f != uint32(sdl2.PIXELFORMAT_RGB888) && f != uint32(sdl2.PIXELFORMAT_ARGB8888) {
		return image.Point{}, fmt.Errorf("window has pixels of format %s, 32 bits are needed: %w",
			sdl2.GetPixelFormatName(uint(f)), errors.ErrUnsupported)
	}
	c.canvas = canvas{pix: s.Pixels(), stride: int(s.Pitch), size: image.Pt(int(s.W), int(s.H))}
	return c.canvas.size, nil
}

// draw implements easel.
func (c *cloth) draw(s *gl.Scene, p part) (image.Rectangle, error) {
	if p == partSpinner {
		l := s.Layers[placeSpinner]
		c.canvas.blend(l.Image, l.Area)
		r := l.Area
		return c.picture, c.win.UpdateSurfaceRects([]sdl2.Rect{{X: int32(r.Min.X), Y: int32(r.Min.Y), W: int32(r.Dx()), H: int32(r.Dy())}})
	}
	if err := c.drawPicture(s, p); err != nil {
		return image.Rectangle{}, err
	}
	if s.Dim {
		c.canvas.dim(c.picture)
	}
	for _, l := range s.Layers {
		if l.Image != nil {
			c.canvas.blend(l.Image, l.Area)
		}
	}
	return c.picture, c.win.UpdateSurface()
}

// drawPicture converts the picture into the window. Beside it is only drawn
// where something else may have been.
func (c *cloth) drawPicture(s *gl.Scene, p part) error {
	f := s.Picture
	if f == nil {
		c.picture, c.panel = image.Rectangle{}, false
		c.canvas.black(c.canvas.bounds())
		return nil
	}
	if f.Format == media.DMABuf {
		return fmt.Errorf("%w: the CPU draws the windows", gl.ErrImport)
	}
	at := letterbox(c.canvas.size, image.Pt(f.Width, f.Height))
	panel := s.Layers[placePanel].Image != nil
	if p == partAll || at != c.picture || panel || c.panel {
		for _, r := range bars(c.canvas.size, at) {
			c.canvas.black(r)
		}
	}
	c.picture, c.panel = at, panel
	c.bytes += sizeInMemory(f)
	return c.scale(at, f)
}

// wholeBlock is how many pixels vector code may write at once: a picture that
// does not end with a block could be written over its right edge.
const wholeBlock = 16

func (c *cloth) scale(at image.Rectangle, f *media.Frame) error {
	if at.Dx()%wholeBlock != 0 {
		return c.scaleBeside(at, f)
	}
	c.dst = media.Frame{Format: media.BGRX, Width: at.Dx(), Height: at.Dy()}
	c.dst.Planes[0], c.dst.Stride[0] = c.canvas.pix[at.Min.Y*c.canvas.stride+at.Min.X*4:], c.canvas.stride
	return c.scaler.Scale(&c.dst, f)
}

// scaleBeside goes through memory with longer rows.
func (c *cloth) scaleBeside(at image.Rectangle, f *media.Frame) error {
	if s := c.scratch; s == nil || s.Width != at.Dx() || s.Height != at.Dy() {
		c.scratch = media.AllocFrame(media.BGRX, at.Dx(), at.Dy())
	}
	if err := c.scaler.Scale(c.scratch, f); err != nil {
		return err
	}
	c.bytes += sizeInMemory(f)
	for y := range at.Dy() {
		copy(c.canvas.row(at, at.Min.Y+y), c.scratch.Planes[0][y*c.scratch.Stride[0]:])
	}
	return nil
}

// copied implements easel.
func (c *cloth) copied() (bytes, imports uint64) { return c.bytes, 0 }

// sizeInMemory is how many bytes the pixels of a frame are.
func sizeInMemory(f *media.Frame) uint64 {
	n := uint64(f.Width) * uint64(f.Height)
	if f.Format == media.BGRX {
		return 4 * n
	}
	return n * 3 / 2
}

// close implements easel: SDL frees the memory with the window.
func (c *cloth) close() {}

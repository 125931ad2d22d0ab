//go:build linux && cgo && !nonative

package kms

import (
	"errors"
	"fmt"
	"image"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// glCanvas draws with display/gl into buffers of GBM.
type glCanvas struct {
	*gl.Renderer
	card       *drmCard
	gpu        *gl.Display
	surface    *gl.Surface
	size       image.Point
	generation int
	fbs        [gl.MaxBuffers]uint32 // of the surface, by slot; 0: not made yet
	retired    []uint32              // of surfaces before, perhaps scanned out still
}

func newCanvas(c *drmCard, gpu *gl.Display) (*glCanvas, error) {
	r, err := gpu.NewRenderer()
	if err != nil {
		return nil, err
	}
	return &glCanvas{Renderer: r, card: c, gpu: gpu}, nil
}

// Resize leaves the frame buffers of before to the kernel, which keeps their
// memory until Retire.
func (c *glCanvas) Resize(size image.Point) error {
	if err := c.unbind(); err != nil {
		return err
	}
	s, err := c.gpu.NewSurface(size.X, size.Y)
	if err != nil {
		return err
	}
	if err := c.BindSurface(s); err != nil {
		return errors.Join(err, s.Close())
	}
	c.surface, c.size = s, size
	c.generation++
	return nil
}

func (c *glCanvas) unbind() error {
	if c.surface == nil {
		return nil
	}
	for slot, fb := range c.fbs {
		if fb != 0 {
			c.retired = append(c.retired, fb)
		}
		c.fbs[slot] = 0
	}
	err := errors.Join(c.Unbind(), c.surface.Close())
	c.surface = nil
	return err
}

func (c *glCanvas) Retire() {
	for _, fb := range c.retired {
		c.card.removeFB(fb)
	}
	c.retired = c.retired[:0]
}

func (c *glCanvas) Swap() (buffer, error) {
	fence, err := c.Renderer.Swap()
	if err != nil {
		return buffer{}, err
	}
	b := buffer{Fence: fence, Generation: c.generation}
	front, err := c.surface.LockFront()
	if err != nil {
		closeFence(&b)
		return buffer{}, err
	}
	b.Slot = front.Slot
	if c.fbs[b.Slot] == 0 {
		if c.fbs[b.Slot], err = c.frameBuffer(front); err != nil {
			c.surface.Release(front)
			closeFence(&b)
			return buffer{}, err
		}
	}
	b.FB = c.fbs[b.Slot]
	return b, nil
}

// frameBuffer tells the kernel of a buffer without modifiers: how it is tiled
// travels with the memory.
func (c *glCanvas) frameBuffer(b gl.Buffer) (uint32, error) {
	id, err := c.card.addFB(image.Pt(b.Width, b.Height), b.Format, b.Handle, b.Stride, b.Offset)
	if err != nil {
		return 0, fmt.Errorf("scan out %dx%d: %w", b.Width, b.Height, err)
	}
	return id, nil
}

func (c *glCanvas) Release(b buffer) {
	if c.surface != nil && b.Generation == c.generation {
		c.surface.Release(gl.Buffer{Slot: b.Slot})
	}
}

// Copied implements canvas.
func (c *glCanvas) Copied() (bytes, imports uint64) {
	s := c.Renderer.Stats()
	return s.PictureBytes, s.Imports
}

func (c *glCanvas) Read(into *image.RGBA) error {
	at := into.Rect
	f := media.AllocFrame(media.BGRX, at.Dx(), at.Dy())
	if err := c.Renderer.Read(f, at); err != nil {
		return err
	}
	for y := range at.Dy() {
		src, dst := f.Planes[0][y*f.Stride[0]:], into.Pix[y*into.Stride:]
		for x := 0; x < 4*at.Dx(); x += 4 {
			dst[x], dst[x+1], dst[x+2], dst[x+3] = src[x+2], src[x+1], src[x], 0xff
		}
	}
	return nil
}

func (c *glCanvas) Close() error {
	err := errors.Join(c.unbind(), c.Renderer.Close())
	c.Retire()
	return err
}

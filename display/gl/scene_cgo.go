//go:build linux && cgo && !nonative

package gl

// #include "stgl.h"
import "C"

import (
	"fmt"
	"image"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/media"
)

// kinds are the C names of the formats.
func kindOf(f media.PixelFormat) C.int {
	switch f {
	case media.I420:
		return C.STGL_I420
	case media.NV12:
		return C.STGL_NV12
	case media.BGRX:
		return C.STGL_BGRX
	case media.DMABuf:
		return C.STGL_DMABUF
	}
	return C.STGL_NOTHING
}

// setPicture describes the picture to C, all but its bytes, and returns where
// on the output it will be.
func (r *Renderer) setPicture(s *Scene) (image.Rectangle, error) {
	c, f := &r.c.scene, s.Picture
	c.kind, c.covers, c.exact = C.STGL_NOTHING, false, false
	if f == nil {
		return image.Rectangle{}, nil
	}
	if err := checkFrame(f); err != nil {
		return image.Rectangle{}, err
	}
	if f.Format == media.DMABuf {
		if err := r.setSurface(f); err != nil {
			return image.Rectangle{}, err
		}
	}
	size := image.Pt(f.Width, f.Height)
	at := Placement(r.Size(), size, s.Fit)
	c.kind = kindOf(f.Format)
	c.width, c.height = C.int(f.Width), C.int(f.Height)
	c.crop_x, c.crop_y = 0, 0
	if f.Format == media.DMABuf {
		c.crop_x, c.crop_y = C.int(f.CropX), C.int(f.CropY)
	}
	for i, stride := range f.Stride {
		c.stride[i] = C.int(stride)
	}
	c.place = rect(at)
	c.covers, c.exact = C.bool(at.Size() == r.Size()), C.bool(at.Size() == size)
	r.setColor(f, s.Dim)
	return at, nil
}

func (r *Renderer) setColor(f *media.Frame, dim bool) {
	to := noConversion
	if f.Format != media.BGRX {
		to = convert(f.Matrix(), f.FullRange)
	}
	c := &r.c.scene
	for i, v := range to.matrix {
		c.matrix[i] = C.float(v)
	}
	for i, v := range to.bias {
		c.bias[i] = C.float(v)
	}
	c.dim = 1
	if dim {
		c.dim = 0.25
	}
}

// setSurface describes the planes of a picture in dma-bufs.
func (r *Renderer) setSurface(f *media.Frame) error {
	luma, chroma, err := planesOf(f.Surface)
	if err != nil {
		return err
	}
	if f.CropX < 0 || f.CropY < 0 || f.CropX+f.Width > luma.Width || f.CropY+f.Height > luma.Height {
		return fmt.Errorf("%w: picture %dx%d at (%d, %d) is outside its surface of %dx%d", ErrImport,
			f.Width, f.Height, f.CropX, f.CropY, luma.Width, luma.Height)
	}
	r.c.scene.pool, r.c.scene.id = C.uint64_t(f.Surface.Pool), C.uint32_t(f.Surface.ID)
	for i, p := range [2]*media.SurfacePlane{luma, chroma} {
		o := &f.Surface.Objects[p.Object]
		r.c.scene.planes[i] = C.struct_stgl_plane{
			fd: C.int(o.FD), width: C.int(p.Width), height: C.int(p.Height), offset: C.int(p.Offset),
			pitch: C.int(p.Pitch), fourcc: C.uint32_t(p.FourCC), modifier: C.uint64_t(o.Modifier),
		}
	}
	return nil
}

// setImages uploads what is new of the layers and the cursor, and says where they go.
func (r *Renderer) setImages(s *Scene, picture image.Rectangle) error {
	c := &r.c.scene
	c.drawn = [C.STGL_IMAGES]C.bool{}
	for i := range s.Layers {
		l := &s.Layers[i]
		if l.Image == nil {
			continue
		}
		area := l.Area.Intersect(l.Image.Rect)
		if area.Empty() || !area.Overlaps(image.Rectangle{Max: r.Size()}) {
			continue
		}
		if err := r.upload(i, l.Image, area, l.Version); err != nil {
			return fmt.Errorf("draw layer %d: %w", i, err)
		}
		c.drawn[i], c.images[i] = true, rect(area)
	}
	if s.Cursor == nil || s.Cursor.Image == nil || s.Cursor.Image.Rect.Empty() {
		return nil
	}
	return r.setCursor(s, picture)
}

func (r *Renderer) setCursor(s *Scene, picture image.Rectangle) error {
	c, cursor := &r.c.scene, s.Cursor
	if err := r.upload(C.STGL_CURSOR, cursor.Image, cursor.Image.Rect, cursor.Version); err != nil {
		return fmt.Errorf("draw cursor: %w", err)
	}
	at := rect(image.Rectangle{Max: cursor.Image.Rect.Size()}.Add(cursor.At.Sub(cursor.Hot)))
	if cursor.Scaled && s.Picture != nil {
		x := C.float(picture.Dx()) / C.float(s.Picture.Width)
		y := C.float(picture.Dy()) / C.float(s.Picture.Height)
		at = C.struct_stgl_rect{
			x: C.float(picture.Min.X) + at.x*x, y: C.float(picture.Min.Y) + at.y*y, w: at.w * x, h: at.h * y,
		}
		c.cursor_smooth = C.bool(x != 1 || y != 1)
	} else {
		c.cursor_smooth = false
	}
	c.drawn[C.STGL_CURSOR], c.images[C.STGL_CURSOR] = true, at
	return nil
}

// upload copies a part of an image into its texture, where it is another than
// what is there.
func (r *Renderer) upload(slot int, m *image.RGBA, area image.Rectangle, version uint64) error {
	now := uploaded{valid: true, version: version, area: area}
	if r.images[slot] == now {
		return nil
	}
	r.images[slot].valid = false
	pix := m.Pix[m.PixOffset(area.Min.X, area.Min.Y):]
	if need := (area.Dy()-1)*m.Stride + 4*area.Dx(); len(pix) < need {
		return fmt.Errorf("image has %d bytes from %v on; want %d", len(pix), area.Min, need)
	}
	code := C.stgl_image(r.c, C.int(slot), (*C.uint8_t)(unsafe.SliceData(pix)), C.int(m.Stride),
		C.int(area.Dx()), C.int(area.Dy()))
	if code != C.STGL_OK {
		return failure(code, &r.c.error)
	}
	r.images[slot] = now
	return nil
}

func rect(r image.Rectangle) C.struct_stgl_rect {
	return C.struct_stgl_rect{
		x: C.float(r.Min.X), y: C.float(r.Min.Y), w: C.float(r.Dx()), h: C.float(r.Dy()),
	}
}

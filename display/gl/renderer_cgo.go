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

// Renderer draws scenes. It has an OpenGL context that is current on the OS
// thread that made it: all its methods are called on that thread. Where that
// has several renderers, MakeCurrent goes before the turn of another one.
type Renderer struct {
	c      *C.struct_stgl_renderer
	images [C.STGL_IMAGES]uploaded
}

// uploaded says what is in a layer's or the cursor's texture.
type uploaded struct {
	valid   bool
	version uint64
	area    image.Rectangle
}

// NewRenderer makes a context on the calling thread, to which the caller has
// locked its goroutine. Nothing is bound yet.
func (d *Display) NewRenderer() (*Renderer, error) {
	if d.c == nil {
		return nil, fmt.Errorf("make renderer: %w", errClosed)
	}
	var e C.struct_stgl_error
	r := &Renderer{}
	if code := C.stgl_renderer_new(d.c, &r.c, &e); code != C.STGL_OK {
		return nil, fmt.Errorf("make renderer: %w", failure(code, &e))
	}
	return r, nil
}

// result makes an error of what a C call returned.
func (r *Renderer) result(code C.int, doing string) error {
	if code == C.STGL_OK {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, failure(code, &r.c.error))
}

// usable refuses a closed renderer and sizes that nothing has.
func (r *Renderer) usable(width, height int) error {
	if r.c == nil {
		return errClosed
	}
	if width <= 0 || height <= 0 {
		return fmt.Errorf("size %dx%d is not one", width, height)
	}
	return nil
}

// MakeCurrent makes the renderer the one whose methods may be called on this
// thread. A new one is, and none is after a Close.
func (r *Renderer) MakeCurrent() error {
	if r.c == nil {
		return fmt.Errorf("make current: %w", errClosed)
	}
	return r.result(C.stgl_make_current(r.c), "make current")
}

// BindSurface makes Draw draw into s, until something else is bound.
func (r *Renderer) BindSurface(s *Surface) error {
	err := r.usable(s.size.X, s.size.Y)
	if s.c == nil {
		err = errClosed
	}
	if err != nil {
		return fmt.Errorf("bind surface: %w", err)
	}
	return r.result(C.stgl_bind_gbm(r.c, s.c, C.int(s.size.X), C.int(s.size.Y)), "bind surface")
}

// BindWindow makes Draw draw into an X window of depth 24, by its XID. The
// window stays the caller's. It exists now, or Mesa crashes, and until
// something else is bound. Swap does not wait for a vertical blank.
func (r *Renderer) BindWindow(window uintptr, width, height int) error {
	if err := r.usable(width, height); err != nil {
		return fmt.Errorf("bind window: %w", err)
	}
	return r.result(C.stgl_bind_window(r.c, C.uintptr_t(window), C.int(width), C.int(height)), "bind window")
}

// BindWayland makes Draw draw into a struct wl_surface. It stays the caller's
// and exists until something else is bound.
func (r *Renderer) BindWayland(surface unsafe.Pointer, width, height int) error {
	if err := r.usable(width, height); err != nil {
		return fmt.Errorf("bind surface: %w", err)
	}
	return r.result(C.stgl_bind_wayland(r.c, surface, C.int(width), C.int(height)), "bind surface")
}

// BindOffscreen makes Draw draw into memory that only Read sees.
func (r *Renderer) BindOffscreen(width, height int) error {
	if err := r.usable(width, height); err != nil {
		return fmt.Errorf("bind memory: %w", err)
	}
	return r.result(C.stgl_bind_offscreen(r.c, C.int(width), C.int(height)), "bind memory")
}

// Resize tells the size that a bound window has now, in pixels.
func (r *Renderer) Resize(width, height int) error {
	if err := r.usable(width, height); err != nil {
		return fmt.Errorf("resize: %w", err)
	}
	return r.result(C.stgl_resize(r.c, C.int(width), C.int(height)), "resize")
}

// Unbind lets go of what Draw draws into.
func (r *Renderer) Unbind() error {
	if r.c == nil {
		return nil
	}
	return r.result(C.stgl_unbind(r.c), "unbind")
}

// Size returns the size of what is bound, in pixels.
func (r *Renderer) Size() image.Point {
	if r.c == nil {
		return image.Point{}
	}
	return image.Pt(int(r.c.target.width), int(r.c.target.height))
}

// Draw draws all of a scene into what is bound, over whatever was there. A
// scene that fails with ErrImport was not drawn at all.
func (r *Renderer) Draw(s *Scene) error {
	if r.c == nil {
		return fmt.Errorf("draw: %w", errClosed)
	}
	if len(s.Layers) > MaxLayers {
		return fmt.Errorf("draw: %d layers, there can be %d", len(s.Layers), MaxLayers)
	}
	picture, err := r.setPicture(s)
	if err != nil {
		return fmt.Errorf("draw picture: %w", err)
	}
	if err := r.setImages(s, picture); err != nil {
		return err
	}
	p := [3]unsafe.Pointer{}
	if s.Picture != nil && s.Picture.Format != media.DMABuf {
		for i := range p {
			p[i] = unsafe.Pointer(unsafe.SliceData(s.Picture.Planes[i]))
		}
	}
	code := C.stgl_draw(r.c, (*C.uint8_t)(p[0]), (*C.uint8_t)(p[1]), (*C.uint8_t)(p[2]))
	if code == C.STGL_OK {
		return nil
	}
	r.images = [C.STGL_IMAGES]uploaded{} // what was uploaded may not have arrived
	return failure(code, &r.c.error)
}

// Swap ends a picture: what was drawn becomes the window's or the surface's
// next buffer. fence is a descriptor that becomes readable when the GPU has
// drawn it, the caller's to close, or -1 where there is none. In a window it
// returns when all scenes before this one are drawn, so their dma-bufs are free;
// the GPU is thus never more than a scene behind.
func (r *Renderer) Swap() (fence int, err error) {
	if r.c == nil {
		return -1, fmt.Errorf("swap: %w", errClosed)
	}
	if code := C.stgl_swap(r.c); code != C.STGL_OK {
		return -1, failure(code, &r.c.error)
	}
	return int(r.c.fence), nil
}

// Finish waits until the GPU has drawn all that it was given.
func (r *Renderer) Finish() error {
	if r.c == nil {
		return fmt.Errorf("finish: %w", errClosed)
	}
	return r.result(C.stgl_finish(r.c), "finish")
}

// Read copies a part of what was drawn since the last Swap into a BGRX frame
// of that size. It waits for the GPU.
func (r *Renderer) Read(dst *media.Frame, at image.Rectangle) error {
	switch {
	case r.c == nil:
		return fmt.Errorf("read: %w", errClosed)
	case at.Empty() || !at.In(image.Rectangle{Max: r.Size()}):
		return fmt.Errorf("read: %v is not a part of %v", at, r.Size())
	case dst.Format != media.BGRX || dst.Width != at.Dx() || dst.Height != at.Dy():
		return fmt.Errorf("read: frame is %v %dx%d; want BGRX %dx%d", dst.Format, dst.Width, dst.Height, at.Dx(), at.Dy())
	}
	if err := checkPlane(dst, 0, 4*dst.Width, dst.Height); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return r.result(C.stgl_read(r.c, (*C.uint8_t)(unsafe.SliceData(dst.Planes[0])), C.int(dst.Stride[0]),
		C.int(at.Min.X), C.int(at.Min.Y), C.int(at.Dx()), C.int(at.Dy())), "read")
}

// ProveImport imports a surface that [FillBars] has filled, draws it, reads it
// back and compares every pixel: nil means that pictures in such surfaces arrive as they
// are. Otherwise it fails with ErrImport. What is bound stays bound and untouched.
func (r *Renderer) ProveImport(s *media.Surface) error {
	luma, _, err := planesOf(s)
	if r.c == nil {
		err = errClosed
	}
	if err != nil {
		return fmt.Errorf("prove import: %w", err)
	}
	width, height := luma.Width, luma.Height
	if err := r.result(C.stgl_proof_begin(r.c, C.int(width), C.int(height)), "prove import"); err != nil {
		return err
	}
	defer C.stgl_proof_end(r.c)
	defer r.Forget(s.Pool)
	got, err := r.drawBars(s, width, height)
	if err != nil {
		return fmt.Errorf("prove import: %w", err)
	}
	if err := CheckBars(got); err != nil {
		return fmt.Errorf("prove: %w: %w", ErrImport, err)
	}
	return nil
}

// drawBars draws a surface as it is, and returns what was drawn.
func (r *Renderer) drawBars(s *media.Surface, width, height int) (*media.Frame, error) {
	f := media.NewFrame(nil)
	f.Format, f.Width, f.Height = media.DMABuf, width, height
	f.Surface, f.Color = s, media.BT709
	if err := r.Draw(&Scene{Picture: f}); err != nil {
		return nil, err
	}
	got := media.AllocFrame(media.BGRX, width, height)
	return got, r.Read(got, image.Rect(0, 0, width, height))
}

// Forget lets go of everything imported from a pool that is no more. Drawing
// from a newer pool does the same.
func (r *Renderer) Forget(pool uint64) {
	if r.c != nil {
		C.stgl_forget(r.c, C.uint64_t(pool))
	}
}

// Stats returns what was counted until now.
func (r *Renderer) Stats() Stats {
	if r.c == nil {
		return Stats{}
	}
	s := &r.c.stats
	return Stats{
		Draws: uint64(s.draws), Imports: uint64(s.imports), Evictions: uint64(s.evictions), Cached: int(s.cached),
		Uploads: uint64(s.uploads), UploadBytes: uint64(s.upload_bytes), PictureBytes: uint64(s.picture_bytes),
		UploadNS: uint64(s.upload_ns), DrawNS: uint64(s.draw_ns), SwapNS: uint64(s.swap_ns),
	}
}

// Close frees the context and all that is in it. A second call does nothing.
func (r *Renderer) Close() error {
	if r.c != nil {
		C.stgl_renderer_free(r.c)
		r.c = nil
	}
	return nil
}

// pretendReset makes the driver say that the GPU was reset, for tests.
func (r *Renderer) pretendReset() { C.stgl_pretend_reset(r.c) }

// pretendImport puts copies of two planes where an imported surface would be, for tests.
func (r *Renderer) pretendImport(s *media.Surface, y, uv []byte) error {
	l, c := &s.Planes[0], &s.Planes[1]
	return r.result(C.stgl_pretend_import(r.c, C.uint64_t(s.Pool), C.uint32_t(s.ID), (*C.uint8_t)(unsafe.SliceData(y)),
		C.int(l.Width), C.int(l.Height), (*C.uint8_t)(unsafe.SliceData(uv)), C.int(c.Width), C.int(c.Height)), "pretend import")
}

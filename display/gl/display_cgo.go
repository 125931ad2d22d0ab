//go:build linux && cgo && !nonative

package gl

/*
#cgo pkg-config: egl glesv2 gbm
#cgo CFLAGS: -Wall
#cgo LDFLAGS: -ldl
#include "stgl.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"unsafe"
)

// Display is a started EGL display. Its methods may be called from any goroutine.
type Display struct {
	c    *C.struct_stgl_display
	info Info
}

// OpenGBM opens EGL on GBM on an open DRM device, for surfaces that can be
// scanned out. fd stays the caller's and has to stay open longer than the Display.
func OpenGBM(fd int) (*Display, error) { return open(C.STGL_GBM, "gbm", fd, nil) }

// OpenSurfaceless opens EGL without any window system: a renderer of it draws
// into memory only.
func OpenSurfaceless() (*Display, error) { return open(C.STGL_SURFACELESS, "surfaceless", -1, nil) }

// OpenX11 opens EGL on the X server that the environment names, with a
// connection of its own.
func OpenX11() (*Display, error) { return open(C.STGL_X11, "x11", -1, nil) }

// OpenWayland opens EGL on a struct wl_display, which stays the caller's and
// has to stay connected longer than the Display.
func OpenWayland(display unsafe.Pointer) (*Display, error) {
	return open(C.STGL_WAYLAND, "wayland", -1, display)
}

func open(platform C.int, name string, fd int, native unsafe.Pointer) (*Display, error) {
	var e C.struct_stgl_error
	d := &Display{}
	if code := C.stgl_display_open(platform, C.int(fd), native, &d.c, &e); code != C.STGL_OK {
		return nil, fmt.Errorf("open EGL on %s: %w", name, failure(code, &e))
	}
	d.info = Info{
		Platform:       name,
		EGL:            C.GoString(&d.c.egl_text[0]),
		Vendor:         C.GoString(&d.c.vendor[0]),
		Renderer:       C.GoString(&d.c.renderer[0]),
		Version:        C.GoString(&d.c.version[0]),
		Device:         C.GoString(&d.c.node[0]),
		DMABufImport:   bool(d.c.dmabuf),
		Modifiers:      bool(d.c.modifiers),
		NativeFence:    bool(d.c.fence) && platform == C.STGL_GBM,
		Robustness:     bool(d.c.robust),
		RowLength:      bool(d.c.row_length),
		Software:       bool(d.c.software),
		MaxTextureSize: int(d.c.max_texture),
	}
	return d, nil
}

// failure makes an error of a code and its text.
func failure(code C.int, e *C.struct_stgl_error) error {
	text := C.GoString(&e.text[0])
	switch code {
	case C.STGL_UNSUPPORTED:
		return fmt.Errorf("%s: %w", text, errors.ErrUnsupported)
	case C.STGL_LOST:
		return fmt.Errorf("%s: %w", text, ErrContextLost)
	case C.STGL_IMPORT:
		return fmt.Errorf("%w: %s", ErrImport, text)
	}
	return errors.New(text)
}

// Info says what the display can do.
func (d *Display) Info() Info { return d.info }

// Close ends EGL on it. Its renderers and surfaces are closed before. A second
// call does nothing.
func (d *Display) Close() error {
	if d.c != nil {
		C.stgl_display_close(d.c)
		d.c = nil
	}
	return nil
}

var errClosed = errors.New("used after Close")

// Surface is a row of buffers that a renderer draws into and scanout reads from, of
// format XRGB8888. It belongs to the renderer's thread.
type Surface struct {
	c    *C.struct_stgl_surface
	size image.Point
}

// NewSurface makes a surface of a size in pixels. The display must be one of GBM.
func (d *Display) NewSurface(width, height int) (*Surface, error) {
	if d.c == nil {
		return nil, fmt.Errorf("make surface: %w", errClosed)
	}
	var e C.struct_stgl_error
	s := &Surface{size: image.Pt(width, height)}
	if code := C.stgl_surface_new(d.c, C.int(width), C.int(height), &s.c, &e); code != C.STGL_OK {
		return nil, fmt.Errorf("make surface: %w", failure(code, &e))
	}
	return s, nil
}

// Size returns the surface's size in pixels.
func (s *Surface) Size() image.Point { return s.size }

// LockFront returns the buffer of the last Swap, once, and keeps it from being
// drawn into until Release.
func (s *Surface) LockFront() (Buffer, error) {
	if s.c == nil {
		return Buffer{}, fmt.Errorf("lock buffer: %w", errClosed)
	}
	if code := C.stgl_surface_lock(s.c); code != C.STGL_OK {
		return Buffer{}, fmt.Errorf("lock buffer: %w", failure(code, &s.c.error))
	}
	b := &s.c.front
	return Buffer{
		Slot: int(b.slot), Handle: uint32(b.handle), Width: int(b.width), Height: int(b.height),
		Stride: int(b.stride), Offset: int(b.offset), Format: uint32(b.format), Modifier: uint64(b.modifier),
	}, nil
}

// Release gives a locked buffer back to be drawn into: when nothing is read
// out of it any more.
func (s *Surface) Release(b Buffer) {
	if s.c != nil {
		C.stgl_surface_release(s.c, C.int(b.Slot))
	}
}

// Close frees the buffers. It is unbound from its renderer before. A second
// call does nothing.
func (s *Surface) Close() error {
	if s.c != nil {
		C.stgl_surface_free(s.c)
		s.c = nil
	}
	return nil
}

// liveObjects is how many objects of GL, EGL and GBM this process has, for tests.
func liveObjects() int { return int(C.stgl_live()) }

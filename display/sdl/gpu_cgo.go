//go:build linux && cgo && !nonative

package sdl

/*
#cgo pkg-config: sdl2
#include <stdint.h>
#include <SDL.h>
#include <SDL_syswm.h>

// What EGL needs to know of a window. The C side of SDL_GetWindowWMInfo fills
// more bytes than go-sdl2's structure has.
struct st_native {
	void *display, *surface; // of Wayland
	uintptr_t window;        // of X11
};

static int st_native_of(void *window, struct st_native *out)
{
	SDL_SysWMinfo info;

	SDL_VERSION(&info.version);
	if (!SDL_GetWindowWMInfo(window, &info))
		return 0;
	switch (info.subsystem) {
#if defined(SDL_VIDEO_DRIVER_X11)
	case SDL_SYSWM_X11:
		out->window = info.info.x11.window;
		return 1;
#endif
#if defined(SDL_VIDEO_DRIVER_WAYLAND)
	case SDL_SYSWM_WAYLAND:
		out->display = info.info.wl.display;
		out->surface = info.info.wl.surface;
		return 1;
#endif
	default:
		return 0;
	}
}

// The window's size, its width in the high half: by value, so that Go
// allocates nothing for a frame.
static uint64_t st_size_of(void *window)
{
	int w = 0, h = 0;

	SDL_GetWindowSize(window, &w, &h);
	return (uint64_t)w << 32 | (uint32_t)h;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"time"
	"unsafe"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display/gl"
)

// Window systems by SDL's names.
const (
	driverX11     = "x11"
	driverWayland = "wayland"
)

// gpu is OpenGL on the window system, for all windows.
type gpu interface {
	Info() gl.Info
	ProveDevice() error
	NewPen() (pen, error)
	Close() error
}

// pen draws scenes into one window, on the main thread. See gl.Renderer.
type pen interface {
	MakeCurrent() error
	BindWindow(window uintptr, width, height int) error
	BindWayland(surface unsafe.Pointer, width, height int) error
	Resize(width, height int) error
	Draw(*gl.Scene) error
	Swap() (fence int, err error)
	Stats() gl.Stats
	Close() error
}

// egl is the gpu outside tests.
type egl struct{ *gl.Display }

func (e egl) NewPen() (pen, error) {
	r, err := e.NewRenderer()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// openGPU opens EGL on a window system: on a connection of its own, or where
// connection is given on that one of Wayland.
func openGPU(driver string, connection unsafe.Pointer) (gpu, error) {
	open := gl.OpenX11
	if driver == driverWayland {
		open = func() (*gl.Display, error) { return gl.OpenWayland(connection) }
	}
	d, err := open()
	if err != nil {
		return nil, err
	}
	return egl{d}, nil
}

// drivers names the window systems that SDL will try, in its order.
func drivers() []string {
	wanted := []string{driverX11, driverWayland}
	if list := os.Getenv("SDL_VIDEODRIVER"); list != "" {
		wanted = strings.Split(list, ",")
	}
	var found []string
	for _, name := range wanted {
		if name == driverX11 && os.Getenv("DISPLAY") != "" || name == driverWayland && os.Getenv("WAYLAND_DISPLAY") != "" {
			found = append(found, name)
		}
	}
	return found
}

var errNoWindows = fmt.Errorf("no window system is named by DISPLAY or WAYLAND_DISPLAY: %w", errors.ErrUnsupported)

// probe finds what the GPU behind the window system can draw, before there is
// a window: whoever opens the decoder has to know.
func (d *Display) probe() Capabilities {
	if d.cfg.GPU == GPUOff {
		return Capabilities{Reason: "drawing with the GPU is turned off"}
	}
	err := errNoWindows
	for _, driver := range drivers() {
		var g gpu
		if g, err = d.openGPU(driver, nil); err == nil {
			can := examine(g)
			if err := g.Close(); err != nil {
				d.cfg.Logger.Warn("end the trial of the GPU", "component", "display", "err", err)
			}
			return can
		}
	}
	return Capabilities{Reason: err.Error()}
}

func examine(g gpu) Capabilities {
	info := g.Info()
	can := Capabilities{Renderer: info.Renderer}
	switch {
	case info.Software:
		can.Reason = "OpenGL is drawn by the CPU: " + info.Renderer
		return can
	case !info.DMABufImport:
		can.Reason = "EGL has no EGL_EXT_image_dma_buf_import: " + info.Renderer
		return can
	}
	err := g.ProveDevice()
	// Where it could not be tried, EGL's word is taken until a frame fails.
	can.DMABuf, can.Proved = err == nil || errors.Is(err, errors.ErrUnsupported), err == nil
	if err != nil {
		can.Reason = err.Error()
	}
	return can
}

// native is what EGL draws into.
func native(w *sdl2.Window) (C.struct_st_native, error) {
	var n C.struct_st_native
	if C.st_native_of(unsafe.Pointer(w), &n) == 0 {
		return n, fmt.Errorf("the window is neither of X11 nor of Wayland: %w", errors.ErrUnsupported)
	}
	return n, nil
}

// sizeOf returns the size of a window in SDL's units, which are pixels as long
// as SDL is not asked for more of them.
func sizeOf(w *sdl2.Window) image.Point {
	packed := uint64(C.st_size_of(unsafe.Pointer(w)))
	return image.Pt(int(packed>>32), int(uint32(packed)))
}

// startGPU makes an easel of the GPU for every window, or for none.
func (l *loop) startGPU() error {
	n, err := native(l.windows[0].win)
	if err != nil {
		return err
	}
	if l.gpu, err = l.d.openGPU(l.driver, n.display); err != nil {
		return err
	}
	for _, w := range l.windows {
		g, err := newGlass(l, w.win)
		if err != nil {
			return fmt.Errorf("window %d: %w", w.index, err)
		}
		w.easel = g
	}
	return nil
}

// useGPU starts it where it is wanted, and says what draws.
func (l *loop) useGPU() {
	d := l.d
	if d.cfg.GPU == GPUOff || d.cfg.GPU == GPUAuto && !d.can.DMABuf {
		return
	}
	if err := l.startGPU(); err != nil {
		l.abandonGPU(err)
		return
	}
	d.cfg.Logger.Info("windows are drawn by the GPU", "component", "display", "renderer", l.gpu.Info().Renderer,
		"dmabuf", d.can.DMABuf, "proved", d.can.Proved, "reason", d.can.Reason)
}

// abandonGPU lets the CPU draw all windows from now on. What is in dma-bufs is
// lost to it; their decoder is told when the next of them comes.
func (l *loop) abandonGPU(why error) {
	l.d.cfg.Logger.Warn("windows are drawn by the CPU from now on", "component", "display", "err", why)
	for _, w := range l.windows {
		w.easel.close()
		w.easel = newCloth(w.win, l.scaler)
		w.stale, w.due = true, time.Now()
		w.dropSurface()
	}
	if l.driver != driverWayland { // there SDL goes on with the same EGL display
		l.endGPU()
	}
}

func (l *loop) endGPU() {
	if l.gpu == nil {
		return
	}
	if err := l.gpu.Close(); err != nil {
		l.d.cfg.Logger.Warn("end OpenGL", "component", "display", "err", err)
	}
	l.gpu = nil
}

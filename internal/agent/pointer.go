package agent

import (
	"image"
	"sync"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/sdl"
)

// pointer is the host's pointer, which its pictures do not contain.
type pointer struct {
	mu      sync.Mutex // guards all
	image   *image.RGBA
	hot     image.Point
	screen  int
	x, y    int // 0..65535 over the screen's picture
	visible bool
	sizes   [MaxScreens]image.Point // of the pictures
}

// onCursor takes the pointer's new shape; the session's goroutine.
func (a *Agent) onCursor(c *client.Cursor) {
	a.pointer.mu.Lock()
	defer a.pointer.mu.Unlock()
	a.pointer.image, a.pointer.hot = c.Image, c.Hot
	if d, ok := a.display.(interface{ SetCursor(int, *sdl.Cursor) }); ok {
		// A window has the window system's pointer, which takes the shape.
		for i := range a.screens {
			d.SetCursor(i, &sdl.Cursor{Image: c.Image, Hot: c.Hot})
		}
	}
	a.placePointerLocked()
}

// onPointer takes the pointer's new place; the session's goroutine.
func (a *Agent) onPointer(screen int, x, y uint16, visible bool) {
	a.pointer.mu.Lock()
	defer a.pointer.mu.Unlock()
	a.pointer.screen, a.pointer.x, a.pointer.y, a.pointer.visible = screen, int(x), int(y), visible
	a.placePointerLocked()
}

// placePointerLocked has monitors show the pointer, which have none of their own.
func (a *Agent) placePointerLocked() {
	d, ok := a.display.(interface{ SetCursor(int, *kms.Cursor) })
	if !ok {
		return
	}
	p := &a.pointer
	for i := range a.screens {
		if i != p.screen || !p.visible || p.image == nil {
			d.SetCursor(i, nil)
			continue
		}
		at := image.Pt(p.x*p.sizes[i].X>>16, p.y*p.sizes[i].Y>>16)
		d.SetCursor(i, &kms.Cursor{Image: p.image, Hot: p.hot, At: at})
	}
}

// forgetPointer takes the pointer of a session that has ended away.
func (a *Agent) forgetPointer() {
	a.pointer.mu.Lock()
	defer a.pointer.mu.Unlock()
	a.pointer.image, a.pointer.visible = nil, false
	if d, ok := a.display.(interface{ SetCursor(int, *sdl.Cursor) }); ok {
		for i := range a.screens {
			d.SetCursor(i, nil)
		}
	}
	a.placePointerLocked()
}

//go:build linux && cgo && !nonative

package sdl

import (
	"errors"
	"image"

	sdl2 "github.com/veandco/go-sdl2/sdl"

	"github.com/blade-shadow/terminal/display/gl"
)

// glass is the easel of the GPU.
//
// A swap does not wait for a vertical blank, on the full screen neither: the
// thread that would wait is the one that reads the keys. What arrived is handed
// over at once and a compositor shows it at its next blank; where there is none, as
// on X11 without one, a picture may be seen torn.
type glass struct {
	loop *loop
	win  *sdl2.Window
	pen  pen
	size image.Point // as bound
}

func newGlass(l *loop, win *sdl2.Window) (*glass, error) {
	g := &glass{loop: l, win: win}
	if err := g.start(); err != nil {
		return nil, err
	}
	return g, nil
}

// start makes the pen and gives it the window.
func (g *glass) start() error {
	p, err := g.loop.gpu.NewPen()
	if err != nil {
		return err
	}
	n, err := native(g.win)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	size := sizeOf(g.win)
	if n.surface != nil {
		err = p.BindWayland(n.surface, size.X, size.Y)
	} else {
		err = p.BindWindow(uintptr(n.window), size.X, size.Y)
	}
	if err != nil {
		return errors.Join(err, p.Close())
	}
	g.pen, g.size = p, size
	return nil
}

// begin implements easel. The size is SDL's: X11 may be a moment ahead, and
// says so with an event.
func (g *glass) begin() (image.Point, error) {
	size := sizeOf(g.win)
	if err := g.pen.MakeCurrent(); err != nil {
		return size, g.failed(err)
	}
	if size != g.size {
		if err := g.pen.Resize(size.X, size.Y); err != nil {
			return size, g.failed(err)
		}
		g.size = size
	}
	return size, nil
}

// draw implements easel. After a reset of the GPU it starts anew, once.
func (g *glass) draw(s *gl.Scene, _ part) (image.Rectangle, error) {
	err := g.show(s)
	if errors.Is(err, gl.ErrContextLost) {
		g.loop.d.cfg.Logger.Warn("GPU was reset", "component", "display", "err", err)
		if err = g.restart(); err == nil {
			err = g.show(s)
		}
	}
	if err != nil {
		return image.Rectangle{}, g.failed(err)
	}
	if s.Picture == nil {
		return image.Rectangle{}, nil
	}
	return gl.Placement(g.size, image.Pt(s.Picture.Width, s.Picture.Height), s.Fit), nil
}

func (g *glass) show(s *gl.Scene) error {
	if err := g.pen.Draw(s); err != nil {
		return err
	}
	_, err := g.pen.Swap() // windows have no fences
	return err
}

func (g *glass) restart() error {
	g.close()
	return g.start()
}

// gpuError is what the CPU is better at.
type gpuError struct{ error }

func (e gpuError) Unwrap() error { return e.error }

// failed tells a failure of the GPU from a picture that cannot be imported.
func (g *glass) failed(err error) error {
	if errors.Is(err, gl.ErrImport) {
		return err
	}
	return gpuError{err}
}

// close implements easel.
func (g *glass) close() {
	if g.pen == nil {
		return
	}
	if err := errors.Join(g.pen.MakeCurrent(), g.pen.Close()); err != nil && !errors.Is(err, gl.ErrContextLost) {
		g.loop.d.cfg.Logger.Warn("end drawing in a window", "component", "display", "err", err)
	}
	g.pen = nil
}

// copied implements easel.
func (g *glass) copied() (bytes, imports uint64) {
	if g.pen == nil {
		return 0, 0
	}
	s := g.pen.Stats()
	return s.PictureBytes, s.Imports
}

//go:build linux && cgo && !nonative

package sdl_test

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
)

// rig is the machine's OpenGL, counted, and on demand pretending and failing.
type rig struct {
	info  func(*gl.Info)     // changes what is said; nil leaves it
	prove func() error       // nil: what the machine says
	fail  func(string) error // asked before each call by its name; nil never fails
	drawn func(*media.Frame) // told of each picture that was swapped out; nil nobody
	fake  *media.Frame       // drawn for dma-bufs; nil: they fail
	swaps atomic.Int64       // that succeeded
	open  [2]atomic.Int64    // devices, pens
}

func (r *rig) failing(call string) error {
	if r.fail == nil {
		return nil
	}
	return r.fail(call)
}

func (r *rig) opener(driver string, connection unsafe.Pointer) (sdl.GPUDevice, error) {
	if err := r.failing("open"); err != nil {
		return nil, err
	}
	d, err := sdl.OpenGPU(driver, connection)
	if err != nil {
		return nil, err
	}
	r.open[0].Add(1)
	return riggedDevice{d, r}, nil
}

// everythingClosed fails where a device or a pen is left.
func (r *rig) everythingClosed(t testing.TB) {
	t.Helper()
	if devices, pens := r.open[0].Load(), r.open[1].Load(); devices != 0 || pens != 0 {
		t.Errorf("at the end %d devices and %d pens are open; want none", devices, pens)
	}
}

type riggedDevice struct {
	sdl.GPUDevice
	rig *rig
}

func (d riggedDevice) Info() gl.Info {
	i := d.GPUDevice.Info()
	if d.rig.info != nil {
		d.rig.info(&i)
	}
	return i
}

func (d riggedDevice) ProveDevice() error {
	if d.rig.prove != nil {
		return d.rig.prove()
	}
	return d.GPUDevice.ProveDevice()
}

func (d riggedDevice) NewPen() (sdl.Pen, error) {
	if err := d.rig.failing("pen"); err != nil {
		return nil, err
	}
	p, err := d.GPUDevice.NewPen()
	if err != nil {
		return nil, err
	}
	d.rig.open[1].Add(1)
	return &riggedPen{Pen: p, rig: d.rig}, nil
}

func (d riggedDevice) Close() error {
	d.rig.open[0].Add(-1)
	return d.GPUDevice.Close()
}

type riggedPen struct {
	sdl.Pen
	rig     *rig
	picture *media.Frame
}

func (p *riggedPen) BindWindow(window uintptr, w, h int) error {
	if err := p.rig.failing("bind"); err != nil {
		return err
	}
	return p.Pen.BindWindow(window, w, h)
}

func (p *riggedPen) Draw(s *gl.Scene) error {
	if err := p.rig.failing("draw"); err != nil {
		return err
	}
	p.picture = s.Picture
	if p.rig.fake == nil || s.Picture == nil || s.Picture.Format != media.DMABuf {
		return p.Pen.Draw(s)
	}
	own := *s
	own.Picture = p.rig.fake
	return p.Pen.Draw(&own)
}

func (p *riggedPen) Swap() (int, error) {
	if err := p.rig.failing("swap"); err != nil {
		return -1, err
	}
	fence, err := p.Pen.Swap()
	if err == nil {
		p.rig.swaps.Add(1)
		if p.rig.drawn != nil && p.picture != nil {
			p.rig.drawn(p.picture)
		}
	}
	return fence, err
}

func (p *riggedPen) Close() error {
	p.rig.open[1].Add(-1)
	return p.Pen.Close()
}

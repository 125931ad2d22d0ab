//go:build linux && cgo && !nonative

package kms

// #include <xf86drm.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/uevent"
)

// graphics is a real card with its GPU.
type graphics struct {
	*drmCard
	path   string
	gpu    *gl.Display
	caps   Capabilities
	closed sync.Once
}

// openDevice opens the card that cfg names, or the first that can be used,
// cards with a monitor first.
func openDevice(cfg *Config) (device, error) {
	paths := []string{cfg.Card}
	if cfg.Card == "" {
		var err error
		if paths, err = filepath.Glob("/dev/dri/card[0-9]*"); err != nil {
			return nil, fmt.Errorf("display: list cards: %w", err)
		}
		slices.Sort(paths)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("display: no graphics card: a node /dev/dri/card0 is needed, that is a kernel driver with mode setting: %w", errors.ErrUnsupported)
	}
	var found *graphics
	var refused []error
	for _, p := range paths {
		g, monitors, err := openGraphics(p)
		if err != nil {
			refused = append(refused, fmt.Errorf("display: open %s: %w", p, err))
			continue
		}
		if found != nil && !monitors {
			refused = append(refused, g.drmCard.close())
			continue
		}
		if found != nil {
			refused = append(refused, found.drmCard.close())
		}
		if found = g; monitors {
			break
		}
	}
	if found == nil {
		return nil, errors.Join(refused...)
	}
	if err := found.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("display: open %s: %w", found.path, err), found.Close())
	}
	return found, nil
}

// openGraphics opens a card's node and says whether it has a monitor.
func openGraphics(path string) (g *graphics, monitors bool, err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV):
		return nil, false, fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	case err != nil:
		return nil, false, err
	}
	c, err := openCard(fd)
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("%w: %w", err, errors.ErrUnsupported), unix.Close(fd))
	}
	monitors, err = c.usable()
	if err != nil {
		return nil, false, errors.Join(err, c.close())
	}
	return &graphics{drmCard: c, path: path}, monitors, nil
}

// usable wraps errors.ErrUnsupported for a card that cannot show anything.
func (c *drmCard) usable() (monitors bool, err error) {
	t, err := c.Topology()
	if err != nil {
		return false, fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	if len(t.CRTCs) == 0 || len(t.Connectors) == 0 {
		return false, fmt.Errorf("the card has no connectors: %w", errors.ErrUnsupported)
	}
	for _, id := range t.Connectors {
		n, err := c.Connector(id)
		if err != nil {
			return false, err
		}
		monitors = monitors || n.Connected
	}
	return monitors, nil
}

// begin takes the card over and starts its GPU.
func (g *graphics) begin() error {
	if err := g.TakeMaster(); err != nil {
		if denied(err) || errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("another program holds the display (DRM master): end it, or change to its console and log out, or run as root: %w", err)
		}
		return err
	}
	var err error
	if g.gpu, err = gl.OpenGBM(g.fd); err != nil {
		return err
	}
	g.caps = Capabilities{Card: g.path, Driver: g.driver(), GL: g.gpu.Info()}
	if err := g.prove(); err != nil {
		g.caps.Reason = err.Error()
	} else {
		g.caps.DMABuf = true
	}
	return nil
}

func (g *graphics) driver() string {
	v := C.drmGetVersion(C.int(g.fd))
	if v == nil {
		return ""
	}
	defer C.drmFreeVersion(v)
	return fmt.Sprintf("%s %d.%d.%d", C.GoString(v.name), v.version_major, v.version_minor, v.version_patchlevel)
}

func (g *graphics) NewCanvas() (canvas, error) { return newCanvas(g.drmCard, g.gpu) }

func (g *graphics) Capabilities() Capabilities { return g.caps }

// Close ends the GPU and gives the card back; the kernel takes away what is
// still shown.
func (g *graphics) Close() (err error) {
	g.closed.Do(func() {
		if g.gpu != nil {
			err = g.gpu.Close()
		}
		_ = g.DropMaster() // closing does it too, unless memory of the card is still mapped
		err = errors.Join(err, g.drmCard.close())
	})
	return err
}

// Size of the picture that proves the import. Its rows are longer than the
// picture, as decoders' are.
const (
	proofWidth  = 128
	proofHeight = 64
	proofPitch  = 256
)

// prove has a known picture drawn out of dma-bufs and the pixels compared. The
// memory comes from a descriptor of its own: importing on the one that exports
// would drop the handle that is in use.
func (g *graphics) prove() error {
	if !g.caps.GL.DMABufImport {
		return fmt.Errorf("EGL has no EGL_EXT_image_dma_buf_import: %w", errors.ErrUnsupported)
	}
	fd, err := unix.Open(g.path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s again: %w", g.path, err)
	}
	err = g.proveFrom(fd)
	return errors.Join(err, unix.Close(fd))
}

func (g *graphics) proveFrom(fd int) error {
	s, free, err := newProof(fd)
	if err != nil {
		return err
	}
	defer free()
	return g.proveSurface(s)
}

// newProof makes the picture in memory of the card and exports it, laid out as
// a decoder does: both planes in one dma-buf, its tiling not said.
func newProof(fd int) (s *media.Surface, free func(), err error) {
	d, err := newDumb(fd, proofPitch/4, proofHeight*3/2)
	if err != nil {
		return nil, nil, err
	}
	chroma := d.pitch * proofHeight
	gl.FillBars(d.pix, d.pix[chroma:], d.pitch, d.pitch, proofWidth, proofHeight)
	var out C.int
	if r, errno := C.drmPrimeHandleToFD(C.int(fd), C.uint32_t(d.handle), unix.O_CLOEXEC|unix.O_RDWR, &out); r != 0 {
		d.free()
		return nil, nil, failed("export dumb buffer", -1, errno)
	}
	s = &media.Surface{
		Pool:    ^uint64(0), // no decoder's
		Objects: []media.SurfaceObject{{FD: int(out), Size: len(d.pix), Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: d.pitch, Width: proofWidth, Height: proofHeight},
			{FourCC: media.FourCCGR88, Offset: chroma, Pitch: d.pitch, Width: proofWidth / 2, Height: proofHeight / 2},
		},
	}
	return s, func() {
		_ = unix.Close(int(out)) // nothing is written through it
		d.free()
	}, nil
}

// proveSurface draws on a thread of its own: a context belongs to one.
func (g *graphics) proveSurface(s *media.Surface) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r, err := g.gpu.NewRenderer()
		if err == nil {
			err = errors.Join(r.ProveImport(s), r.Close())
		}
		result <- err
	}()
	return <-result
}

// Hotplug hears the kernel's messages until stop is closed.
func (g *graphics) Hotplug(stop <-chan struct{}, changed func()) error {
	l, err := uevent.Listen()
	if err != nil {
		return err
	}
	device := deviceName(g.path)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	err = l.Run(ctx, func(e uevent.Event, lost bool) {
		if lost || concerns(e, device) { // any of those lost could have been ours
			changed()
		}
	})
	cancel()
	<-ended
	return errors.Join(err, l.Close())
}

// deviceName is the kernel's name of a node, which may be known by another as
// /dev/dri/by-path/pci-0000:00:01.0-card; "" where that cannot be found out.
func deviceName(path string) string {
	node, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(node, "/dev/")
}

// Console follows the virtual terminal that the program was started on.
func (g *graphics) Console(stop <-chan struct{}, leave, enter func()) error {
	return watchConsole(stop, leave, enter)
}

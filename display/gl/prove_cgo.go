//go:build linux && cgo && !nonative

package gl

// #include "stgl.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/media"
)

// Size of the picture that proves a device. Its rows are longer than the
// picture, as decoders' are.
const (
	proofWidth  = 128
	proofHeight = 64
	proofPixels = 64 // of 4 bytes, in a row
)

// ProveDevice has a known picture drawn out of memory of the display's own
// device and compares the pixels: nil means that what is decoded on this GPU
// arrives as it is. It fails with ErrImport where it does not, and wraps
// errors.ErrUnsupported where that cannot be tried: EGL does not say which device
// draws, or GBM gives no memory on it. It needs no rights but to the node.
func (d *Display) ProveDevice() error {
	switch {
	case d.c == nil:
		return fmt.Errorf("prove device: %w", errClosed)
	case !d.info.DMABufImport:
		return fmt.Errorf("prove device: %w: EGL_EXT_image_dma_buf_import is missing", ErrImport)
	case d.info.Device == "":
		return fmt.Errorf("prove device: EGL does not say which one it is: %w", errors.ErrUnsupported)
	}
	return d.proveNode(d.info.Device)
}

// proveNode proves the import of memory of a device.
func (d *Display) proveNode(node string) error {
	fd, err := unix.Open(node, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("prove device: open %s: %w: %w", node, err, errors.ErrUnsupported)
	}
	if err := errors.Join(d.proveMemory(fd), unix.Close(fd)); err != nil {
		return fmt.Errorf("prove device %s: %w", node, err)
	}
	return nil
}

func (d *Display) proveMemory(fd int) error {
	var m C.struct_stgl_memory
	var e C.struct_stgl_error
	if code := C.stgl_memory_new(C.int(fd), proofPixels, proofHeight*3/2, &m, &e); code != C.STGL_OK {
		return failure(code, &e)
	}
	defer C.stgl_memory_free(&m)
	rows, pitch := int(m.map_pitch), int(m.pitch)
	bytes := unsafe.Slice((*byte)(m.bytes), (proofHeight*3/2-1)*rows+4*proofPixels)
	FillBars(bytes, bytes[rows*proofHeight:], rows, rows, proofWidth, proofHeight)
	C.stgl_memory_written(&m)
	return d.proveApart(&media.Surface{
		Pool:    ^uint64(0), // no decoder's
		Objects: []media.SurfaceObject{{FD: int(m.fd), Size: int(m.size), Modifier: uint64(m.modifier)}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: pitch, Width: proofWidth, Height: proofHeight},
			{FourCC: media.FourCCGR88, Offset: pitch * proofHeight, Pitch: pitch, Width: proofWidth / 2, Height: proofHeight / 2},
		},
	})
}

// proveApart draws on a thread of its own: the caller's may have a context.
func (d *Display) proveApart(s *media.Surface) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r, err := d.NewRenderer()
		if err == nil {
			err = errors.Join(r.ProveImport(s), r.Close())
		}
		result <- err
	}()
	return <-result
}

//go:build linux && cgo && !nonative

package gl_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// The ioctls of drm.h and drm_mode.h that make memory that the CPU can write.
type (
	drmVersion struct {
		_, _, _    int32
		_          int32
		nameLen    uint64
		name       *byte
		_, _, _, _ uint64
	}
	createDumb struct {
		height, width, bpp, _ uint32
		handle, _             uint32
		size                  uint64
	}
	mapDumb struct {
		handle, _ uint32
		offset    uint64
	}
	primeHandle struct {
		handle, flags uint32
		fd            int32
	}
)

func drmIoctl[T any](fd int, number uintptr, arg *T) error {
	request := 3<<30 | unsafe.Sizeof(*arg)<<16 | 'd'<<8 | number
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
		return errno
	}
	return nil
}

// driverOf names the driver of a DRM device.
func driverOf(fd int) (string, error) {
	name := make([]byte, 32)
	v := drmVersion{nameLen: uint64(len(name)), name: &name[0]}
	if err := drmIoctl(fd, 0x00, &v); err != nil {
		return "", fmt.Errorf("version of DRM device: %w", err)
	}
	return string(name[:v.nameLen]), nil
}

// openCard opens the first card that scans out, that is, not vgem. Every call
// opens it anew: what is exported from a descriptor that imports it again is
// lost with the import.
func openCard(t testing.TB) int {
	t.Helper()
	cards, err := filepath.Glob("/dev/dri/card*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cards {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if name, err := driverOf(fd); err == nil && name != "vgem" {
			t.Cleanup(func() { unix.Close(fd) })
			return fd
		}
		unix.Close(fd)
	}
	missing(t, "dmabuf", fmt.Errorf("DRM card: none of %d in /dev/dri can be used: %w", len(cards), errors.ErrUnsupported))
	return -1
}

// gbm opens EGL on a card and returns it with another descriptor of the card
// for memory. It is only for devices whose driver is offered an import.
func gbm(t testing.TB) (d *gl.Display, allocator int) {
	t.Helper()
	d, err := gl.OpenGBM(openCard(t))
	missing(t, "dmabuf", err)
	t.Cleanup(func() { closing(t, d) })
	if !d.Info().DMABufImport {
		missing(t, "dmabuf", fmt.Errorf("%s imports no dma-bufs: %w", d.Info().Renderer, errors.ErrUnsupported))
	}
	return d, openCard(t)
}

// memory is a dma-buf that the CPU writes.
type memory struct {
	fd   int
	data []byte
}

// allocate makes memory of at least size bytes. Cards make only pictures of 32
// bits a pixel, so it is one of 1024 pixels in a row.
func allocate(t testing.TB, card, size int) memory {
	t.Helper()
	create := createDumb{width: 1024, height: uint32(size+4095) / 4096, bpp: 32}
	if err := drmIoctl(card, 0xb2, &create); err != nil {
		t.Fatalf("create dumb buffer of %d bytes: %v", size, err)
	}
	prime := primeHandle{handle: create.handle, flags: unix.O_CLOEXEC | unix.O_RDWR}
	place := mapDumb{handle: create.handle}
	if err := errors.Join(drmIoctl(card, 0x2d, &prime), drmIoctl(card, 0xb3, &place)); err != nil {
		t.Fatalf("export and map dumb buffer: %v", err)
	}
	data, err := unix.Mmap(card, int64(place.offset), int(create.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatalf("map dumb buffer: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(unix.Munmap(data), unix.Close(int(prime.fd)), drmIoctl(card, 0xb4, &create.handle)); err != nil {
			t.Errorf("free dumb buffer: %v", err)
		}
	})
	return memory{fd: int(prime.fd), data: data}
}

// nv12 lays a picture out as a decoder does: luma and chroma one after the
// other in one object, rows of 256 bytes' multiples, rounded up to blocks.
func nv12(t testing.TB, card int, pool uint64, id uint32, width, height int) (*media.Surface, memory) {
	t.Helper()
	w, h := (width+15)&^15, (height+15)&^15
	pitch := (w + 255) &^ 255
	m := allocate(t, card, pitch*h*3/2)
	return &media.Surface{
		Pool: pool, ID: id,
		Objects: []media.SurfaceObject{{FD: m.fd, Size: len(m.data), Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: pitch, Width: w, Height: h},
			{FourCC: media.FourCCGR88, Offset: pitch * h, Pitch: pitch, Width: w / 2, Height: h / 2},
		},
	}, m
}

// fill writes the bars over all of a surface.
func fillBars(s *media.Surface, m memory) {
	l, c := s.Planes[0], s.Planes[1]
	gl.FillBars(m.data[l.Offset:], m.data[c.Offset:], l.Pitch, c.Pitch, l.Width, l.Height)
}

// copyInto writes an NV12 picture to the place of its surface that crop begins at.
func copyInto(s *media.Surface, m memory, f *media.Frame, x, y int) {
	l, c := s.Planes[0], s.Planes[1]
	for line := range f.Height {
		copy(m.data[l.Offset+(y+line)*l.Pitch+x:], f.Planes[0][line*f.Stride[0]:][:f.Width])
	}
	for line := range (f.Height + 1) / 2 {
		copy(m.data[c.Offset+(y/2+line)*c.Pitch+x:], f.Planes[1][line*f.Stride[1]:][:2*((f.Width+1)/2)])
	}
}

// openFiles counts this process's descriptors.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

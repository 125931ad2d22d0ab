//go:build linux && cgo && !nonative

package kms

// #cgo pkg-config: libdrm
// #cgo CFLAGS: -Wall
// #include <xf86drm.h>
// #include <xf86drmMode.h>
// #include <drm_fourcc.h>
// #include "kms.h"
import "C"

import (
	"errors"
	"fmt"
	"image"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// drmCard is a card of the kernel, through libdrm.
type drmCard struct {
	fd     int // also GBM's: GEM handles belong to a descriptor
	wake   int // eventfd that ends ReadFlips
	clock  monotonic
	buffer []byte // of ReadFlips
	pulse  []unix.PollFd
}

// failed turns the result of a libdrm call into an error, nil for success.
// Most return a negative errno, some -1 with errno.
func failed(what string, r C.int, errno error) error {
	if r >= 0 {
		return nil
	}
	if r != -1 || errno == nil {
		errno = syscall.Errno(-r)
	}
	return fmt.Errorf("%s: %w", what, errno)
}

func openCard(fd int) (*drmCard, error) {
	if r := C.st_kms_open_caps(C.int(fd)); r != 0 {
		return nil, fmt.Errorf("atomic mode setting: %w", syscall.Errno(-r))
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	clock, err := readClock()
	if err != nil {
		return nil, errors.Join(err, unix.Close(wake))
	}
	return &drmCard{
		fd: fd, wake: wake, clock: clock, buffer: make([]byte, eventBuffer),
		pulse: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}},
	}, nil
}

// readClock reads both clocks as close together as it can.
func readClock() (best monotonic, err error) {
	least := time.Hour
	for range 16 {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return best, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
		}
		if took := time.Since(before); took < least {
			least, best = took, monotonic{at: before.Add(took / 2), ns: ts.Nano()}
		}
	}
	return best, nil
}

func (c *drmCard) close() error { return errors.Join(unix.Close(c.wake), unix.Close(c.fd)) }

func (c *drmCard) Topology() (t topology, err error) {
	res, errno := C.drmModeGetResources(C.int(c.fd))
	if res == nil {
		return t, fmt.Errorf("read resources: %w", errno)
	}
	defer C.drmModeFreeResources(res)
	t.CRTCs = ids(res.crtcs, int(res.count_crtcs))
	t.Connectors = ids(res.connectors, int(res.count_connectors))
	planes, errno := C.drmModeGetPlaneResources(C.int(c.fd))
	if planes == nil {
		return t, fmt.Errorf("read planes: %w", errno)
	}
	defer C.drmModeFreePlaneResources(planes)
	for _, id := range ids(planes.planes, int(planes.count_planes)) {
		p, err := c.plane(id)
		if err != nil {
			return t, err
		}
		t.Planes = append(t.Planes, p)
	}
	return t, nil
}

// ids copies n numbers of C.
func ids(p *C.uint32_t, n int) []uint32 {
	out := make([]uint32, n)
	for i, id := range unsafe.Slice(p, n) {
		out[i] = uint32(id)
	}
	return out
}

func (c *drmCard) plane(id uint32) (plane, error) {
	p, errno := C.drmModeGetPlane(C.int(c.fd), C.uint32_t(id))
	if p == nil {
		return plane{}, fmt.Errorf("read plane %d: %w", id, errno)
	}
	defer C.drmModeFreePlane(p)
	o, err := readObject(c, kindPlane, id)
	if err != nil {
		return plane{}, err
	}
	return plane{ID: id, CRTCs: uint32(p.possible_crtcs), Type: o.value("type")}, nil
}

func (c *drmCard) Connector(id uint32) (connector, error) {
	p, errno := C.drmModeGetConnector(C.int(c.fd), C.uint32_t(id))
	if p == nil {
		return connector{}, fmt.Errorf("read connector %d: %w", id, errno)
	}
	defer C.drmModeFreeConnector(p)
	out := connector{
		ID: id, Kind: uint32(p.connector_type), Connected: p.connection == C.DRM_MODE_CONNECTED,
		WidthMM: int(p.mmWidth), HeightMM: int(p.mmHeight),
	}
	kind := "Unknown"
	if name := C.drmModeGetConnectorTypeName(p.connector_type); name != nil {
		kind = C.GoString(name)
	}
	out.Name = fmt.Sprintf("%s-%d", kind, p.connector_type_id)
	for i := range unsafe.Slice(p.modes, int(p.count_modes)) {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(&unsafe.Slice(p.modes, int(p.count_modes))[i])), modeInfoSize)
		m, err := decodeMode(raw)
		if err != nil {
			return connector{}, fmt.Errorf("connector %s: %w", out.Name, err)
		}
		out.Modes = append(out.Modes, m)
	}
	for _, e := range ids(p.encoders, int(p.count_encoders)) {
		if err := c.encoder(e, uint32(p.encoder_id), &out); err != nil {
			return connector{}, err
		}
	}
	return out, nil
}

// encoder adds which CRTCs an encoder works with, and that of the present one.
func (c *drmCard) encoder(id, now uint32, out *connector) error {
	e, errno := C.drmModeGetEncoder(C.int(c.fd), C.uint32_t(id))
	if e == nil {
		return fmt.Errorf("read encoder %d: %w", id, errno)
	}
	defer C.drmModeFreeEncoder(e)
	out.CRTCs |= uint32(e.possible_crtcs)
	if id == now {
		out.CRTC = uint32(e.crtc_id)
	}
	return nil
}

func (c *drmCard) Properties(kind objectKind, id uint32) ([]property, error) {
	list, errno := C.drmModeObjectGetProperties(C.int(c.fd), C.uint32_t(id), C.uint32_t(kind))
	if list == nil {
		return nil, errno
	}
	defer C.drmModeFreeObjectProperties(list)
	n := int(list.count_props)
	numbers, values := unsafe.Slice(list.props, n), unsafe.Slice(list.prop_values, n)
	out := make([]property, 0, n)
	for i := range n {
		p, errno := C.drmModeGetProperty(C.int(c.fd), numbers[i])
		if p == nil {
			return nil, fmt.Errorf("property %d: %w", numbers[i], errno)
		}
		q := property{ID: uint32(numbers[i]), Name: C.GoString(&p.name[0]), Flags: uint32(p.flags), Value: uint64(values[i])}
		if q.Flags&propRange != 0 && p.count_values == 2 {
			limits := unsafe.Slice(p.values, 2)
			q.Min, q.Max = uint64(limits[0]), uint64(limits[1])
		}
		C.drmModeFreeProperty(p)
		out = append(out, q)
	}
	return out, nil
}

func (c *drmCard) Blob(id uint32) ([]byte, error) {
	b, errno := C.drmModeGetPropertyBlob(C.int(c.fd), C.uint32_t(id))
	if b == nil {
		return nil, fmt.Errorf("read blob %d: %w", id, errno)
	}
	defer C.drmModeFreePropertyBlob(b)
	return C.GoBytes(b.data, C.int(b.length)), nil
}

func (c *drmCard) CreateBlob(data []byte) (uint32, error) {
	if len(data) == 0 {
		return 0, fmt.Errorf("create blob of nothing: %w", syscall.EINVAL)
	}
	var id C.uint32_t
	r, errno := C.drmModeCreatePropertyBlob(C.int(c.fd), unsafe.Pointer(&data[0]), C.size_t(len(data)), &id)
	return uint32(id), failed("create blob", r, errno)
}

func (c *drmCard) DestroyBlob(id uint32) error {
	r, errno := C.drmModeDestroyPropertyBlob(C.int(c.fd), C.uint32_t(id))
	return failed("destroy blob", r, errno)
}

// Commit returns a bare errno, so that the busy kernel costs no allocation.
func (c *drmCard) Commit(r *request, flags uint32) error {
	n := len(r.objects)
	if n == 0 {
		return syscall.EINVAL
	}
	rc := C.st_kms_commit(C.int(c.fd), C.int(n), (*C.uint32_t)(&r.objects[0]), (*C.uint32_t)(&r.properties[0]),
		(*C.uint64_t)(&r.values[0]), C.uint32_t(flags))
	if rc < 0 {
		return syscall.Errno(-rc)
	}
	return nil
}

// ReadFlips belongs to one goroutine.
func (c *drmCard) ReadFlips(into []flip) (int, error) {
	for {
		_, err := unix.Poll(c.pulse, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("poll card: %w", err)
		}
		if c.pulse[1].Revents != 0 {
			return 0, nil
		}
		if c.pulse[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			return 0, fmt.Errorf("poll card: %w", unix.ENODEV)
		}
		// The kernel returns whole events only: no more than there is room for.
		size := min(len(c.buffer), len(into)*eventSize)
		n, err := unix.Read(c.fd, c.buffer[:size])
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read card: %w", err)
		}
		if k := parseFlips(c.buffer[:n], c.clock, into); k > 0 {
			return k, nil
		}
	}
}

// Interrupt ends ReadFlips, now and later.
func (c *drmCard) Interrupt() { wakeUp(c.wake) }

// wakeUp makes an eventfd readable for good.
func wakeUp(fd int) {
	one := [8]byte{1}
	_, _ = unix.Write(fd, one[:]) // fails only when it is readable already
}

func (c *drmCard) FenceTime(fence int) (at time.Time, ok bool) {
	ns := int64(C.st_kms_fence_time(C.int(fence)))
	if ns <= 0 {
		return time.Time{}, false
	}
	return c.clock.at.Add(time.Duration(ns - c.clock.ns)), true
}

func (c *drmCard) CursorSize() image.Point {
	var w, h C.uint64_t
	if C.drmGetCap(C.int(c.fd), C.DRM_CAP_CURSOR_WIDTH, &w) != 0 || C.drmGetCap(C.int(c.fd), C.DRM_CAP_CURSOR_HEIGHT, &h) != 0 {
		return image.Pt(64, 64) // drm.h: what every plane takes
	}
	return image.Pt(int(w), int(h))
}

func (c *drmCard) NewImage(size image.Point) (*planeImage, error) {
	d, err := newDumb(c.fd, size.X, size.Y)
	if err != nil {
		return nil, err
	}
	fb, err := c.addFB(size, C.DRM_FORMAT_ARGB8888, d.handle, d.pitch, 0)
	if err != nil {
		d.free()
		return nil, err
	}
	return &planeImage{
		FB: fb, Pix: d.pix, Stride: d.pitch,
		free: func() {
			c.removeFB(fb)
			d.free()
		},
	}, nil
}

// dumb is linear memory of a card, mapped. The card stays open as long.
type dumb struct {
	fd     int
	c      C.struct_st_kms_dumb
	handle uint32
	pitch  int // bytes
	pix    []byte
}

// newDumb makes memory of 32 bits a pixel.
func newDumb(fd, width, height int) (*dumb, error) {
	d := &dumb{fd: fd}
	if r := C.st_kms_dumb_new(C.int(fd), C.uint32_t(width), C.uint32_t(height), &d.c); r != 0 {
		return nil, fmt.Errorf("make dumb buffer of %dx%d: %w", width, height, syscall.Errno(-r))
	}
	d.handle, d.pitch = uint32(d.c.handle), int(d.c.pitch)
	d.pix = unsafe.Slice((*byte)(d.c.memory), int(d.c.size))
	return d, nil
}

func (d *dumb) free() {
	C.st_kms_dumb_free(C.int(d.fd), &d.c)
	d.pix = nil
}

func (c *drmCard) addFB(size image.Point, format, handle uint32, pitch, offset int) (uint32, error) {
	var id C.uint32_t
	r, errno := C.st_kms_add_fb(C.int(c.fd), C.uint32_t(size.X), C.uint32_t(size.Y), C.uint32_t(format),
		C.uint32_t(handle), C.uint32_t(pitch), C.uint32_t(offset), &id)
	return uint32(id), failed("add frame buffer", r, errno)
}

// removeFB turns off whatever still scans it out.
func (c *drmCard) removeFB(id uint32) { C.drmModeRmFB(C.int(c.fd), C.uint32_t(id)) }

func (c *drmCard) TakeMaster() error {
	if C.drmIsMaster(C.int(c.fd)) != 0 {
		return nil
	}
	r, errno := C.drmSetMaster(C.int(c.fd))
	return failed("become DRM master", r, errno)
}

func (c *drmCard) DropMaster() error {
	r, errno := C.drmDropMaster(C.int(c.fd))
	return failed("give DRM master up", r, errno)
}

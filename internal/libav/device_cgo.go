//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/blade-shadow/terminal/internal/media"
)

// Device is a VA-API driver on a DRM render node. Any goroutine may use it and
// several decoders may share it. Decoders and frames keep the driver running
// after Close, until the last of them is gone.
type Device struct {
	path, driver string
	h264, hevc   DeviceProfiles

	mu  sync.Mutex     // guards ref
	ref *C.AVBufferRef // nil after Close
}

// OpenDevice starts the VA-API driver of a render node; "" takes the first one
// whose driver starts. What is missing wraps [errors.ErrUnsupported], a driver
// that refuses to start ErrHardware. The caller closes the device.
func OpenDevice(path string) (*Device, error) {
	if path != "" {
		return openDevice(path)
	}
	nodes := Devices()
	if len(nodes) == 0 {
		return nil, fmt.Errorf("open VA-API device: no DRM render node (/dev/dri/renderD*): %w", errors.ErrUnsupported)
	}
	var errs []error
	for _, node := range nodes {
		d, err := openDevice(node)
		if err == nil {
			return d, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func openDevice(path string) (*Device, error) {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nodeError(&os.PathError{Op: "open VA-API device", Path: path, Err: err})
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	d := &Device{path: path}
	var status C.int
	if rc := C.st_dev_open(&d.ref, C.int(fd), &status); rc < 0 {
		return nil, fmt.Errorf("open VA-API device %s: %w", path, driverError(rc, status))
	}
	d.driver = C.GoString(C.vaQueryVendorString(C.st_dev_display(d.ref)))
	d.query()
	return d, nil
}

// nodeError adds that a node which is not there is missing hardware.
func nodeError(err error) error {
	for _, gone := range []error{syscall.ENOENT, syscall.ENXIO, syscall.ENODEV} {
		if errors.Is(err, gone) {
			return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
		}
	}
	return err
}

// driverError says why there is no display. libva has one code for a driver
// that is not installed and for its own confusion.
func driverError(rc, status C.int) error {
	said := C.GoString(C.st_log_last())
	if said != "" {
		said = " (" + said + ")"
	}
	switch {
	case rc == -C.ENODEV:
		return fmt.Errorf("not a DRM device: %w", errors.ErrUnsupported)
	case rc == -C.ENOSYS:
		return fmt.Errorf("this build of FFmpeg has no VA-API: %w", errors.ErrUnsupported)
	case rc != C.AVERROR_EXTERNAL:
		return fmt.Errorf("%w: %w", ErrHardware, avError("make device", rc))
	case C.uint(status) == C.VA_STATUS_ERROR_UNKNOWN:
		return fmt.Errorf("no VA-API driver for it is installed%s: %w", said, errors.ErrUnsupported)
	}
	return fmt.Errorf("%w: start driver: %s%s", ErrHardware, C.GoString(C.vaErrorStr(status)), said)
}

func (d *Device) query() {
	d.h264.ConstrainedBaseline = d.decodes(C.VAProfileH264ConstrainedBaseline, &d.h264)
	d.h264.Main = d.decodes(C.VAProfileH264Main, &d.h264)
	d.h264.High = d.decodes(C.VAProfileH264High, &d.h264)
	d.hevc.Main = d.decodes(C.VAProfileHEVCMain, &d.hevc)
}

// decodes also lowers the limits of p to those of the profile.
func (d *Device) decodes(profile C.VAProfile, p *DeviceProfiles) bool {
	w, h := C.int(p.MaxWidth), C.int(p.MaxHeight)
	ok := bool(C.st_dev_decodes(d.ref, profile, &w, &h))
	p.MaxWidth, p.MaxHeight = int(w), int(h)
	return ok
}

// Path is the render node.
func (d *Device) Path() string { return d.path }

// Driver is what the driver calls itself, with its version.
func (d *Device) Driver() string { return d.driver }

// Profiles is what the driver says that it decodes of a codec.
func (d *Device) Profiles(c media.Codec) DeviceProfiles {
	switch c {
	case media.CodecH264:
		return d.h264
	case media.CodecHEVC:
		return d.hevc
	}
	return DeviceProfiles{}
}

// lend returns a reference for the caller to give back, nil after Close.
func (d *Device) lend() *C.AVBufferRef {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ref == nil {
		return nil
	}
	return C.av_buffer_ref(d.ref)
}

// Close gives the device up. It may be called more than once.
func (d *Device) Close() error {
	d.mu.Lock()
	ref := d.ref
	d.ref = nil
	d.mu.Unlock()
	C.av_buffer_unref(&ref)
	return nil
}

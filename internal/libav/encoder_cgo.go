//go:build linux && cgo && !nonative

package libav

// #include "av.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/media"
)

// Encoder encodes one screen: one access unit out for each picture in, no
// reordering, keyframes only when asked for.
type Encoder struct {
	// Constant after NewEncoder.
	cfg     EncoderConfig
	name    string
	skipped error
	want    atomic.Int64 // bit rate asked for, in b/s
	// Owned by the goroutine that encodes.
	e        *C.st_enc
	have     int // bit rate in force, as SetBitrate had it
	forceKey bool
	trim     rateTrim
}

// NewEncoder opens the first encoder that really encodes a picture. The caller
// closes it.
func NewEncoder(cfg EncoderConfig) (*Encoder, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("open encoder: %w", err)
	}
	var errs []error
	for _, name := range cfg.candidates() {
		e, err := openEncoder(name, cfg)
		if err == nil {
			e.skipped = errors.Join(errs...)
			return e, nil
		}
		errs = append(errs, fmt.Errorf("open encoder %s: %w", name, err))
	}
	return nil, errors.Join(errs...)
}

// openEncoder opens one encoder by name and proves it with a picture.
func openEncoder(name string, cfg EncoderConfig) (*Encoder, error) {
	if cfg.IntraRefresh {
		if err := refreshes(name); err != nil {
			return nil, err
		}
	}
	e := &Encoder{cfg: cfg, name: name, trim: newRateTrim(cfg.FPS)}
	e.want.Store(int64(cfg.BitrateBps))
	if err := e.open(cfg.BitrateBps); err != nil {
		return nil, err
	}
	if err := e.prove(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// device returns the render node for VA-API, or why there is none.
func (e *Encoder) device() (string, error) {
	if !strings.HasSuffix(e.name, "_vaapi") {
		return "", nil
	}
	if e.cfg.Device != "" {
		return e.cfg.Device, nil
	}
	nodes := Devices()
	if len(nodes) == 0 {
		return "", fmt.Errorf("no DRM render node (/dev/dri/renderD*): %w", os.ErrNotExist)
	}
	return nodes[0], nil
}

func (e *Encoder) open(bps int) error {
	device, err := e.device()
	if err != nil {
		return err
	}
	name, dev := C.CString(e.name), C.CString(device)
	opts := C.CString(encoderOptions(e.name, e.cfg, bps))
	defer func() {
		C.free(unsafe.Pointer(name))
		C.free(unsafe.Pointer(dev))
		C.free(unsafe.Pointer(opts))
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	if id, err := codecID(e.cfg.Codec); err != nil || !bool(C.st_enc_makes(name, id)) {
		return fmt.Errorf("it does not encode %v", e.cfg.Codec)
	}
	rc := C.st_enc_open(&e.e, name, dev, C.int(e.cfg.Width), C.int(e.cfg.Height), C.int(e.cfg.FPS), opts)
	if rc < 0 {
		return openError("open codec", rc)
	}
	e.have, e.forceKey = bps, true
	return nil
}

// prove encodes a black picture and wants a keyframe for it at once. The
// picture is thrown away, so the next one has to be a keyframe again.
func (e *Encoder) prove() error {
	f := media.AllocFrame(media.I420, e.cfg.Width, e.cfg.Height)
	fill(f.Planes[0], 16)
	fill(f.Planes[1], 128)
	fill(f.Planes[2], 128)
	out, key, err := e.Encode(nil, f, true)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if len(out) == 0 || !key {
		return errors.New("probe: a forced keyframe did not come out as one")
	}
	e.forceKey = true
	return nil
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// Name is libavcodec's name of the encoder.
func (e *Encoder) Name() string { return e.name }

// Skipped says why the encoders that come before this one were not taken, or
// is nil.
func (e *Encoder) Skipped() error { return e.skipped }

// Reconfigures says whether SetBitrate takes effect without a keyframe.
func (e *Encoder) Reconfigures() bool { return reconfigures(e.name) }

// trims: hardware keeps its mean by itself.
func (e *Encoder) trims() bool { return e.name == "libx264" }

// SetBitrate changes the mean rate from the next picture on; with encoders
// that cannot ([Encoder.Reconfigures]) that picture is a keyframe. Any
// goroutine.
func (e *Encoder) SetBitrate(bps int) error {
	if err := checkBitrate(bps); err != nil {
		return fmt.Errorf("set bit rate: %w", err)
	}
	e.want.Store(int64(bps))
	return nil
}

// applyBitrate brings a changed bit rate into force.
func (e *Encoder) applyBitrate() error {
	bps := int(e.want.Load())
	if bps == e.have {
		return nil
	}
	e.trim.restart()
	if e.Reconfigures() {
		e.have = bps
		e.reconfigure()
		return nil
	}
	C.st_enc_free(e.e)
	e.e = nil
	return e.open(bps)
}

// reconfigure tells the encoder its rate, trimmed.
func (e *Encoder) reconfigure() {
	bps := int(float64(e.have) * e.trim.factor)
	C.st_enc_bitrate(e.e, C.int64_t(bps), C.int(bufferBits(bps, e.cfg.FPS)))
}

// Encode appends the access unit of src (Annex B, parameter sets in front of
// every keyframe) to dst. src is I420 of the configured size and is not kept.
// One goroutine.
func (e *Encoder) Encode(dst []byte, src *media.Frame, keyframe bool) (out []byte, isKey bool, err error) {
	if e.e == nil {
		return dst, false, errClosed
	}
	if err := e.check(src); err != nil {
		return dst, false, err
	}
	if err := e.applyBitrate(); err != nil {
		return dst, false, fmt.Errorf("encode: reopen: %w", err)
	}
	return e.encode(dst, src, keyframe || e.forceKey)
}

func (e *Encoder) encode(dst []byte, src *media.Frame, keyframe bool) ([]byte, bool, error) {
	var key C.int
	if keyframe {
		key = 1
	}
	rc := C.st_enc_encode(e.e, plane(src, 0), plane(src, 1), plane(src, 2),
		C.int(src.Stride[0]), C.int(src.Stride[1]), C.int(src.Stride[2]), key)
	if rc < 0 {
		err := avError("encode", rc)
		if errors.Is(err, ErrAgain) {
			err = fmt.Errorf("encode: %s withheld the picture", e.name)
		}
		return dst, false, err
	}
	e.forceKey = false
	pkt := e.e.pkt
	if e.trims() && e.trim.add(8*int(pkt.size), e.have) {
		e.reconfigure()
	}
	data := unsafe.Slice((*byte)(unsafe.Pointer(pkt.data)), int(pkt.size))
	if e.name == "libx265" {
		data = cutFiller(data)
	}
	// Where a round of intra refresh begins is no keyframe: nothing but a
	// decoder that waits for the round's end can start there.
	isKey := pkt.flags&C.AV_PKT_FLAG_KEY != 0 && (keyframe || !e.cfg.IntraRefresh)
	return append(dst, data...), isKey, nil
}

func (e *Encoder) check(src *media.Frame) error {
	if src.Format != media.I420 || src.Width != e.cfg.Width || src.Height != e.cfg.Height {
		return fmt.Errorf("encode: picture is %v %dx%d, want I420 %dx%d",
			src.Format, src.Width, src.Height, e.cfg.Width, e.cfg.Height)
	}
	if err := checkPlanes(src); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return nil
}

// Close frees the encoder. It may be called more than once.
func (e *Encoder) Close() error {
	C.st_enc_free(e.e)
	e.e = nil
	return nil
}

// plane is the C view of one plane, nil where the layout has none.
func plane(f *media.Frame, i int) *C.uint8_t {
	if len(f.Planes[i]) == 0 {
		return nil
	}
	return (*C.uint8_t)(unsafe.Pointer(&f.Planes[i][0]))
}

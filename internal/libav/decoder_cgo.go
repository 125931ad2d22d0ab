//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/media"
)

// Decoder decodes one stream with low delay, one picture out for each access
// unit in, never frame threads: in software, or on a [Device].
type Decoder struct {
	d        *C.st_dec
	codec    media.Codec
	mode     C.int
	pool     *framePool
	surfaces *surfacePool // of the last picture in hardware, nil before
	sides    sides
}

// NewDecoder opens a decoder. The caller closes it.
func NewDecoder(cfg DecoderConfig) (*Decoder, error) {
	id, err := codecID(cfg.Codec)
	if err != nil {
		return nil, fmt.Errorf("open decoder: %w", err)
	}
	c := C.st_dec_cfg{id: id, mode: C.ST_SOFTWARE, threads: C.int(cfg.Threads), budget: pictureBudget}
	if cfg.Threads <= 0 {
		c.threads = C.int(min(4, runtime.NumCPU()))
	}
	if cfg.Device != nil {
		if err := setDevice(&c, cfg); err != nil {
			return nil, fmt.Errorf("open %v decoder on %s: %w", cfg.Codec, cfg.Device.Path(), err)
		}
		defer C.av_buffer_unref(&c.device)
	}
	d := &Decoder{codec: cfg.Codec, mode: c.mode}
	if err := d.open(&c); err != nil {
		return nil, err
	}
	return d, nil
}

// setDevice borrows the device; the caller gives it back.
func setDevice(c *C.st_dec_cfg, cfg DecoderConfig) error {
	p := cfg.Device.Profiles(cfg.Codec)
	if !p.Any() {
		return fmt.Errorf("%s: %w", cfg.Device.Driver(), ErrNoProfile)
	}
	c.mode, c.frames = C.ST_DOWNLOAD, 1
	if cfg.Export {
		c.mode, c.frames = C.ST_SURFACES, surfaceFrames
	}
	c.can = cbool(p.ConstrainedBaseline)*C.ST_CAN_BASELINE | cbool(p.Main)*C.ST_CAN_MAIN | cbool(p.High)*C.ST_CAN_HIGH
	c.max_width, c.max_height = C.int(p.MaxWidth), C.int(p.MaxHeight)
	if c.device = cfg.Device.lend(); c.device == nil {
		return errClosed
	}
	return nil
}

func (d *Decoder) open(c *C.st_dec_cfg) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	if rc := C.st_dec_open(&d.d, c); rc < 0 {
		return openError(fmt.Sprintf("open %v decoder", d.codec), rc)
	}
	frames := poolFrames
	if d.mode == C.ST_SURFACES {
		frames = surfaceFrames
	}
	var err error
	if d.pool, err = newFramePool(frames); err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

// Name says what decodes: "software", "vaapi" where pictures stay in hardware,
// "vaapi-copy" where they are copied to memory.
func (d *Decoder) Name() string {
	switch d.mode {
	case C.ST_SURFACES:
		return "vaapi"
	case C.ST_DOWNLOAD:
		return "vaapi-copy"
	}
	return "software"
}

// Send gives one access unit to the decoder, which copies it: au stays the
// caller's. It returns ErrAgain when pictures have to be received first and
// wraps ErrInvalidData when the bitstream is damaged, ErrHardware when the
// driver failed, ErrNoProfile when the device does not decode such streams.
func (d *Decoder) Send(au *media.AccessUnit) error {
	if d.d == nil {
		return errClosed
	}
	if len(au.Data) == 0 { // libavcodec would take it for the end
		return fmt.Errorf("decode: empty access unit: %w", ErrInvalidData)
	}
	pts := d.sides.put(au)
	rc := C.st_dec_send(d.d, (*C.uint8_t)(unsafe.Pointer(&au.Data[0])), C.int(len(au.Data)), C.int64_t(pts))
	if rc < 0 {
		return d.failure(rc)
	}
	return nil
}

// failure turns a negative result into an error that says whose fault it is.
func (d *Decoder) failure(rc C.int) error {
	if rc == -C.EAGAIN {
		return ErrAgain
	}
	switch C.st_dec_why(d.d, rc) {
	case C.ST_WHY_PROFILE:
		return fmt.Errorf("decode: %w (%s)", ErrNoProfile, d.said())
	case C.ST_WHY_DRIVER:
		return fmt.Errorf("decode: %w: %s", ErrHardware, d.said())
	case C.ST_WHY_MEMORY:
		return fmt.Errorf("decode: the stream keeps more than %d MiB of pictures: %w", pictureBudget>>20, ErrInvalidData)
	}
	return avError("decode", rc)
}

func (d *Decoder) said() string { return C.GoString(&d.d.said[0]) }

// Receive returns the next picture, with the side fields of the access unit it
// came from, or ErrAgain. The frame is the caller's until it is released and
// outlives the decoder and its device. A picture in hardware is complete: the
// hardware was waited for. The errors are those of Send, and ErrExport.
func (d *Decoder) Receive() (*media.Frame, error) {
	if d.d == nil {
		return nil, errClosed
	}
	s := d.pool.take()
	if s == nil {
		return nil, fmt.Errorf("decode: %w", ErrFramesHeld)
	}
	f, err := d.receive(s)
	if err != nil {
		s.clear()
		d.pool.untake(s)
		return nil, err
	}
	d.sides.apply(int64(s.pic.pts), f)
	return f, nil
}

func (d *Decoder) receive(s *slot) (*media.Frame, error) {
	if rc := C.st_dec_receive(d.d, s.pic); rc < 0 {
		return nil, d.receiveError(s, rc)
	}
	if d.mode != C.ST_SURFACES {
		return d.pool.hand(s), nil
	}
	if err := d.follow(s.pic.f); err != nil {
		return nil, err
	}
	where, err := d.surfaces.exports.surface(uint32(s.pic.surface))
	if err != nil {
		return nil, err
	}
	return d.pool.handSurface(s, d.surfaces, where), nil
}

// follow changes to the pool of f, which is another one after the size of the
// pictures changed.
func (d *Decoder) follow(f *C.AVFrame) error {
	if d.surfaces.has(f) {
		return nil
	}
	p, err := newSurfacePool(f)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	d.surfaces.release()
	d.surfaces = p
	return nil
}

func (d *Decoder) receiveError(s *slot, rc C.int) error {
	if d.mode == C.ST_SOFTWARE && rc == -C.ENOSYS && s.pic.f.width > 0 {
		return fmt.Errorf("decode: pixel format %s (want 8-bit 4:2:0): %w",
			C.GoString(C.st_pic_format(s.pic)), errors.ErrUnsupported)
	}
	return d.failure(rc)
}

// Flush forgets every picture and reference: the next access unit has to be a
// keyframe.
func (d *Decoder) Flush() {
	if d.d != nil {
		C.avcodec_flush_buffers(d.d.c)
	}
}

// Outstanding is how many frames are not released yet. Any goroutine.
func (d *Decoder) Outstanding() int { return d.pool.outstanding() }

// Held is how many bytes of pictures a decoder in software has out: kept to be
// referred to, and those of frames that are not released.
func (d *Decoder) Held() int64 {
	if d.d == nil {
		return 0
	}
	return int64(C.st_budget_out(d.d.budget))
}

// Close frees the decoder; frames that are out stay valid until released. It
// may be called more than once.
func (d *Decoder) Close() error {
	C.st_dec_free(d.d)
	d.d = nil
	d.surfaces.release()
	d.surfaces = nil
	if d.pool != nil {
		d.pool.close()
	}
	return nil
}

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

// Decoder decodes one stream in software: low delay, one picture out for each
// access unit in, never frame threads.
type Decoder struct {
	c     *C.AVCodecContext
	pkt   *C.AVPacket
	pool  *framePool
	sides sides
}

// NewDecoder opens a decoder. The caller closes it.
func NewDecoder(cfg DecoderConfig) (*Decoder, error) {
	id, err := codecID(cfg.Codec)
	if err != nil {
		return nil, fmt.Errorf("open decoder: %w", err)
	}
	threads := cfg.Threads
	if threads <= 0 {
		threads = min(4, runtime.NumCPU())
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	d := &Decoder{}
	if rc := C.st_dec_open(&d.c, id, C.int(threads)); rc < 0 {
		return nil, openError(fmt.Sprintf("open %v decoder", cfg.Codec), rc)
	}
	if d.pool, err = newFramePool(poolFrames); err != nil {
		d.Close()
		return nil, err
	}
	if d.pkt = C.av_packet_alloc(); d.pkt == nil {
		d.Close()
		return nil, errors.New("allocate packet: out of memory")
	}
	return d, nil
}

// Name says what decodes.
func (d *Decoder) Name() string { return "software" }

// Send gives one access unit to the decoder, which copies it: au stays the
// caller's. It returns ErrAgain when pictures have to be received first and
// wraps ErrInvalidData when the bitstream is damaged.
func (d *Decoder) Send(au *media.AccessUnit) error {
	if d.c == nil {
		return errClosed
	}
	if len(au.Data) == 0 { // libavcodec would take it for the end
		return fmt.Errorf("decode: empty access unit: %w", ErrInvalidData)
	}
	pts := d.sides.put(au)
	rc := C.st_dec_send(d.c, d.pkt, (*C.uint8_t)(unsafe.Pointer(&au.Data[0])), C.int(len(au.Data)), C.int64_t(pts))
	if rc < 0 {
		return avError("decode", rc)
	}
	return nil
}

// Receive returns the next picture, with the side fields of the access unit it
// came from, or ErrAgain. The frame is the caller's until it is released and
// outlives the decoder.
func (d *Decoder) Receive() (*media.Frame, error) {
	if d.c == nil {
		return nil, errClosed
	}
	s := d.pool.take()
	if s == nil {
		return nil, fmt.Errorf("decode: %w", ErrFramesHeld)
	}
	if rc := C.st_dec_receive(d.c, s.pic); rc < 0 {
		err := d.receiveError(s, rc)
		C.st_pic_clear(s.pic)
		d.pool.untake(s)
		return nil, err
	}
	f := d.pool.hand(s)
	d.sides.apply(int64(s.pic.pts), f)
	return f, nil
}

func (d *Decoder) receiveError(s *slot, rc C.int) error {
	if rc == -C.ENOSYS && s.pic.f.width > 0 {
		return fmt.Errorf("decode: pixel format %s (want 8-bit 4:2:0): %w",
			C.GoString(C.st_pic_format(s.pic)), errors.ErrUnsupported)
	}
	return avError("decode", rc)
}

// Flush forgets every picture and reference: the next access unit has to be a
// keyframe.
func (d *Decoder) Flush() {
	if d.c != nil {
		C.avcodec_flush_buffers(d.c)
	}
}

// Outstanding is how many frames are not released yet. Any goroutine.
func (d *Decoder) Outstanding() int { return d.pool.outstanding() }

// Close frees the decoder; frames that are out stay valid until released. It
// may be called more than once.
func (d *Decoder) Close() error {
	C.avcodec_free_context(&d.c)
	C.av_packet_free(&d.pkt)
	if d.pool != nil {
		d.pool.close()
	}
	return nil
}

//go:build linux && cgo && !nonative

package speexdsp

/*
#cgo pkg-config: speexdsp
#cgo CFLAGS: -O2 -Wall
#include <stdlib.h>
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <speex/speex_resampler.h>

// An echo canceller and the preprocessor that takes away what it leaves.
typedef struct st_cancel {
	SpeexEchoState *echo;
	SpeexPreprocessState *pre;
} st_cancel;

static void st_cancel_free(st_cancel *c)
{
	if (!c)
		return;
	if (c->pre)
		speex_preprocess_state_destroy(c->pre);
	if (c->echo)
		speex_echo_state_destroy(c->echo);
	free(c);
}

static st_cancel *st_cancel_new(int frame, int tail, int noise_db)
{
	st_cancel *c = calloc(1, sizeof *c);
	int rate = 48000, on = noise_db > 0, suppress = -noise_db;

	if (!c)
		return NULL;
	c->echo = speex_echo_state_init(frame, tail);
	c->pre = speex_preprocess_state_init(frame, rate);
	if (!c->echo || !c->pre) {
		st_cancel_free(c);
		return NULL;
	}
	speex_echo_ctl(c->echo, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
	speex_preprocess_ctl(c->pre, SPEEX_PREPROCESS_SET_DENOISE, &on);
	if (on)
		speex_preprocess_ctl(c->pre, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppress);
	speex_preprocess_ctl(c->pre, SPEEX_PREPROCESS_SET_ECHO_STATE, c->echo);
	return c;
}

static void st_cancel_run(st_cancel *c, const int16_t *near, const int16_t *far, int16_t *out)
{
	speex_echo_cancellation(c->echo, near, far, out);
	speex_preprocess_run(c->pre, out);
}

static void st_cancel_reset(st_cancel *c)
{
	speex_echo_state_reset(c->echo);
}

// The two lengths in one number: what was used above what was made.
static uint64_t st_resample(SpeexResamplerState *r, const int16_t *in, uint32_t n, int16_t *out, uint32_t room)
{
	speex_resampler_process_int(r, 0, in, &n, out, &room);
	return (uint64_t)n << 32 | room;
}
*/
import "C"

import (
	"fmt"
	"os"
	"time"
	"unsafe"
)

// Canceller takes a loudspeaker's echo and steady noise out of a microphone's
// sound.
type Canceller struct {
	c     *C.st_cancel // nil after Close
	frame int
}

// NewCanceller makes a canceller that knows nothing of the room yet. The
// caller closes it.
func NewCanceller(cfg Config) (*Canceller, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	tail := int(cfg.Tail * Rate / time.Second)
	c := C.st_cancel_new(C.int(cfg.Frame), C.int(tail), C.int(cfg.NoiseDB))
	if c == nil {
		return nil, fmt.Errorf("open echo canceller: out of memory")
	}
	return &Canceller{c, cfg.Frame}, nil
}

// Process writes near without the echo of far into out. All three are one
// frame; out may not overlap the others.
func (c *Canceller) Process(out, near, far []int16) error {
	if c.c == nil {
		return fmt.Errorf("cancel echo: %w", os.ErrClosed)
	}
	if len(out) != c.frame || len(near) != c.frame || len(far) != c.frame {
		return errFrame
	}
	C.st_cancel_run(c.c, pointer(near), pointer(far), pointer(out))
	return nil
}

// Reset forgets the room: another device is heard or heard through.
func (c *Canceller) Reset() {
	if c.c != nil {
		C.st_cancel_reset(c.c)
	}
}

// Close frees the canceller. It may be called more than once.
func (c *Canceller) Close() error {
	C.st_cancel_free(c.c)
	c.c = nil
	return nil
}

// Resampler changes the rate of mono sound by a few parts per million.
type Resampler struct {
	c   *C.SpeexResamplerState // nil after Close
	ppm int
}

// NewResampler makes a resampler that changes nothing yet. The caller closes
// it.
func NewResampler() (*Resampler, error) {
	var rc C.int
	const quality = 3 // of 10: what the library calls good for voice
	c := C.speex_resampler_init(1, Rate, Rate, quality, &rc)
	if c == nil {
		return nil, fmt.Errorf("open resampler: %s", C.GoString(C.speex_resampler_strerror(rc)))
	}
	return &Resampler{c: c}, nil
}

// SetPPM lets the resampler use up its input ppm parts per million faster
// than it makes output; negative is slower. It is cut to MaxPPM either way.
func (r *Resampler) SetPPM(ppm int) {
	ppm = min(max(ppm, -MaxPPM), MaxPPM)
	if r.c == nil || ppm == r.ppm {
		return
	}
	r.ppm = ppm
	const whole = 1000000
	C.speex_resampler_set_rate_frac(r.c, C.spx_uint32_t(whole+ppm), whole, Rate, Rate)
}

// Process makes samples of src until dst is full or src used up. It returns
// how many of src were used and how many of dst made.
func (r *Resampler) Process(dst, src []int16) (used, made int) {
	if r.c == nil || len(dst) == 0 || len(src) == 0 {
		return 0, 0
	}
	n := uint64(C.st_resample(r.c, pointer(src), C.uint32_t(len(src)), pointer(dst), C.uint32_t(len(dst))))
	return int(n >> 32), int(n & 0xffffffff)
}

// Reset forgets the samples that it still keeps.
func (r *Resampler) Reset() {
	if r.c != nil {
		C.speex_resampler_reset_mem(r.c)
	}
}

// Close frees the resampler. It may be called more than once.
func (r *Resampler) Close() error {
	if r.c != nil {
		C.speex_resampler_destroy(r.c)
		r.c = nil
	}
	return nil
}

func pointer(s []int16) *C.int16_t { return (*C.int16_t)(unsafe.Pointer(unsafe.SliceData(s))) }

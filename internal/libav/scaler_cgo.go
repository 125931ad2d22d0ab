//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"errors"
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// Scaler converts between sizes, layouts, matrices and ranges. It keeps the
// last few conversions ready, so it may serve several streams of one goroutine.
type Scaler struct {
	keys [scalerContexts]scaleKey
	ctxs [scalerContexts]*C.struct_SwsContext
	next int // which to replace

	spareSrc, spareDst *media.Frame // stand in for pictures that are narrow; may be nil

	to   C.st_to_rgb // here so that lending them to C allocates nothing
	from C.st_from_rgb
}

// NewScaler returns a scaler; contexts are opened when first needed.
func NewScaler() *Scaler { return &Scaler{} }

// Scale fills dst from src. Size, layout, colour matrix and range of both are
// what their fields say; R'G'B' is full range and takes the other's matrix.
func (s *Scaler) Scale(dst, src *media.Frame) error {
	if err := errors.Join(checkPlanes(dst), checkPlanes(src)); err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	k := newScaleKey(dst, src)
	switch k.convert() {
	case byCopy:
		copyPicture(dst, src)
	case toBGRX:
		s.toBGRX(k, dst, src)
	case fromBGRX:
		s.fromBGRX(k, dst, src)
	default:
		return s.swscale(k, dst, src)
	}
	return nil
}

// swscale goes through memory with room where a picture has none.
func (s *Scaler) swscale(k scaleKey, dst, src *media.Frame) error {
	if narrow(src) {
		s.spareSrc = roomy(s.spareSrc, src)
		copyPicture(s.spareSrc, src)
		src = s.spareSrc
	}
	if !narrow(dst) {
		return s.run(k, dst, src)
	}
	s.spareDst = roomy(s.spareDst, dst)
	if err := s.run(k, s.spareDst, src); err != nil {
		return err
	}
	copyPicture(dst, s.spareDst)
	return nil
}

func (s *Scaler) run(k scaleKey, dst, src *media.Frame) error {
	c := s.context(k)
	if c == nil {
		return fmt.Errorf("scale %v %dx%d to %v %dx%d: %w", k.sfmt, k.sw, k.sh, k.dfmt, k.dw, k.dh, errors.ErrUnsupported)
	}
	rc := C.st_sws_run(c, C.int(k.sh),
		plane(src, 0), plane(src, 1), plane(src, 2),
		C.int(src.Stride[0]), C.int(src.Stride[1]), C.int(src.Stride[2]),
		plane(dst, 0), plane(dst, 1), plane(dst, 2),
		C.int(dst.Stride[0]), C.int(dst.Stride[1]), C.int(dst.Stride[2]))
	if rc < 0 {
		return avError("scale", rc)
	}
	return nil
}

// context returns the conversion for k, opening it in the oldest place.
func (s *Scaler) context(k scaleKey) *C.struct_SwsContext {
	for i, c := range s.ctxs {
		if c != nil && s.keys[i] == k {
			return c
		}
	}
	i := s.next
	s.next = (s.next + 1) % scalerContexts
	C.sws_freeContext(s.ctxs[i])
	C.st_log_install()
	s.ctxs[i] = C.st_sws_open(C.int(k.sw), C.int(k.sh), pixFmt(k.sfmt), matrix(k.smatrix), cbool(k.sfull),
		C.int(k.dw), C.int(k.dh), pixFmt(k.dfmt), matrix(k.dmatrix), cbool(k.dfull), C.SWS_BILINEAR)
	s.keys[i] = k
	return s.ctxs[i]
}

// Close frees the contexts. It may be called more than once; scaling after it
// opens them again.
func (s *Scaler) Close() {
	for i, c := range s.ctxs {
		C.sws_freeContext(c)
		s.ctxs[i] = nil
	}
}

func pixFmt(p media.PixelFormat) C.int {
	switch p {
	case media.NV12:
		return C.AV_PIX_FMT_NV12
	case media.BGRX:
		return C.AV_PIX_FMT_BGR0
	}
	return C.AV_PIX_FMT_YUV420P
}

func matrix(m media.ColorMatrix) C.int {
	if m == media.BT709 {
		return C.ST_MATRIX_709
	}
	return C.ST_MATRIX_601
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

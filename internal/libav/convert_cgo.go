//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import "github.com/blade-shadow/terminal/internal/media"

func (s *Scaler) toBGRX(k scaleKey, dst, src *media.Frame) {
	q := newToRGB(k.smatrix, k.sfull)
	s.to = C.st_to_rgb{
		offset: C.int16_t(q.offset), y: C.int16_t(q.y), rv: C.int16_t(q.rv),
		gu: C.int16_t(q.gu), gv: C.int16_t(q.gv), bu: C.int16_t(q.bu),
	}
	C.st_to_bgrx(plane(dst, 0), C.int(dst.Stride[0]), plane(src, 0), C.int(src.Stride[0]),
		plane(src, 1), C.int(src.Stride[1]), chromaV(src), C.int(src.Stride[2]), C.int(k.sw), C.int(k.sh), &s.to)
}

func (s *Scaler) fromBGRX(k scaleKey, dst, src *media.Frame) {
	q := newFromRGB(k.dmatrix, k.dfull)
	s.from = C.st_from_rgb{
		offset: C.int16_t(q.offset), yr: C.int16_t(q.yr), yg: C.int16_t(q.yg), yb: C.int16_t(q.yb),
	}
	for i := range q.u {
		s.from.u[i], s.from.v[i] = C.int16_t(q.u[i]), C.int16_t(q.v[i])
	}
	C.st_from_bgrx(plane(dst, 0), C.int(dst.Stride[0]), plane(dst, 1), C.int(dst.Stride[1]),
		chromaV(dst), C.int(dst.Stride[2]), plane(src, 0), C.int(src.Stride[0]), C.int(k.sw), C.int(k.sh), &s.from)
}

// copyPicture copies between pictures of one layout and size.
func copyPicture(dst, src *media.Frame) {
	for i := range planeCount(src.Format) {
		rows, bytes := planeSize(src.Format, i, src.Width, src.Height)
		C.st_copy_plane(plane(dst, i), C.int(dst.Stride[i]), plane(src, i), C.int(src.Stride[i]), C.int(bytes), C.int(rows))
	}
}

// chromaV is the V plane, nil where NV12 has U and V in one.
func chromaV(f *media.Frame) *C.uint8_t {
	if f.Format == media.NV12 {
		return nil
	}
	return plane(f, 2)
}

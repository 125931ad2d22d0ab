package libav

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// scalerContexts is how many conversions a Scaler remembers.
const scalerContexts = 4

// scaleKey is everything a conversion depends on.
type scaleKey struct {
	sw, sh, dw, dh   int
	sfmt, dfmt       media.PixelFormat
	smatrix, dmatrix media.ColorMatrix
	sfull, dfull     bool
}

func newScaleKey(dst, src *media.Frame) scaleKey {
	k := scaleKey{
		sw: src.Width, sh: src.Height, dw: dst.Width, dh: dst.Height,
		sfmt: src.Format, dfmt: dst.Format,
		sfull: src.FullRange, dfull: dst.FullRange,
	}
	k.smatrix, k.dmatrix = src.Matrix(), dst.Matrix()
	// R'G'B' has neither matrix nor range of its own.
	if src.Format == media.BGRX {
		k.smatrix, k.sfull = k.dmatrix, true
	}
	if dst.Format == media.BGRX {
		k.dmatrix, k.dfull = k.smatrix, true
	}
	return k
}

// simdBlock is how many pixels libswscale reads and writes at a time.
const simdBlock = 16

// narrow says that a plane ends, or its next row begins, before the last
// block of a row does: libswscale would reach past it.
func narrow(f *media.Frame) bool {
	w := (f.Width + simdBlock - 1) &^ (simdBlock - 1)
	for i := range planeCount(f.Format) {
		rows, bytes := planeSize(f.Format, i, w, f.Height)
		if f.Stride[i] < bytes || len(f.Planes[i]) < f.Stride[i]*(rows-1)+bytes {
			return true
		}
	}
	return false
}

// roomy returns a picture like f with room behind each row: the one that is
// there, or a new one.
func roomy(there, f *media.Frame) *media.Frame {
	if there != nil && there.Format == f.Format && there.Width == f.Width && there.Height == f.Height {
		return there
	}
	return media.AllocFrame(f.Format, f.Width, f.Height)
}

func planeCount(p media.PixelFormat) int {
	switch p {
	case media.I420:
		return 3
	case media.NV12:
		return 2
	case media.BGRX:
		return 1
	}
	return 0
}

// planeSize returns the rows of plane i and the bytes in each.
func planeSize(p media.PixelFormat, i, width, height int) (rows, bytes int) {
	switch {
	case p == media.BGRX:
		return height, 4 * width
	case i == 0:
		return height, width
	case p == media.NV12:
		return (height + 1) / 2, (width + 1) / 2 * 2
	}
	return (height + 1) / 2, (width + 1) / 2
}

// checkPlanes makes sure that every pixel of f is inside its planes.
func checkPlanes(f *media.Frame) error {
	n := planeCount(f.Format)
	if n == 0 || f.Width < 1 || f.Height < 1 {
		return fmt.Errorf("picture is %v %dx%d: not a picture", f.Format, f.Width, f.Height)
	}
	for i := range n {
		rows, bytes := planeSize(f.Format, i, f.Width, f.Height)
		if f.Stride[i] < bytes || len(f.Planes[i]) < f.Stride[i]*(rows-1)+bytes {
			return fmt.Errorf("plane %d of %v %dx%d is too short: %d bytes, stride %d",
				i, f.Format, f.Width, f.Height, len(f.Planes[i]), f.Stride[i])
		}
	}
	return nil
}

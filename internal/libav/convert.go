package libav

import (
	"math"

	"github.com/blade-shadow/terminal/internal/media"
)

// maxConvertWidth is ST_MAX_WIDTH: rows are worked on in buffers on the stack.
const maxConvertWidth = 8192

// primaries are the weights of red and blue in luma (ITU-T H.273, 8.3).
func primaries(m media.ColorMatrix) (kr, kb float64) {
	if m == media.BT709 {
		return 0.2126, 0.0722
	}
	return 0.299, 0.114
}

// spans are the distances from black to white and of chroma, and black's level.
func spans(full bool) (luma, chroma, black float64) {
	if full {
		return 255, 255, 0
	}
	return 219, 224, 16
}

// toRGB are the coefficients of Y'CbCr to R'G'B'.
type toRGB struct{ offset, y, rv, gu, gv, bu int16 }

func newToRGB(m media.ColorMatrix, full bool) toRGB {
	kr, kb := primaries(m)
	kg := 1 - kr - kb
	luma, chroma, black := spans(full)
	q := func(v float64) int16 { return int16(math.Round(v * 8192)) }
	c := 255 / chroma
	return toRGB{
		offset: int16(black), y: q(255 / luma),
		rv: q(2 * (1 - kr) * c), gu: q(-2 * kb * (1 - kb) / kg * c),
		gv: q(-2 * kr * (1 - kr) / kg * c), bu: q(2 * (1 - kb) * c),
	}
}

// fromRGB are the coefficients of R'G'B' to Y'CbCr; u and v are of r, g, b.
type fromRGB struct {
	offset, yr, yg, yb int16
	u, v               [3]int16
}

func newFromRGB(m media.ColorMatrix, full bool) fromRGB {
	kr, kb := primaries(m)
	kg := 1 - kr - kb
	luma, chroma, black := spans(full)
	q := func(v float64) int16 { return int16(min(math.Round(v*32768), math.MaxInt16)) }
	l, c := luma/255, chroma/255
	return fromRGB{
		offset: int16(black), yr: q(kr * l), yg: q(kg * l), yb: q(kb * l),
		u: [3]int16{q(-kr / (2 * (1 - kb)) * c), q(-kg / (2 * (1 - kb)) * c), q(c / 2)},
		v: [3]int16{q(c / 2), q(-kg / (2 * (1 - kr)) * c), q(-kb / (2 * (1 - kr)) * c)},
	}
}

// conversion is how a scaleKey is done.
type conversion uint8

const (
	bySwscale conversion = iota
	byCopy
	toBGRX
	fromBGRX
)

// convert chooses the way; only equal sizes have a way of their own.
func (k scaleKey) convert() conversion {
	switch {
	case k.sw != k.dw || k.sh != k.dh || k.sw > maxConvertWidth:
		return bySwscale
	case k.sfmt == k.dfmt && k.smatrix == k.dmatrix && k.sfull == k.dfull:
		return byCopy
	case k.dfmt == media.BGRX && k.sfmt != media.BGRX:
		return toBGRX
	case k.sfmt == media.BGRX && k.dfmt != media.BGRX:
		return fromBGRX
	}
	return bySwscale
}

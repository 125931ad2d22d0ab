package gl

import (
	"math"

	"github.com/blade-shadow/terminal/internal/media"
)

// conversion is how samples of a picture, 0 to 1, become R'G'B', 0 to 1:
// matrix times Y'CbCr plus bias.
type conversion struct {
	matrix [9]float32 // by columns: Y', Cb, Cr
	bias   [3]float32
}

// noConversion is for pictures that are R'G'B' already.
var noConversion = conversion{matrix: [9]float32{0: 1, 4: 1, 8: 1}}

// convert returns the conversion of a matrix and a range (ITU-T H.273, 8.3:
// matrix coefficients 1 and 6, and the inverse of equations 20 to 25).
func convert(matrix media.ColorMatrix, full bool) conversion {
	kr, kb := 0.2126, 0.0722
	if matrix == media.BT601 {
		kr, kb = 0.299, 0.114
	}
	luma, black, chroma := 255/219.0, 16/255.0, 255/224.0
	if full {
		luma, black, chroma = 1, 0, 1
	}
	red, blue, kg := 2*(1-kr)*chroma, 2*(1-kb)*chroma, 1-kr-kb
	m := [3][3]float64{ // by columns
		{luma, luma, luma},
		{0, -blue * kb / kg, blue},
		{red, -red * kr / kg, 0},
	}
	var c conversion
	for row := range 3 {
		for column := range 3 {
			c.matrix[column*3+row] = float32(m[column][row])
		}
		c.bias[row] = float32(-black*m[0][row] - 128/255.0*(m[1][row]+m[2][row]))
	}
	return c
}

// rgb converts one sample of each.
func (c *conversion) rgb(y, cb, cr uint8) [3]uint8 {
	var out [3]uint8
	for i := range out {
		v := c.matrix[i]*float32(y) + c.matrix[3+i]*float32(cb) + c.matrix[6+i]*float32(cr) + c.bias[i]*255
		out[i] = uint8(math.Round(float64(min(max(v, 0), 255))))
	}
	return out
}

package gl

import "github.com/blade-shadow/terminal/internal/media"

// RGB converts one sample of each as a renderer does.
func RGB(matrix media.ColorMatrix, full bool, y, cb, cr uint8) [3]uint8 {
	c := convert(matrix, full)
	return c.rgb(y, cb, cr)
}

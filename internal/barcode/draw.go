package barcode

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// Limited range, where every conversion keeps them apart.
const (
	black, white = 16, 235
	neutral      = 128
)

// Draw writes p into f, which is I420 and at least MinWidth x MinHeight.
func Draw(f *media.Frame, p Payload) error {
	if f.Format != media.I420 {
		return fmt.Errorf("draw barcode: %v is not supported: use I420", f.Format)
	}
	if f.Width < MinWidth || f.Height < MinHeight {
		return fmt.Errorf("draw barcode: %dx%d is too small: use at least %dx%d", f.Width, f.Height, MinWidth, MinHeight)
	}
	bits := p.encode()
	for row := -1; row <= rows; row++ {
		drawRow(f, &bits, row)
	}
	drawChroma(f)
	return nil
}

// drawRow writes one row of cells: its first line cell by cell, then copies.
func drawRow(f *media.Frame, bits *[size]byte, row int) {
	y0, y1 := edge(top+row, f.Height, unitsY), edge(top+row+1, f.Height, unitsY)
	x0, x1 := edge(left-1, f.Width, unitsX), edge(left+cols+1, f.Width, unitsX)
	line := func(y int) []byte { return f.Planes[0][y*f.Stride[0]:] }
	for col := -1; col <= cols; col++ {
		fill(line(y0)[edge(left+col, f.Width, unitsX):edge(left+col+1, f.Width, unitsX)], level(bits, col, row))
	}
	for y := y0 + 1; y < y1; y++ {
		copy(line(y)[x0:x1], line(y0)[x0:x1])
	}
}

func level(bits *[size]byte, col, row int) byte {
	if col < 0 || col >= cols || row < 0 || row >= rows {
		return black
	}
	bit := row*cols + col
	if bits[bit/8]>>(7-bit%8)&1 == 1 {
		return white
	}
	return black
}

func drawChroma(f *media.Frame) {
	a := Area(f.Width, f.Height)
	for plane := 1; plane <= 2; plane++ {
		for y := a.Min.Y / 2; y < (a.Max.Y+1)/2; y++ {
			at := y * f.Stride[plane]
			fill(f.Planes[plane][at+a.Min.X/2:at+(a.Max.X+1)/2], neutral)
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

package barcode

import (
	"fmt"
	"image"
	"image/color"

	"github.com/blade-shadow/terminal/internal/media"
)

// minContrast is the least difference of the lightest and the darkest cell,
// in 0..255, that is taken for a code.
const minContrast = 40

// Read reads the code from a frame of any format, at any size down to
// MinWidth x MinHeight. The error wraps ErrNoBarcode or ErrChecksum.
func Read(f *media.Frame) (Payload, error) {
	data, stride := f.Planes[0], f.Stride[0]
	luma := func(x, y int) int { return int(data[y*stride+x]) }
	if f.Format == media.BGRX {
		luma = func(x, y int) int {
			p := data[y*stride+x*4:]
			return weigh(int(p[2]), int(p[1]), int(p[0]))
		}
	}
	return read(f.Width, f.Height, luma)
}

// ReadImage is Read for an image, all of which is the picture: crop a window's
// frame off first, with SubImage.
func ReadImage(img image.Image) (Payload, error) {
	b := img.Bounds()
	luma := func(x, y int) int {
		return int(color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y)
	}
	if rgba, ok := img.(*image.RGBA); ok {
		luma = func(x, y int) int {
			p := rgba.Pix[y*rgba.Stride+x*4:]
			return weigh(int(p[0]), int(p[1]), int(p[2]))
		}
	}
	return read(b.Dx(), b.Dy(), luma)
}

// weigh returns the luma of a colour (BT.709), 0..255.
func weigh(r, g, b int) int { return (54*r + 183*g + 19*b) >> 8 }

func read(width, height int, luma func(x, y int) int) (Payload, error) {
	if width < MinWidth || height < MinHeight {
		return Payload{}, fmt.Errorf("read barcode: %w: %dx%d is too small", ErrNoBarcode, width, height)
	}
	var cells [cols * rows]int
	lo, hi := 255, 0
	for i := range cells {
		cells[i] = cellMean(left+i%cols, top+i/cols, width, height, luma)
		lo, hi = min(lo, cells[i]), max(hi, cells[i])
	}
	if hi-lo < minContrast {
		return Payload{}, fmt.Errorf("read barcode: %w: contrast %d", ErrNoBarcode, hi-lo)
	}
	p, err := decode(threshold(&cells, (lo+hi)/2))
	if err != nil {
		return Payload{}, fmt.Errorf("read barcode: %w", err)
	}
	return p, nil
}

func threshold(cells *[cols * rows]int, level int) (b [size]byte) {
	for i, v := range cells {
		if v > level {
			b[i/8] |= 1 << (7 - i%8)
		}
	}
	return b
}

// cellMean averages the middle quarter of a cell: its edges belong half to its
// neighbours after scaling and deblocking.
func cellMean(unitX, unitY, width, height int, luma func(x, y int) int) int {
	x0, x1 := middle(unitX, width, unitsX)
	y0, y1 := middle(unitY, height, unitsY)
	sum := 0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			sum += luma(x, y)
		}
	}
	return sum / ((x1 - x0) * (y1 - y0))
}

// middle returns the pixels of the middle half of a unit, at least one.
func middle(unit, pixels, units int) (from, to int) {
	from = (4*unit + 1) * pixels / (4 * units)
	to = (4*unit + 3) * pixels / (4 * units)
	return from, max(to, from+1)
}

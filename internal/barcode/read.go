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

// Read reads the code from a frame of any format in memory, at any size down to
// MinWidth x MinHeight. The error wraps ErrNoBarcode or ErrChecksum.
func Read(f *media.Frame) (Payload, error) {
	p, err := ofFrame(f)
	if err != nil {
		return Payload{}, fmt.Errorf("read barcode: %w: %w", ErrNoBarcode, err)
	}
	return p.read()
}

// ReadImage is Read for an image, all of which is the picture: crop a window's
// frame off first, with SubImage.
func ReadImage(img image.Image) (Payload, error) {
	p := ofImage(img)
	return p.read()
}

// picture is pixels that a code is read from.
type picture struct {
	width, height int
	pix           []byte // nil: img has them
	stride        int
	bytes         int // a pixel
	red, blue     int // their place in a pixel of 4 bytes
	img           image.Image
}

// ofFrame returns f's pixels, or an error where they are not in memory.
func ofFrame(f *media.Frame) (picture, error) {
	p := picture{width: f.Width, height: f.Height, pix: f.Planes[0], stride: f.Stride[0], bytes: 1}
	switch f.Format {
	case media.BGRX:
		p.bytes, p.red, p.blue = 4, 2, 0
		return p, nil
	case media.I420, media.NV12:
		return p, nil
	}
	return p, fmt.Errorf("pixels of %v are not in memory", f.Format)
}

func ofImage(img image.Image) picture {
	p := picture{width: img.Bounds().Dx(), height: img.Bounds().Dy(), img: img}
	if rgba, ok := img.(*image.RGBA); ok {
		p.pix, p.stride, p.bytes, p.red, p.blue = rgba.Pix, rgba.Stride, 4, 0, 2
	}
	return p
}

// luma returns a pixel's, 0..255, counted from the upper left corner.
func (p *picture) luma(x, y int) int {
	switch {
	case p.pix == nil:
		b := p.img.Bounds()
		return int(color.GrayModel.Convert(p.img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y)
	case p.bytes == 1:
		return int(p.pix[y*p.stride+x])
	}
	q := p.pix[y*p.stride+x*4:]
	return weigh(int(q[p.red]), int(q[1]), int(q[p.blue]))
}

// weigh returns the luma of a colour (BT.709), 0..255.
func weigh(r, g, b int) int { return (54*r + 183*g + 19*b) >> 8 }

func (p *picture) read() (Payload, error) {
	if p.width < MinWidth || p.height < MinHeight {
		return Payload{}, fmt.Errorf("read barcode: %w: %dx%d is too small", ErrNoBarcode, p.width, p.height)
	}
	var cells [cols * rows]int
	lo, hi := 255, 0
	for i := range cells {
		cells[i] = p.cellMean(left+i%cols, top+i/cols)
		lo, hi = min(lo, cells[i]), max(hi, cells[i])
	}
	if hi-lo < minContrast {
		return Payload{}, fmt.Errorf("read barcode: %w: contrast %d", ErrNoBarcode, hi-lo)
	}
	payload, err := decode(threshold(&cells, (lo+hi)/2))
	if err != nil {
		return Payload{}, fmt.Errorf("read barcode: %w", err)
	}
	return payload, nil
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
func (p *picture) cellMean(unitX, unitY int) int {
	x0, x1 := middle(unitX, p.width, unitsX)
	y0, y1 := middle(unitY, p.height, unitsY)
	return p.mean(image.Rect(x0, y0, x1, y1))
}

func (p *picture) mean(r image.Rectangle) int {
	sum := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sum += p.luma(x, y)
		}
	}
	return sum / (r.Dx() * r.Dy())
}

// middle returns the pixels of the middle half of a unit, at least one.
func middle(unit, pixels, units int) (from, to int) {
	from = (4*unit + 1) * pixels / (4 * units)
	to = (4*unit + 3) * pixels / (4 * units)
	return from, max(to, from+1)
}

package selftest

import (
	"image"
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

// The test picture: eight bars of 75 % over the whole of it, a bright line that
// moves to the right over its lower half, and a barcode with its number. What it
// looks like follows from its size and number alone.
const (
	bars      = 8
	lineWidth = 8 // pixels
	lineStep  = 8 // pixels a picture
)

// testPicture draws the picture into frames again and again: after the first
// time only what moves. One goroutine.
type testPicture struct {
	screen int
	frames chan *media.Frame    // free ones; capacity is their number, never closed
	line   map[*media.Frame]int // where the line is in each, -1 before the first time
	color  [bars][3]byte        // Y, Cb, Cr
}

// testFrames is how many pictures may be out: shown, waiting to flip, two in
// the inbox, one being drawn.
const testFrames = 5

func newTestPicture(screen, width, height int) *testPicture {
	p := &testPicture{screen: screen, frames: make(chan *media.Frame, testFrames), line: make(map[*media.Frame]int)}
	for i := range bars {
		p.color[i] = barColor(i)
	}
	for range testFrames {
		plain := media.AllocFrame(media.I420, width, height)
		f := media.NewFrame(func(f *media.Frame) { p.frames <- f })
		f.Format, f.Width, f.Height, f.Planes, f.Stride = plain.Format, width, height, plain.Planes, plain.Stride
		f.Screen, f.Color = screen, media.BT709
		p.line[f] = -1
		p.frames <- f
	}
	return p
}

// barColor is a bar in limited range BT.709: white, yellow, cyan, green,
// magenta, red, blue, black, by falling luma.
func barColor(i int) [3]byte {
	on := func(bit int) float64 {
		if (7-i)&bit != 0 {
			return 0.75
		}
		return 0
	}
	r, g, b := on(2), on(4), on(1)
	y := 0.2126*r + 0.7152*g + 0.0722*b
	return [3]byte{
		byte(math.Round(16 + 219*y)),
		byte(math.Round(128 + 224*(b-y)/1.8556)),
		byte(math.Round(128 + 224*(r-y)/1.5748)),
	}
}

// draw makes f picture n.
func (p *testPicture) draw(f *media.Frame, n uint32) error {
	old := p.line[f]
	if old < 0 {
		p.columns(f, 0, f.Width, 0)
	} else {
		p.columns(f, old, old+lineWidth, f.Height/2)
	}
	x := int(n) * lineStep % max(1, f.Width-lineWidth) &^ 1
	for r := f.Height / 2; r < f.Height; r++ {
		fill(f.Planes[0][r*f.Stride[0]+x:][:lineWidth], 235)
	}
	for r := f.Height / 4; r < f.Height/2; r++ {
		for i := 1; i < 3; i++ {
			fill(f.Planes[i][r*f.Stride[i]+x/2:][:lineWidth/2], 128)
		}
	}
	p.line[f] = x
	f.FrameID = n
	return barcode.Draw(f, barcode.Payload{Frame: n, Captured: time.Unix(0, int64(n)), Screen: uint8(p.screen)})
}

// columns draws the bars between two columns, from a row on. Rows and left
// column are even.
func (p *testPicture) columns(f *media.Frame, from, to, top int) {
	top &^= 1
	for i := range 3 {
		div := 1
		if i > 0 {
			div = 2
		}
		row := f.Planes[i][top/div*f.Stride[i]:]
		for x := from / div; x < (to+div-1)/div; x++ {
			row[x] = p.color[min(bars-1, x*div*bars/f.Width)][i]
		}
		for r := top/div + 1; r < (f.Height+div-1)/div; r++ {
			copy(f.Planes[i][r*f.Stride[i]+from/div:r*f.Stride[i]+(to+div-1)/div], row[from/div:])
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// expected is picture n as a monitor of its size should show it.
func expected(screen, width, height int, n uint32) (*image.RGBA, error) {
	p := newTestPicture(screen, width, height)
	f := <-p.frames
	if err := p.draw(f, n); err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			toRGB(img.Pix[y*img.Stride+4*x:][:4], float64(f.Planes[0][y*f.Stride[0]+x]), chroma(f, 1, x, y), chroma(f, 2, x, y))
		}
	}
	return img, nil
}

// chroma is the sample of a chroma plane at a pixel, interpolated: samples lie
// on the even columns of luma and between its rows (H.264, E.2.1,
// chroma_sample_loc_type 0).
func chroma(f *media.Frame, plane, x, y int) float64 {
	w, h := (f.Width+1)/2, (f.Height+1)/2
	other := min(max(y/2+2*(y%2)-1, 0), h-1)
	var at [2]float64
	for i := range at {
		column := min(x/2+i, w-1)
		at[i] = 0.75*float64(f.Planes[plane][y/2*f.Stride[plane]+column]) + 0.25*float64(f.Planes[plane][other*f.Stride[plane]+column])
	}
	if x%2 == 0 {
		return at[0]
	}
	return (at[0] + at[1]) / 2
}

// toRGB converts a sample of limited range BT.709 (ITU-R BT.709, 3 and 4).
func toRGB(dst []byte, y, u, v float64) {
	luma := (y - 16) / 219
	cb, cr := (u-128)/224, (v-128)/224
	for i, c := range [...]float64{luma + 1.5748*cr, luma - 0.1873*cb - 0.4681*cr, luma + 1.8556*cb} {
		dst[i] = byte(math.Round(255 * min(max(c, 0), 1)))
	}
	dst[3] = 255
}

// psnr compares the colours of two images of one size, in dB; 99 where they are
// the same, 0 where their sizes differ.
func psnr(a, b *image.RGBA) float64 {
	if a.Rect.Size() != b.Rect.Size() || a.Rect.Empty() {
		return 0
	}
	var sum float64
	w, h := a.Rect.Dx(), a.Rect.Dy()
	for y := range h {
		ra, rb := a.Pix[y*a.Stride:][:4*w], b.Pix[y*b.Stride:][:4*w]
		for i := range ra {
			if i%4 == 3 {
				continue
			}
			d := float64(ra[i]) - float64(rb[i])
			sum += d * d
		}
	}
	if sum == 0 {
		return 99
	}
	return min(99, 10*math.Log10(255*255*3*float64(w*h)/sum))
}

package card

import (
	"image"
	imagecolor "image/color"

	"github.com/blade-shadow/terminal/internal/media"
)

// color is a colour as the picture stores it: BT.709, limited range.
type color struct{ y, u, v byte }

// fromRGBA converts a colour (ITU-R BT.709-6, 3.2 and 3.5, eight bits).
func fromRGBA(c imagecolor.RGBA) color {
	r, g, b := float64(c.R)/255, float64(c.G)/255, float64(c.B)/255
	luma := 0.2126*r + 0.7152*g + 0.0722*b
	return color{
		y: byte(16 + 219*luma + 0.5),
		u: byte(128 + 224*(b-luma)/1.8556 + 0.5),
		v: byte(128 + 224*(r-luma)/1.5748 + 0.5),
	}
}

// chromaRect returns the chroma samples that r touches.
func chromaRect(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X/2, r.Min.Y/2, (r.Max.X+1)/2, (r.Max.Y+1)/2)
}

func bounds(f *media.Frame) image.Rectangle { return image.Rect(0, 0, f.Width, f.Height) }

// row returns the bytes of plane p of f from x0 to x1 in line y.
func row(f *media.Frame, p, y, x0, x1 int) []byte {
	return f.Planes[p][y*f.Stride[p]+x0 : y*f.Stride[p]+x1]
}

// restore copies r from src to dst, which are of one size.
func restore(dst, src *media.Frame, r image.Rectangle) {
	r = r.Intersect(bounds(dst))
	if r.Empty() {
		return
	}
	for p := range 3 {
		a := planeRect(p, r)
		for y := a.Min.Y; y < a.Max.Y; y++ {
			copy(row(dst, p, y, a.Min.X, a.Max.X), row(src, p, y, a.Min.X, a.Max.X))
		}
	}
}

func planeRect(p int, r image.Rectangle) image.Rectangle {
	if p == 0 {
		return r
	}
	return chromaRect(r)
}

// fillRect paints r.
func fillRect(f *media.Frame, r image.Rectangle, c color) {
	r = r.Intersect(bounds(f))
	if r.Empty() {
		return
	}
	for p, v := range [3]byte{c.y, c.u, c.v} {
		a := planeRect(p, r)
		first := row(f, p, a.Min.Y, a.Min.X, a.Max.X)
		for i := range first {
			first[i] = v
		}
		for y := a.Min.Y + 1; y < a.Max.Y; y++ {
			copy(row(f, p, y, a.Min.X, a.Max.X), first)
		}
	}
}

// mix returns from, moved towards to by alpha of 255.
func mix(from, to, alpha byte) byte {
	return byte((int(from)*(255-int(alpha)) + int(to)*int(alpha) + 127) / 255)
}

// mask is the coverage of a shape, 0..255, row by row.
type mask struct {
	width, height int
	alpha         []byte
}

// blendLuma paints m in one grey at (x, y), clipped; the chroma stays, so it
// is for shapes on grey or nearly grey ground.
func blendLuma(f *media.Frame, m mask, x, y int, grey byte) {
	r := image.Rect(x, y, x+m.width, y+m.height).Intersect(bounds(f))
	for py := r.Min.Y; py < r.Max.Y; py++ {
		alpha := m.alpha[(py-y)*m.width+r.Min.X-x:]
		line := row(f, 0, py, r.Min.X, r.Max.X)
		for i := range line {
			switch a := alpha[i]; a {
			case 0:
			case 255:
				line[i] = grey
			default:
				line[i] = mix(line[i], grey, a)
			}
		}
	}
}

// sprite is a small picture with coverage, ready to be blended.
type sprite struct {
	size   image.Point
	planes [3]mask // colour of each plane ...
	cover  [3]mask // ... and how much of it
}

// newSprite converts img, whose size is even.
func newSprite(img *image.RGBA) sprite {
	s := sprite{size: img.Bounds().Size()}
	for p := range 3 {
		a := planeRect(p, image.Rectangle{Max: s.size})
		s.planes[p] = mask{a.Dx(), a.Dy(), make([]byte, a.Dx()*a.Dy())}
		s.cover[p] = mask{a.Dx(), a.Dy(), make([]byte, a.Dx()*a.Dy())}
		step := s.size.X / a.Dx()
		for i := range s.planes[p].alpha {
			c := average(img, i%a.Dx()*step, i/a.Dx()*step, step)
			yuv := fromRGBA(opaque(c))
			s.planes[p].alpha[i] = [3]byte{yuv.y, yuv.u, yuv.v}[p]
			s.cover[p].alpha[i] = c.A
		}
	}
	return s
}

// opaque undoes the premultiplication of c.
func opaque(c imagecolor.RGBA) imagecolor.RGBA {
	if c.A == 0 {
		return imagecolor.RGBA{}
	}
	part := func(v byte) byte { return byte(min(int(v)*255/int(c.A), 255)) }
	return imagecolor.RGBA{R: part(c.R), G: part(c.G), B: part(c.B), A: 255}
}

// average returns the mean of the n x n pixels from (x, y).
func average(img *image.RGBA, x, y, n int) imagecolor.RGBA {
	var sum [4]int
	for dy := range n {
		for dx := range n {
			p := img.Pix[img.PixOffset(img.Rect.Min.X+x+dx, img.Rect.Min.Y+y+dy):]
			for i := range sum {
				sum[i] += int(p[i])
			}
		}
	}
	mean := func(i int) byte { return byte((sum[i] + n*n/2) / (n * n)) }
	return imagecolor.RGBA{R: mean(0), G: mean(1), B: mean(2), A: mean(3)}
}

// draw blends s with its upper left corner at (x, y), clipped.
func (s *sprite) draw(f *media.Frame, x, y int) {
	for p := range 3 {
		at := image.Pt(x, y)
		if p > 0 {
			at = image.Pt(x/2, y/2)
		}
		m, cover := &s.planes[p], &s.cover[p]
		r := image.Rect(at.X, at.Y, at.X+m.width, at.Y+m.height).Intersect(planeRect(p, bounds(f)))
		for py := r.Min.Y; py < r.Max.Y; py++ {
			from := (py-at.Y)*m.width + r.Min.X - at.X
			blendRow(row(f, p, py, r.Min.X, r.Max.X), m.alpha[from:], cover.alpha[from:])
		}
	}
}

func blendRow(dst, value, cover []byte) {
	value, cover = value[:len(dst)], cover[:len(dst)]
	for i := range dst {
		if cover[i] == 255 {
			dst[i] = value[i]
		} else {
			dst[i] = mix(dst[i], value[i], cover[i])
		}
	}
}

// fromImage converts an opaque picture of even size.
func fromImage(img *image.RGBA) *media.Frame {
	f := media.AllocFrame(media.I420, img.Bounds().Dx(), img.Bounds().Dy())
	f.Color = media.BT709
	for y := range f.Height {
		line := row(f, 0, y, 0, f.Width)
		for x := range line {
			line[x] = fromRGBA(img.RGBAAt(x, y)).y
		}
	}
	for y := range f.Height / 2 {
		u, v := row(f, 1, y, 0, f.Width/2), row(f, 2, y, 0, f.Width/2)
		for x := range u {
			c := fromRGBA(average(img, 2*x, 2*y, 2))
			u[x], v[x] = c.u, c.v
		}
	}
	return f
}

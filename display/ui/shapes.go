package ui

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// hex is a colour as people write it, 0xRRGGBBAA, not premultiplied.
type hex uint32

// RGBA implements color.Color.
func (c hex) RGBA() (r, g, b, a uint32) {
	return color.NRGBA{uint8(c >> 24), uint8(c >> 16), uint8(c >> 8), uint8(c)}.RGBA()
}

// The palette: calm, dark, one accent.
const (
	colorTop    hex = 0x161b26ff // page, upper edge
	colorBottom hex = 0x0b0e14ff // page, lower edge
	colorCard   hex = 0x141923ff
	colorEdge   hex = 0x2c3547ff
	colorPanel  hex = 0x080b10c4
	colorTitle  hex = 0xf4f6faff
	colorText   hex = 0xb4bdccff
	colorFaint  hex = 0x7d889bff
	colorAccent hex = 0x5b9dffff
	colorTrack  hex = 0x283142ff
	colorRest   hex = 0x2a3750ff // the turning mark's resting dots
	colorBars   hex = 0x5b9dffd0
	colorGrid   hex = 0xffffff12
)

// kappa places the control points of a quarter circle drawn as one cubic.
const kappa = 0.5522848

// roundRect fills r with rounded corners. dst must contain r.
func roundRect(dst *image.RGBA, r image.Rectangle, radius float32, c color.Color) {
	w, h := float32(r.Dx()), float32(r.Dy())
	radius = min(radius, w/2, h/2)
	if radius <= 0 {
		draw.Draw(dst, r, image.NewUniform(c), image.Point{}, draw.Over)
		return
	}
	z := vector.NewRasterizer(r.Dx(), r.Dy())
	k := radius * (1 - kappa)
	z.MoveTo(radius, 0)
	z.LineTo(w-radius, 0)
	z.CubeTo(w-k, 0, w, k, w, radius)
	z.LineTo(w, h-radius)
	z.CubeTo(w, h-k, w-k, h, w-radius, h)
	z.LineTo(radius, h)
	z.CubeTo(k, h, 0, h-k, 0, h-radius)
	z.LineTo(0, radius)
	z.CubeTo(0, k, k, 0, radius, 0)
	z.ClosePath()
	z.Draw(dst, r.Intersect(dst.Bounds()), image.NewUniform(c), image.Point{})
}

// disc fills the circle that r, a square, holds.
func disc(dst *image.RGBA, r image.Rectangle, c color.Color) {
	roundRect(dst, r, float32(r.Dx())/2, c)
}

// fill replaces r with one colour.
func fill(dst *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(dst, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// gradient replaces r with the page's background, which spans all of dst.
func gradient(dst *image.RGBA, r image.Rectangle) {
	b := dst.Bounds()
	r = r.Intersect(b)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		c := mix(colorTop, colorBottom, y-b.Min.Y, max(b.Dy()-1, 1))
		fill(dst, image.Rect(r.Min.X, y, r.Max.X, y+1), c)
	}
}

// mix returns the colour at num/den of the way from a to b.
func mix(a, b hex, num, den int) hex {
	var out hex
	for shift := 0; shift < 32; shift += 8 {
		x, y := int(a>>shift&0xff), int(b>>shift&0xff)
		out |= hex((x*(den-num)+y*num+den/2)/den) << shift
	}
	return out
}

// text writes one line with its top left corner at x, y.
func text(dst *image.RGBA, face font.Face, x, y int, s string, c color.Color) {
	d := font.Drawer{Dst: dst, Src: image.NewUniform(c), Face: face}
	d.Dot = fixed.Point26_6{X: fixed.I(x), Y: baseline(face, y)}
	d.DrawString(s)
}

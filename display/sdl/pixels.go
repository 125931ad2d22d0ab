package sdl

import (
	"encoding/binary"
	"image"
)

// canvas is a window's memory: 4 bytes a pixel, blue first.
type canvas struct {
	pix    []byte
	stride int // bytes
	size   image.Point
}

func (c canvas) bounds() image.Rectangle { return image.Rectangle{Max: c.size} }

// row returns the bytes of r's pixels in line y.
func (c canvas) row(r image.Rectangle, y int) []byte {
	start := y*c.stride + r.Min.X*4
	return c.pix[start : start+r.Dx()*4]
}

// black fills r.
func (c canvas) black(r image.Rectangle) {
	r = r.Intersect(c.bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		clear(c.row(r, y))
	}
}

// dim leaves a quarter of the light in r.
func (c canvas) dim(r image.Rectangle) {
	r = r.Intersect(c.bounds())
	const mask = 0x3f3f3f3f3f3f3f3f
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.row(r, y)
		for ; len(row) >= 8; row = row[8:] {
			binary.LittleEndian.PutUint64(row, binary.LittleEndian.Uint64(row)>>2&mask)
		}
		for i := range row {
			row[i] >>= 2
		}
	}
}

// blend puts the part r of src, which has the canvas's coordinates, over it.
func (c canvas) blend(src *image.RGBA, r image.Rectangle) {
	r = r.Intersect(c.bounds()).Intersect(src.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		at := src.PixOffset(r.Min.X, y)
		blendRow(c.row(r, y), src.Pix[at:at+r.Dx()*4])
	}
}

// blendRow puts premultiplied RGBA over BGRX. Red and blue are computed
// together in one register, and (x*257)>>16 stands for x/255 rounded.
func blendRow(dst, src []byte) {
	for len(src) >= 4 && len(dst) >= 4 {
		s := binary.LittleEndian.Uint32(src)
		if a := s >> 24; a != 0 {
			bgr := s&0xff00ff00 | s>>16&0xff | s&0xff<<16
			if a != 255 {
				bgr += under(binary.LittleEndian.Uint32(dst), 255-a)
			}
			binary.LittleEndian.PutUint32(dst, bgr)
		}
		dst, src = dst[4:], src[4:]
	}
}

// under returns d's colours times a/255.
func under(d, a uint32) uint32 {
	rb := d & 0x00ff00ff * a
	g := d >> 8 & 0xff * a
	rb = (rb + 0x00800080 + rb>>8&0x00ff00ff) >> 8 & 0x00ff00ff
	g = (g + 0x80 + g>>8) >> 8 & 0xff
	return rb | g<<8
}

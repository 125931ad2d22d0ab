package sdl

import "image"

// Cursor is what the host's pointer looks like.
type Cursor struct {
	Image *image.RGBA // premultiplied; nil: there is nothing to see
	Hot   image.Point // the pixel of Image that points
}

// blueFirst writes row y of an image as blue, green, red, alpha; straight
// divides the colours by alpha.
func blueFirst(dst []byte, m *image.RGBA, y int, straight bool) {
	src := m.Pix[y*m.Stride:][:4*m.Rect.Dx()]
	for i := 0; i < len(src); i += 4 {
		r, g, b, a := src[i], src[i+1], src[i+2], src[i+3]
		if straight && a != 0 {
			r, g, b = divided(r, a), divided(g, a), divided(b, a)
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = b, g, r, a
	}
}

// divided is a colour that was multiplied by alpha as it was before.
func divided(v, a byte) byte { return byte(min((int(v)*255+int(a)/2)/int(a), 255)) }

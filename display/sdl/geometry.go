package sdl

import "image"

// letterbox returns the largest rectangle with the picture's proportions in
// the middle of a window.
func letterbox(window, picture image.Point) image.Rectangle {
	if window.X <= 0 || window.Y <= 0 || picture.X <= 0 || picture.Y <= 0 {
		return image.Rectangle{}
	}
	size := image.Pt(window.X, (window.X*picture.Y+picture.X/2)/picture.X)
	if size.Y > window.Y {
		size = image.Pt((window.Y*picture.X+picture.Y/2)/picture.Y, window.Y)
	}
	size.X, size.Y = max(size.X, 1), max(size.Y, 1)
	at := window.Sub(size).Div(2)
	at.X &^= 3 // 16 bytes: what the converter's vector code likes
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

// bars returns what letterbox left of the window: above, below, left, right.
func bars(window image.Point, picture image.Rectangle) [4]image.Rectangle {
	return [4]image.Rectangle{
		image.Rect(0, 0, window.X, picture.Min.Y),
		image.Rect(0, picture.Max.Y, window.X, window.Y),
		image.Rect(0, picture.Min.Y, picture.Min.X, picture.Max.Y),
		image.Rect(picture.Max.X, picture.Min.Y, window.X, picture.Max.Y),
	}
}

// absolute maps a point of the window to 0..65535 over the picture; points
// beside the picture are moved to its edge.
func absolute(picture image.Rectangle, p image.Point) (x, y uint16) {
	return share(p.X-picture.Min.X, picture.Dx()), share(p.Y-picture.Min.Y, picture.Dy())
}

func share(at, size int) uint16 {
	last := size - 1
	if last <= 0 {
		return 0
	}
	at = min(max(at, 0), last)
	return uint16((at*65535 + last/2) / last)
}

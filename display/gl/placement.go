package gl

import "image"

// Placement returns where on an output a picture lies: the largest rectangle of
// its proportions in the middle, or the whole output. It is empty where either
// has no pixels. Pictures and pointers are placed by the same arithmetic.
func Placement(output, picture image.Point, fit Fit) image.Rectangle {
	if output.X <= 0 || output.Y <= 0 || picture.X <= 0 || picture.Y <= 0 {
		return image.Rectangle{}
	}
	if fit == Stretch {
		return image.Rectangle{Max: output}
	}
	size := image.Pt(output.X, (output.X*picture.Y+picture.X/2)/picture.X)
	if size.Y > output.Y {
		size = image.Pt((output.Y*picture.X+picture.Y/2)/picture.Y, output.Y)
	}
	size.X, size.Y = max(size.X, 1), max(size.Y, 1)
	at := output.Sub(size).Div(2)
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

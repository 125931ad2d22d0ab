package source

import (
	"image"

	"github.com/blade-shadow/terminal/internal/host/source/x11"
)

// Along returns the middle of pixel p of n as 0..65535.
func Along(p, n int) uint16 { return along(p, n) }

// ShapeOf turns X's pixels into a shape.
func ShapeOf(width, height int, hot image.Point, pix []uint32) *PointerShape {
	return shapeOf(x11.Shape{Size: image.Pt(width, height), Hot: hot, Pix: pix})
}

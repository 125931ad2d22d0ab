package hosttest

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// NearestScaler scales I420 by taking the nearest sample: ugly, right in size,
// and without any C library.
type NearestScaler struct{}

// Scale fills dst from src.
func (NearestScaler) Scale(dst, src *media.Frame) error {
	if dst.Format != media.I420 || src.Format != media.I420 {
		return fmt.Errorf("scale %v to %v: only I420 is supported", src.Format, dst.Format)
	}
	for plane := range 3 {
		half := min(plane, 1)
		w, h := (dst.Width+half)>>half, (dst.Height+half)>>half
		sw, sh := (src.Width+half)>>half, (src.Height+half)>>half
		for y := range h {
			to, from := dst.Planes[plane][y*dst.Stride[plane]:], src.Planes[plane][y*sh/h*src.Stride[plane]:]
			for x := range w {
				to[x] = from[x*sw/w]
			}
		}
	}
	return nil
}

// Close does nothing.
func (NearestScaler) Close() {}

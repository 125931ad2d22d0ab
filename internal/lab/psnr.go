package lab

import (
	"fmt"
	"image"
	"math"
)

// PSNR returns the peak signal-to-noise ratio of two pictures of one size over
// red, green and blue together, in decibels; +Inf when they are the same.
// Above 35 dB a person sees the difference only side by side.
func PSNR(a, b *image.RGBA) (float64, error) {
	if a.Rect.Size() != b.Rect.Size() {
		return 0, fmt.Errorf("compare pictures: %v is not %v", a.Rect.Size(), b.Rect.Size())
	}
	var sum uint64
	for y := range a.Rect.Dy() {
		rowA := a.Pix[y*a.Stride : y*a.Stride+4*a.Rect.Dx()]
		rowB := b.Pix[y*b.Stride : y*b.Stride+4*a.Rect.Dx()]
		sum += squaredError(rowA, rowB)
	}
	if sum == 0 {
		return math.Inf(1), nil
	}
	mean := float64(sum) / float64(3*a.Rect.Dx()*a.Rect.Dy())
	return 10 * math.Log10(255*255/mean), nil
}

// squaredError sums over two rows of RGBA pixels, alpha left out.
func squaredError(a, b []byte) uint64 {
	var sum uint64
	for i := 0; i+3 < len(a); i += 4 {
		for c := range 3 {
			d := int(a[i+c]) - int(b[i+c])
			sum += uint64(d * d)
		}
	}
	return sum
}

package lab_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

func grey(width, height int, level uint8) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			p.SetRGBA(x, y, color.RGBA{level, level, level, 255})
		}
	}
	return p
}

func TestPSNR(t *testing.T) {
	one := grey(10, 10, 100)
	one.SetRGBA(3, 4, color.RGBA{110, 100, 100, 255})
	tests := []struct {
		name string
		a, b *image.RGBA
		want float64
	}{
		{"same", grey(16, 8, 7), grey(16, 8, 7), math.Inf(1)},
		{"black and white", grey(4, 4, 0), grey(4, 4, 255), 0},
		{"ten levels off", grey(4, 4, 100), grey(4, 4, 110), 28.13},
		{"ten levels off in one of 300 samples", grey(10, 10, 100), one, 52.90},
		{"part of a larger picture", grey(20, 20, 9).SubImage(image.Rect(5, 5, 9, 9)).(*image.RGBA), grey(4, 4, 9), math.Inf(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lab.PSNR(tt.a, tt.b)
			if err != nil || got != tt.want && math.Abs(got-tt.want) > 0.01 {
				t.Errorf("PSNR() = %.2f, %v; want %.2f", got, err, tt.want)
			}
		})
	}
	if _, err := lab.PSNR(grey(4, 4, 0), grey(4, 5, 0)); err == nil {
		t.Error("PSNR(different sizes) = nil; want an error")
	}
}

package gl_test

import (
	"image"
	"math"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestPlacement(t *testing.T) {
	tests := []struct {
		name            string
		output, picture image.Point
		fit             gl.Fit
		want            image.Rectangle
	}{
		{"same", image.Pt(1280, 720), image.Pt(1280, 720), gl.Letterbox, image.Rect(0, 0, 1280, 720)},
		{"bars above", image.Pt(640, 480), image.Pt(1280, 720), gl.Letterbox, image.Rect(0, 60, 640, 420)},
		{"bars beside", image.Pt(1280, 720), image.Pt(640, 480), gl.Letterbox, image.Rect(160, 0, 1120, 720)},
		{"odd bars", image.Pt(101, 50), image.Pt(10, 10), gl.Letterbox, image.Rect(25, 0, 75, 50)},
		{"rounded", image.Pt(100, 100), image.Pt(3, 2), gl.Letterbox, image.Rect(0, 16, 100, 83)},
		{"never empty", image.Pt(4, 400), image.Pt(4000, 2), gl.Letterbox, image.Rect(0, 199, 4, 200)},
		{"stretch", image.Pt(640, 480), image.Pt(1280, 720), gl.Stretch, image.Rect(0, 0, 640, 480)},
		{"no picture", image.Pt(640, 480), image.Pt(0, 720), gl.Stretch, image.Rectangle{}},
		{"no output", image.Pt(640, 0), image.Pt(1280, 720), gl.Letterbox, image.Rectangle{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := gl.Placement(test.output, test.picture, test.fit); got != test.want {
				t.Errorf("Placement(%v, %v, %v) = %v; want %v", test.output, test.picture, test.fit, got, test.want)
			}
		})
	}
}

// TestPlacementIsLargest tries many sizes: the picture fits, touches two
// opposite edges, is centred and keeps its proportions to a pixel.
func TestPlacementIsLargest(t *testing.T) {
	for w := 1; w < 200; w += 7 {
		for h := 1; h < 200; h += 11 {
			output, picture := image.Pt(160, 90), image.Pt(w, h)
			got := gl.Placement(output, picture, gl.Letterbox)
			touches := got.Dx() == output.X || got.Dy() == output.Y
			centred := within(got.Min.X, output.X-got.Max.X, 1) && within(got.Min.Y, output.Y-got.Max.Y, 1)
			skew := math.Abs(float64(got.Dx())/float64(got.Dy())*float64(h)/float64(w) - 1)
			slack := 1 / float64(min(got.Dx(), got.Dy()))
			if min(got.Dx(), got.Dy()) == 1 {
				slack = math.Inf(1) // it would be thinner
			}
			if !got.In(image.Rectangle{Max: output}) || !touches || !centred || skew > slack {
				t.Errorf("Placement(%v, %v) = %v; want the largest, centred", output, picture, got)
			}
		}
	}
}

func within(a, b, by int) bool { return a-b <= by && b-a <= by }

// TestColors compares the matrices with the equations as the standard has
// them, on colours whose samples are known (ITU-R BT.709, BT.601).
func TestColors(t *testing.T) {
	tests := []struct {
		name      string
		matrix    media.ColorMatrix
		full      bool
		y, cb, cr uint8
		want      [3]uint8
	}{
		{"709 black", media.BT709, false, 16, 128, 128, [3]uint8{0, 0, 0}},
		{"709 white", media.BT709, false, 235, 128, 128, [3]uint8{255, 255, 255}},
		{"709 red", media.BT709, false, 63, 102, 240, [3]uint8{255, 1, 0}},
		{"709 green", media.BT709, false, 173, 42, 26, [3]uint8{0, 255, 1}},
		{"709 blue", media.BT709, false, 32, 240, 118, [3]uint8{1, 0, 255}},
		{"601 red", media.BT601, false, 81, 90, 240, [3]uint8{254, 0, 0}},
		{"601 green", media.BT601, false, 145, 54, 34, [3]uint8{0, 255, 1}},
		{"601 blue", media.BT601, false, 41, 240, 110, [3]uint8{0, 0, 255}},
		{"709 full grey", media.BT709, true, 77, 128, 128, [3]uint8{77, 77, 77}},
		{"601 full red", media.BT601, true, 76, 85, 255, [3]uint8{254, 0, 0}},
		{"709 full blue", media.BT709, true, 18, 255, 116, [3]uint8{0, 0, 254}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := gl.RGB(test.matrix, test.full, test.y, test.cb, test.cr)
			for i := range got {
				if !within(int(got[i]), int(test.want[i]), 1) {
					t.Errorf("rgb(%d, %d, %d) = %v; want %v", test.y, test.cb, test.cr, got, test.want)
					break
				}
			}
		})
	}
}

// drawnBars is the bars as a perfect renderer would show them.
func drawnBars(width, height int) *media.Frame {
	nv12 := media.AllocFrame(media.NV12, width, height)
	gl.FillBars(nv12.Planes[0], nv12.Planes[1], nv12.Stride[0], nv12.Stride[1], width, height)
	f := media.AllocFrame(media.BGRX, width, height)
	for y := range height {
		for x := range width {
			uv := nv12.Planes[1][y/2*nv12.Stride[1]+x/2*2:]
			c := gl.RGB(media.BT709, false, nv12.Planes[0][y*nv12.Stride[0]+x], uv[0], uv[1])
			copy(f.Planes[0][y*f.Stride[0]+x*4:], []byte{c[2], c[1], c[0], 255})
		}
	}
	return f
}

func TestCheckBars(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *media.Frame)
		want  string
	}{
		{"right", func(*media.Frame) {}, ""},
		{"within tolerance", func(f *media.Frame) { f.Planes[0][2] -= gl.Tolerance }, ""},
		{"one pixel", func(f *media.Frame) { f.Planes[0][2] -= gl.Tolerance + 1 }, "pixel (0, 0)"},
		{"black", func(f *media.Frame) { clear(f.Planes[0]) }, "is [0 0 0]"},
		{"red and blue exchanged", func(f *media.Frame) {
			for p := f.Planes[0]; len(p) >= 4; p = p[4:] {
				p[0], p[2] = p[2], p[0]
			}
		}, "pixel"},
		{"rows upside down", func(f *media.Frame) {
			for y := range f.Height / 2 {
				a, b := f.Planes[0][y*f.Stride[0]:][:f.Stride[0]], f.Planes[0][(f.Height-1-y)*f.Stride[0]:][:f.Stride[0]]
				for i := range a {
					a[i], b[i] = b[i], a[i]
				}
			}
		}, "pixel"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := drawnBars(75, 41)
			test.spoil(f)
			err := gl.CheckBars(f)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("CheckBars() = %v; want %q", err, test.want)
			}
		})
	}
}

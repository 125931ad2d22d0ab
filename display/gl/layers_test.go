//go:build linux && cgo && !nonative

package gl_test

import (
	"image"
	"image/color"
	"testing"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// glass returns a premultiplied image of every alpha.
func glass(r image.Rectangle, seed int) *image.RGBA {
	m := image.NewRGBA(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			a := (x*7 + y*13 + seed) % 256
			if (x+y)%9 == 0 {
				a = 255 * (x & 1)
			}
			m.SetRGBA(x, y, color.RGBA{uint8(a * (x % 17) / 16), uint8(a * (y % 13) / 12), uint8(a * (seed % 11) / 10), uint8(a)})
		}
	}
	return m
}

// over is what a layer makes of a colour: premultiplied, source over.
func over(under rgb, m *image.RGBA, area image.Rectangle, x, y int) rgb {
	if !image.Pt(x, y).In(area.Intersect(m.Rect)) {
		return under
	}
	c := m.RGBAAt(x, y)
	keep := 1 - float64(c.A)/255
	return rgb{float64(c.R) + under[0]*keep, float64(c.G) + under[1]*keep, float64(c.B) + under[2]*keep}
}

func TestLayers(t *testing.T) {
	d := surfaceless(t)
	output := image.Rect(0, 0, 90, 60)
	picture := pattern(media.BGRX, 90, 60)
	panel, notice := glass(output, 3), glass(image.Rect(20, 10, 70, 50), 8)
	tests := []struct {
		name   string
		layers []gl.Layer
	}{
		{"all of it", []gl.Layer{{Image: panel, Area: output}}},
		{"a part", []gl.Layer{{Image: panel, Area: image.Rect(7, 9, 31, 22)}}},
		{"one over the other", []gl.Layer{{Image: panel, Area: image.Rect(5, 5, 60, 40)}, {Image: notice, Area: notice.Rect}}},
		{"area outside the image", []gl.Layer{{Image: notice, Area: image.Rect(0, 0, 200, 200)}}},
		{"over the edge", []gl.Layer{{Image: glass(image.Rect(-20, -10, 30, 80), 5), Area: image.Rect(-20, -10, 30, 80)}}},
		{"outside the output", []gl.Layer{{Image: glass(image.Rect(100, 0, 130, 30), 5), Area: image.Rect(100, 0, 130, 30)}}},
		{"nothing", []gl.Layer{{Image: panel}, {}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := renderer(t, d, 90, 60)
			got := drawn(t, r, &gl.Scene{Picture: picture, Layers: test.layers})
			compare(t, got, 1, func(x, y int) rgb {
				c := colorAt(picture, x, y)
				for _, l := range test.layers {
					if l.Image != nil {
						c = over(c, l.Image, l.Area, x, y)
					}
				}
				return c
			})
		})
	}
}

// TestLayersAreNotDim draws a panel over a dim picture.
func TestLayersAreNotDim(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 40, 30)
	picture, panel := pattern(media.BGRX, 40, 30), glass(image.Rect(0, 0, 40, 30), 3)
	got := drawn(t, r, &gl.Scene{Picture: picture, Dim: true, Layers: []gl.Layer{{Image: panel, Area: panel.Rect}}})
	compare(t, got, 1.5, func(x, y int) rgb {
		c := colorAt(picture, x, y)
		return over(rgb{c[0] / 4, c[1] / 4, c[2] / 4}, panel, panel.Rect, x, y)
	})
}

// TestVersions counts what is uploaded: only what is new, and of that only the area.
func TestVersions(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 90, 60)
	panel, arrow := glass(image.Rect(0, 0, 90, 60), 3), glass(image.Rect(0, 0, 8, 8), 1)
	scene := &gl.Scene{
		Layers: []gl.Layer{{Image: panel, Area: image.Rect(10, 10, 30, 20), Version: 1}},
		Cursor: &gl.Cursor{Image: arrow, Version: 1},
	}
	steps := []struct {
		name    string
		change  func()
		uploads uint64
		bytes   uint64
	}{
		{"first", func() {}, 2, 4*20*10 + 4*8*8},
		{"the same", func() {}, 0, 0},
		{"cursor moved", func() { scene.Cursor.At = image.Pt(40, 40) }, 0, 0},
		{"pixels without a version", func() { clear(panel.Pix) }, 0, 0},
		{"version", func() { scene.Layers[0].Version = 2 }, 1, 4 * 20 * 10},
		{"area", func() { scene.Layers[0].Area = image.Rect(10, 10, 20, 20) }, 1, 4 * 10 * 10},
		{"cursor", func() { scene.Cursor.Version = 2 }, 1, 4 * 8 * 8},
		{"another layer", func() {
			scene.Layers = append(scene.Layers, gl.Layer{Image: panel, Area: image.Rect(0, 0, 2, 2), Version: 2})
		}, 1, 4 * 2 * 2},
		{"gone", func() { scene.Layers = scene.Layers[:1] }, 0, 0},
		{"back again", func() { scene.Layers = scene.Layers[:2] }, 0, 0},
	}
	for _, step := range steps {
		step.change()
		before := r.Stats()
		got := drawn(t, r, scene)
		after := r.Stats()
		if n, b := after.Uploads-before.Uploads, after.UploadBytes-before.UploadBytes; n != step.uploads || b != step.bytes {
			t.Errorf("%s: %d uploads of %d bytes; want %d of %d", step.name, n, b, step.uploads, step.bytes)
		}
		if step.name == "version" { // the cleared panel is there now
			compare(t, got, 1, func(x, y int) rgb { return over(rgb{}, arrow, arrow.Rect, x-40, y-40) })
		}
	}
}

func TestTooManyLayers(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 8, 8)
	if err := r.Draw(&gl.Scene{Layers: make([]gl.Layer, gl.MaxLayers)}); err != nil {
		t.Errorf("Draw() of %d layers = %v; want nil", gl.MaxLayers, err)
	}
	if err := r.Draw(&gl.Scene{Layers: make([]gl.Layer, gl.MaxLayers+1)}); err == nil {
		t.Errorf("Draw() of %d layers = nil; want an error", gl.MaxLayers+1)
	}
}

func TestCursor(t *testing.T) {
	d := surfaceless(t)
	arrow := glass(image.Rect(0, 0, 24, 16), 5)
	picture := pattern(media.BGRX, 90, 60)
	for _, at := range []image.Point{{40, 30}, {0, 0}, {89, 59}, {3, 58}, {-10, 20}, {500, 500}} {
		hot := image.Pt(5, 2)
		r := renderer(t, d, 90, 60)
		got := drawn(t, r, &gl.Scene{Picture: picture, Cursor: &gl.Cursor{Image: arrow, Hot: hot, At: at}})
		from := at.Sub(hot)
		compare(t, got, 1, func(x, y int) rgb {
			return over(colorAt(picture, x, y), arrow, arrow.Rect, x-from.X, y-from.Y)
		})
	}
}

// TestCursorOfASubimage draws an image that does not begin at 0, 0.
func TestCursorOfASubimage(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 30, 30)
	part := glass(image.Rect(0, 0, 24, 24), 5).SubImage(image.Rect(4, 6, 20, 16)).(*image.RGBA)
	got := drawn(t, r, &gl.Scene{Cursor: &gl.Cursor{Image: part, Hot: image.Pt(2, 3), At: image.Pt(10, 10)}})
	compare(t, got, 1, func(x, y int) rgb { return over(rgb{}, part, part.Rect, x-8+4, y-7+6) })
}

// TestScaledCursor doubles a cursor with its picture: in the middle of its
// pixels it has their colours, and it lies where the picture's pixel does.
func TestScaledCursor(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 100, 60) // a picture of 40x30 is 80x60 at 10, 0
	block := image.NewRGBA(image.Rect(0, 0, 4, 4))
	for i := range block.Pix {
		block.Pix[i] = 255
	}
	got := drawn(t, r, &gl.Scene{
		Picture: media.AllocFrame(media.BGRX, 40, 30),
		Cursor:  &gl.Cursor{Image: block, Hot: image.Pt(1, 1), At: image.Pt(20, 10), Scaled: true},
	})
	where := image.Rect(10+2*19, 2*9, 10+2*23, 2*13)
	compare(t, got, 0, func(x, y int) rgb {
		if image.Pt(x, y).In(where) {
			return rgb{255, 255, 255}
		}
		return rgb{}
	})
}

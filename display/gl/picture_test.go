//go:build linux && cgo && !nonative

package gl_test

import (
	"fmt"
	"image"
	"math"
	"testing"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// plane is samples for the reference, 0 to 255.
type plane struct {
	width, height int
	at            func(x, y int) float64
}

// sample reads a plane between its samples, whose centres are at halves, and
// never outside the limits.
func (p plane) sample(x, y float64, limit image.Rectangle) float64 {
	x = min(max(x, float64(limit.Min.X)+0.5), float64(limit.Max.X)-0.5) - 0.5
	y = min(max(y, float64(limit.Min.Y)+0.5), float64(limit.Max.Y)-0.5) - 0.5
	x0, y0 := math.Floor(x), math.Floor(y)
	fx, fy := x-x0, y-y0
	get := func(dx, dy int) float64 {
		return p.at(min(max(int(x0)+dx, 0), p.width-1), min(max(int(y0)+dy, 0), p.height-1))
	}
	return (get(0, 0)*(1-fx)+get(1, 0)*fx)*(1-fy) + (get(0, 1)*(1-fx)+get(1, 1)*fx)*fy
}

// reference is a picture as the equations have it.
type reference struct {
	luma, cb, cr plane
	crop         image.Rectangle
	matrix       media.ColorMatrix
	full         bool
}

// color returns what a pixel of the output shows whose picture lies at place.
func (r *reference) color(place image.Rectangle, x, y int) rgb {
	if !image.Pt(x, y).In(place) {
		return rgb{}
	}
	px := float64(r.crop.Min.X) + (float64(x-place.Min.X)+0.5)*float64(r.crop.Dx())/float64(place.Dx())
	py := float64(r.crop.Min.Y) + (float64(y-place.Min.Y)+0.5)*float64(r.crop.Dy())/float64(place.Dy())
	limit := image.Rect(r.crop.Min.X/2, r.crop.Min.Y/2, (r.crop.Max.X+1)/2, (r.crop.Max.Y+1)/2)
	luma := r.luma.sample(px, py, r.crop)
	cb := r.cb.sample(px/2+0.25, py/2, limit) - 128
	cr := r.cr.sample(px/2+0.25, py/2, limit) - 128
	return equations(r.matrix, r.full, luma, cb, cr)
}

// equations are H.273's, one after the other.
func equations(matrix media.ColorMatrix, full bool, y, cb, cr float64) rgb {
	kr, kb := 0.2126, 0.0722
	if matrix == media.BT601 {
		kr, kb = 0.299, 0.114
	}
	if full {
		y, cb, cr = y/255, cb/255, cr/255
	} else {
		y, cb, cr = (y-16)/219, cb/224, cr/224
	}
	red, blue := y+2*(1-kr)*cr, y+2*(1-kb)*cb
	green := (y - kr*red - kb*blue) / (1 - kr - kb)
	c := rgb{red, green, blue}
	for i := range c {
		c[i] = min(max(c[i], 0), 1) * 255
	}
	return c
}

// pattern fills a frame with gradients and edges, the same every time.
func pattern(format media.PixelFormat, width, height int) *media.Frame {
	f := media.AllocFrame(format, width, height)
	state := uint32(12345)
	for p := range f.Planes {
		for i := range f.Planes[p] {
			state = state*1664525 + 1013904223
			x, y := i%f.Stride[p], i/f.Stride[p]
			f.Planes[p][i] = byte(16 + (x*5+y*3+p*40+int(state>>28))%220)
		}
	}
	return f
}

func planeOf(f *media.Frame, n, offset, step, width, height int) plane {
	return plane{width, height, func(x, y int) float64 { return float64(f.Planes[n][y*f.Stride[n]+x*step+offset]) }}
}

func referenceOf(f *media.Frame) *reference {
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	r := &reference{
		luma: planeOf(f, 0, 0, 1, f.Width, f.Height), crop: image.Rect(0, 0, f.Width, f.Height),
		matrix: f.Matrix(), full: f.FullRange,
	}
	if f.Format == media.I420 {
		r.cb, r.cr = planeOf(f, 1, 0, 1, cw, ch), planeOf(f, 2, 0, 1, cw, ch)
	} else {
		r.cb, r.cr = planeOf(f, 1, 0, 2, cw, ch), planeOf(f, 1, 1, 2, cw, ch)
	}
	return r
}

// TestPictures draws every layout, matrix, range, size and fit, and compares
// every pixel with the equations.
func TestPictures(t *testing.T) {
	d := surfaceless(t)
	sizes := []struct{ picture, output image.Point }{
		{image.Pt(64, 48), image.Pt(64, 48)},   // as it is
		{image.Pt(65, 47), image.Pt(65, 47)},   // odd
		{image.Pt(64, 48), image.Pt(160, 90)},  // larger, bars beside
		{image.Pt(99, 33), image.Pt(66, 66)},   // smaller, bars above
		{image.Pt(1, 1), image.Pt(16, 16)},     // one pixel
		{image.Pt(130, 74), image.Pt(131, 75)}, // nearly as it is
	}
	for _, format := range []media.PixelFormat{media.I420, media.NV12} {
		for _, matrix := range []media.ColorMatrix{media.BT601, media.BT709} {
			for _, full := range []bool{false, true} {
				for _, size := range sizes {
					for _, fit := range []gl.Fit{gl.Letterbox, gl.Stretch} {
						name := fmt.Sprintf("%v/matrix%d/full=%v/%v in %v/fit%d", format, matrix, full, size.picture, size.output, fit)
						t.Run(name, func(t *testing.T) {
							f := pattern(format, size.picture.X, size.picture.Y)
							f.Color, f.FullRange = matrix, full
							r := renderer(t, d, size.output.X, size.output.Y)
							got := drawn(t, r, &gl.Scene{Picture: f, Fit: fit})
							place, want := gl.Placement(size.output, size.picture, fit), referenceOf(f)
							compare(t, got, 2, func(x, y int) rgb { return want.color(place, x, y) })
						})
					}
				}
			}
		}
	}
}

// TestStrides draws pictures whose rows are longer than they look, by numbers
// that GL can and cannot be told.
func TestStrides(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 40, 30)
	for _, format := range []media.PixelFormat{media.I420, media.NV12} {
		for _, extra := range []int{0, 1, 2, 7} {
			f := &media.Frame{Format: format, Width: 40, Height: 30, Color: media.BT601}
			state := byte(1)
			for p, row := range map[media.PixelFormat][]int{media.I420: {40, 20, 20}, media.NV12: {40, 40}}[format] {
				f.Stride[p] = row + extra
				rows := 30
				if p > 0 {
					rows = 15
				}
				f.Planes[p] = make([]byte, (rows-1)*f.Stride[p]+row) // not a byte more than needed
				for i := range f.Planes[p] {
					state = state*5 + 3
					f.Planes[p][i] = 60 + state%100
				}
			}
			want := referenceOf(f)
			got := drawn(t, r, &gl.Scene{Picture: f})
			compare(t, got, 2, func(x, y int) rgb { return want.color(image.Rect(0, 0, 40, 30), x, y) })
		}
	}
}

// TestBGRX draws pictures that have no colours to convert: as they are they
// arrive exactly.
func TestBGRX(t *testing.T) {
	d := surfaceless(t)
	f := pattern(media.BGRX, 31, 17)
	exact := drawn(t, renderer(t, d, 31, 17), &gl.Scene{Picture: f})
	compare(t, exact, 0, func(x, y int) rgb { return colorAt(f, x, y) })
}

// TestRounds draws more pictures than there are textures in turn, of changing
// size and layout, and looks at each.
func TestRounds(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 64, 64)
	for i := range 12 {
		format := []media.PixelFormat{media.I420, media.NV12, media.I420}[i%3]
		f := pattern(format, 30+2*(i%5), 20+i%4)
		for p := range f.Planes[0] {
			f.Planes[0][p] += byte(i)
		}
		got := drawn(t, r, &gl.Scene{Picture: f})
		place, want := gl.Placement(image.Pt(64, 64), image.Pt(f.Width, f.Height), gl.Letterbox), referenceOf(f)
		compare(t, got, 2, func(x, y int) rgb { return want.color(place, x, y) })
	}
}

func TestDim(t *testing.T) {
	d := surfaceless(t)
	f := pattern(media.I420, 64, 48)
	for i := range f.Planes[0][:f.Stride[0]*8] {
		f.Planes[0][i] = 255 // whiter than white counts as white
	}
	r := renderer(t, d, 100, 48)
	got := drawn(t, r, &gl.Scene{Picture: f, Dim: true})
	place, want := gl.Placement(image.Pt(100, 48), image.Pt(64, 48), gl.Letterbox), referenceOf(f)
	compare(t, got, 1, func(x, y int) rgb {
		c := want.color(place, x, y)
		return rgb{c[0] / 4, c[1] / 4, c[2] / 4}
	})
}

// TestNothing draws no picture over one.
func TestNothing(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 20, 10)
	drawn(t, r, &gl.Scene{Picture: pattern(media.NV12, 20, 10)})
	compare(t, drawn(t, r, &gl.Scene{}), 0, func(int, int) rgb { return rgb{} })
}

// TestBarsAreBlack draws a small picture after a full one: nothing of it may
// stay beside the new one.
func TestBarsAreBlack(t *testing.T) {
	d := surfaceless(t)
	r := renderer(t, d, 64, 64)
	white := media.AllocFrame(media.BGRX, 64, 64)
	for i := range white.Planes[0] {
		white.Planes[0][i] = 255
	}
	drawn(t, r, &gl.Scene{Picture: white})
	flat := media.AllocFrame(media.BGRX, 64, 36)
	for i := range flat.Planes[0] {
		flat.Planes[0][i] = 200
	}
	place := image.Rect(0, 14, 64, 50)
	compare(t, drawn(t, r, &gl.Scene{Picture: flat}), 0, func(x, y int) rgb {
		if image.Pt(x, y).In(place) {
			return rgb{200, 200, 200}
		}
		return rgb{}
	})
}

// TestCrop draws the visible part of a surface whose surroundings are bright:
// nothing of them may come in, whatever the scale.
func TestCrop(t *testing.T) {
	d := surfaceless(t)
	for _, crop := range []image.Rectangle{
		image.Rect(0, 0, 60, 34), image.Rect(8, 6, 56, 40), image.Rect(3, 5, 52, 36), image.Rect(0, 0, 64, 48), image.Rect(10, 10, 11, 11),
	} {
		for _, output := range []image.Point{crop.Size(), image.Pt(130, 100), image.Pt(20, 20)} {
			t.Run(fmt.Sprintf("%v in %v", crop, output), func(t *testing.T) {
				nv12 := pattern(media.NV12, 64, 48)
				brighten(nv12, crop)
				r := renderer(t, d, output.X, output.Y)
				f := surfaceFrame(t, r, nv12, 1, 1, crop)
				want := referenceOf(nv12)
				want.crop, want.matrix = crop, f.Matrix()
				got := drawn(t, r, &gl.Scene{Picture: f})
				place := gl.Placement(output, crop.Size(), gl.Letterbox)
				compare(t, got, 2, func(x, y int) rgb { return want.color(place, x, y) })
			})
		}
	}
}

// brighten makes everything outside crop white.
func brighten(f *media.Frame, crop image.Rectangle) {
	for y := range f.Height {
		for x := range f.Width {
			if !image.Pt(x, y).In(crop) {
				f.Planes[0][y*f.Stride[0]+x] = 255
			}
		}
	}
}

// surfaceFrame puts a copy of an NV12 picture where an imported surface would be.
func surfaceFrame(t testing.TB, r *gl.Renderer, nv12 *media.Frame, pool uint64, id uint32, crop image.Rectangle) *media.Frame {
	t.Helper()
	cw, ch := (nv12.Width+1)/2, (nv12.Height+1)/2
	s := &media.Surface{
		Pool: pool, ID: id,
		Objects: []media.SurfaceObject{{FD: -1, Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: nv12.Stride[0], Width: nv12.Width, Height: nv12.Height},
			{FourCC: media.FourCCGR88, Pitch: nv12.Stride[1], Width: cw, Height: ch},
		},
	}
	if err := r.PretendImport(s, packed(nv12, 0, nv12.Width, nv12.Height), packed(nv12, 1, 2*cw, ch)); err != nil {
		t.Fatalf("PretendImport() = %v; want nil", err)
	}
	return &media.Frame{
		Format: media.DMABuf, Width: crop.Dx(), Height: crop.Dy(), CropX: crop.Min.X, CropY: crop.Min.Y,
		Surface: s, Color: media.BT709,
	}
}

// packed returns a plane without what is between its rows.
func packed(f *media.Frame, n, row, rows int) []byte {
	var out []byte
	for y := range rows {
		out = append(out, f.Planes[n][y*f.Stride[n]:][:row]...)
	}
	return out
}

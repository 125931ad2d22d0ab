//go:build linux && cgo && !nonative

package libav_test

import (
	"fmt"
	"image"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// yuv is the reference: ITU-T H.273 equations in floating point.
type yuv struct {
	kr, kb float64
	full   bool
}

func newYUV(m media.ColorMatrix, full bool) yuv {
	if m == media.BT709 {
		return yuv{0.2126, 0.0722, full}
	}
	return yuv{0.299, 0.114, full}
}

func (m yuv) fromRGB(r, g, b float64) (y, u, v float64) {
	y = m.kr*r + (1-m.kr-m.kb)*g + m.kb*b
	u, v = (b-y)/(2*(1-m.kb)), (r-y)/(2*(1-m.kr))
	if m.full {
		return y, u + 128, v + 128
	}
	return 16 + y*219/255, 128 + u*224/255, 128 + v*224/255
}

func (m yuv) toRGB(y, u, v float64) (r, g, b float64) {
	u, v = u-128, v-128
	if !m.full {
		y, u, v = (y-16)*255/219, u*255/224, v*255/224
	}
	r, b = y+2*(1-m.kr)*v, y+2*(1-m.kb)*u
	g = (y - m.kr*r - m.kb*b) / (1 - m.kr - m.kb)
	return clamp(r), clamp(g), clamp(b)
}

func clamp(v float64) float64 { return math.Round(min(max(v, 0), 255)) }

// patches are colours on a grid, each a block of 16x16 pixels, the cube's
// corners and everything in steps of 51 between.
const patch, grid = 16, 15

func patchColor(i int) (r, g, b float64) {
	i %= 216
	return float64(i % 6 * 51), float64(i / 6 % 6 * 51), float64(i / 36 * 51)
}

func patchRGB(f *media.Frame, i int) (r, g, b float64) {
	x, y := i%grid*patch+patch/2, i/grid*patch+patch/2
	p := f.Planes[0][y*f.Stride[0]+4*x:]
	return float64(p[2]), float64(p[1]), float64(p[0])
}

func patchYUV(f *media.Frame, i int) (y, u, v float64) {
	x, r := i%grid*patch+patch/2, i/grid*patch+patch/2
	y = float64(f.Planes[0][r*f.Stride[0]+x])
	if f.Format == media.NV12 {
		p := f.Planes[1][r/2*f.Stride[1]+x:]
		return y, float64(p[0]), float64(p[1])
	}
	return y, float64(f.Planes[1][r/2*f.Stride[1]+x/2]), float64(f.Planes[2][r/2*f.Stride[2]+x/2])
}

// paintPatches draws the grid in f's own layout, matrix and range.
func paintPatches(f *media.Frame) {
	m := newYUV(f.Matrix(), f.FullRange)
	for y := range f.Height {
		for x := range f.Width {
			r, g, b := patchColor(min(y/patch, grid-1)*grid + min(x/patch, grid-1))
			if f.Format == media.BGRX {
				copy(f.Planes[0][y*f.Stride[0]+4*x:], []byte{byte(b), byte(g), byte(r), 0})
				continue
			}
			l, u, v := m.fromRGB(r, g, b)
			f.Planes[0][y*f.Stride[0]+x] = byte(clamp(l))
			if f.Format == media.NV12 {
				copy(f.Planes[1][y/2*f.Stride[1]+x/2*2:], []byte{byte(clamp(u)), byte(clamp(v))})
				continue
			}
			f.Planes[1][y/2*f.Stride[1]+x/2] = byte(clamp(u))
			f.Planes[2][y/2*f.Stride[2]+x/2] = byte(clamp(v))
		}
	}
}

func newPicture(format media.PixelFormat, w, h int, m media.ColorMatrix, full bool) *media.Frame {
	f := media.AllocFrame(format, w, h)
	f.Color, f.FullRange = m, full
	return f
}

var (
	matrices = []media.ColorMatrix{media.BT601, media.BT709}
	ranges   = []bool{false, true}
)

func rangeName(full bool) string {
	if full {
		return "full"
	}
	return "limited"
}

// TestScaleToRGB compares what the screen gets with the equations.
func TestScaleToRGB(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	for _, format := range []media.PixelFormat{media.I420, media.NV12} {
		for _, m := range matrices {
			for _, full := range ranges {
				t.Run(fmt.Sprintf("%v/%d/%s", format, m, rangeName(full)), func(t *testing.T) {
					src := newPicture(format, grid*patch, grid*patch, m, full)
					dst := media.AllocFrame(media.BGRX, grid*patch, grid*patch)
					paintPatches(src)
					if err := s.Scale(dst, src); err != nil {
						t.Fatal(err)
					}
					worst := 0.0
					for i := range grid * grid {
						y, u, v := patchYUV(src, i)
						wr, wg, wb := newYUV(m, full).toRGB(y, u, v)
						r, g, b := patchRGB(dst, i)
						worst = max(worst, math.Abs(r-wr), math.Abs(g-wg), math.Abs(b-wb))
					}
					t.Logf("worst error %.0f levels", worst)
					if worst > 2 {
						t.Errorf("worst error = %.0f levels; want 2 or less", worst)
					}
				})
			}
		}
	}
}

// TestScaleFromRGB compares what the encoder gets with the equations.
func TestScaleFromRGB(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	for _, format := range []media.PixelFormat{media.I420, media.NV12} {
		for _, m := range matrices {
			for _, full := range ranges {
				t.Run(fmt.Sprintf("%v/%d/%s", format, m, rangeName(full)), func(t *testing.T) {
					src := media.AllocFrame(media.BGRX, grid*patch, grid*patch)
					dst := newPicture(format, grid*patch, grid*patch, m, full)
					paintPatches(src)
					if err := s.Scale(dst, src); err != nil {
						t.Fatal(err)
					}
					worst := 0.0
					for i := range grid * grid {
						wy, wu, wv := newYUV(m, full).fromRGB(patchColor(i))
						y, u, v := patchYUV(dst, i)
						worst = max(worst, math.Abs(y-clamp(wy)), math.Abs(u-clamp(wu)), math.Abs(v-clamp(wv)))
					}
					t.Logf("worst error %.0f levels", worst)
					if worst > 2 {
						t.Errorf("worst error = %.0f levels; want 2 or less", worst)
					}
				})
			}
		}
	}
}

// TestScaleSizes converts between odd sizes and short rows, and compares the
// middle of some patches.
func TestScaleSizes(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	sizes := [][2]int{{240, 240}, {241, 239}, {500, 300}, {127, 333}, {1920, 1080}}
	formats := []media.PixelFormat{media.I420, media.NV12, media.BGRX}
	for _, size := range sizes {
		for _, from := range formats {
			for _, to := range formats {
				src := newPicture(from, 240, 240, media.BT709, false)
				dst := newPicture(to, size[0], size[1], media.BT709, false)
				paintPatches(src)
				if err := s.Scale(dst, src); err != nil {
					t.Fatalf("Scale(%v to %v %v) = %v", from, to, size, err)
				}
				checkPatch(t, dst, from, 8, 8)
			}
		}
	}
}

// checkPatch compares patch (px, py) of a picture of any size with its colour.
func checkPatch(t *testing.T, f *media.Frame, from media.PixelFormat, px, py int) {
	t.Helper()
	x, y := (px*patch+patch/2)*f.Width/240, (py*patch+patch/2)*f.Height/240
	wr, wg, wb := patchColor(py*grid + px)
	var r, g, b float64
	switch f.Format {
	case media.BGRX:
		p := f.Planes[0][y*f.Stride[0]+4*x:]
		r, g, b = float64(p[2]), float64(p[1]), float64(p[0])
	case media.NV12:
		p := f.Planes[1][y/2*f.Stride[1]+x/2*2:]
		r, g, b = newYUV(f.Matrix(), f.FullRange).toRGB(float64(f.Planes[0][y*f.Stride[0]+x]), float64(p[0]), float64(p[1]))
	default:
		r, g, b = newYUV(f.Matrix(), f.FullRange).toRGB(float64(f.Planes[0][y*f.Stride[0]+x]),
			float64(f.Planes[1][y/2*f.Stride[1]+x/2]), float64(f.Planes[2][y/2*f.Stride[2]+x/2]))
	}
	if math.Abs(r-wr) > 5 || math.Abs(g-wg) > 5 || math.Abs(b-wb) > 5 {
		t.Errorf("%v to %v %dx%d: patch %d,%d = %.0f %.0f %.0f; want %.0f %.0f %.0f", from, f.Format, f.Width, f.Height, px, py, r, g, b, wr, wg, wb)
	}
}

// TestScaleTightRows has rows without any spare bytes, at every width: the
// last pixel has to be there and nothing after the planes may be touched.
func TestScaleTightRows(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	for w := 16; w < 50; w++ {
		src := tight(media.I420, w, 16)
		for i := range src.Planes {
			for j := range src.Planes[i] {
				src.Planes[i][j] = []byte{235, 128, 128}[i]
			}
		}
		dst := tight(media.BGRX, w, 16)
		if err := s.Scale(dst, src); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst.Planes[0] {
			if i%4 != 3 && v < 250 {
				t.Errorf("width %d: byte %d = %d; want white", w, i, v)
				break
			}
		}
		back := tight(media.I420, w, 16)
		if err := s.Scale(back, dst); err != nil {
			t.Fatal(err)
		}
		for i, v := range back.Planes[0] {
			if v < 230 {
				t.Errorf("width %d: luma %d = %d; want 235", w, i, v)
				break
			}
		}
		for _, f := range []*media.Frame{dst, back} {
			for i, p := range f.Planes {
				for _, v := range p[len(p):cap(p)] {
					if v != 0xa5 {
						t.Fatalf("width %d: Scale wrote after plane %d of %v", w, i, f.Format)
					}
				}
			}
		}
	}
}

// tight is a picture without padding, its planes followed by a guard.
func tight(format media.PixelFormat, w, h int) *media.Frame {
	const guard = 256
	f := media.AllocFrame(format, w, h)
	cw, ch := (w+1)/2, (h+1)/2
	f.Stride = [3]int{w, cw, cw}
	sizes := [3]int{w * h, cw * ch, cw * ch}
	switch format {
	case media.NV12:
		f.Stride, sizes = [3]int{w, 2 * cw}, [3]int{w * h, 2 * cw * ch}
	case media.BGRX:
		f.Stride, sizes = [3]int{4 * w}, [3]int{4 * w * h}
	}
	for i, n := range sizes {
		b := make([]byte, n+guard)
		for j := range b[n:] {
			b[n+j] = 0xa5
		}
		f.Planes[i] = b[:n]
		if n == 0 {
			f.Planes[i] = nil
		}
	}
	return f
}

// TestScaleStaysInside has planes that end with their last pixel, and a page
// behind them that may not be touched: SIMD code works in whole blocks.
func TestScaleStaysInside(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	sizes := []image.Point{{1, 1}, {2, 2}, {33, 17}, {50, 20}, {64, 36}, {366, 68}, {641, 361}}
	formats := []media.PixelFormat{media.I420, media.NV12, media.BGRX}
	for _, padded := range []bool{false, true} {
		for _, from := range formats {
			for _, to := range formats {
				for _, size := range sizes {
					for _, other := range []image.Point{size, {320, 180}, {65, 35}} {
						if err := s.Scale(fenced(t, to, other, padded), fenced(t, from, size, padded)); err != nil {
							t.Errorf("Scale(%v %v to %v %v) = %v; want nil", from, size, to, other, err)
						}
					}
				}
			}
		}
	}
}

// fenced is a picture whose planes end with their last pixel, before a page
// that faults.
func fenced(t *testing.T, format media.PixelFormat, size image.Point, padded bool) *media.Frame {
	t.Helper()
	f := tight(format, size.X, size.Y)
	for i := range f.Planes {
		row := f.Stride[i]
		if row == 0 {
			continue
		}
		rows := len(f.Planes[i]) / row
		if padded {
			f.Stride[i] = (row + 63) &^ 63
		}
		f.Planes[i] = fence(t, f.Stride[i]*(rows-1)+row)
	}
	return f
}

func fence(t *testing.T, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	size := (n + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) }) // it is only a test's
	if err := unix.Mprotect(b[size:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return b[size-n : size : size]
}

func TestScaleErrors(t *testing.T) {
	s := libav.NewScaler()
	defer s.Close()
	good := media.AllocFrame(media.I420, 64, 64)
	short := media.AllocFrame(media.I420, 64, 64)
	short.Planes[1] = short.Planes[1][:100]
	for _, bad := range []*media.Frame{short, {}, {Format: media.BGRX, Width: 4, Height: 4}} {
		if err := s.Scale(good, bad); err == nil {
			t.Errorf("Scale(from %v) = nil; want an error", bad.Format)
		}
		if err := s.Scale(bad, good); err == nil {
			t.Errorf("Scale(to %v) = nil; want an error", bad.Format)
		}
	}
}

package barcode_test

import (
	"errors"
	"image"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/draw"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestReadMarkerGivesWhatDrawWrote(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	sizes := []image.Point{{1280, 720}, {1920, 1080}, {3840, 2160}, {1366, 768}, {640, 360}, {800, 600}, {1080, 1920}, {161, 91}, {barcode.MinWidth, barcode.MinHeight}}
	for _, s := range sizes {
		f := noisy(r, s.X, s.Y)
		for _, want := range []uint16{0, 1, 0x1fff, 0xffff, uint16(r.Uint32())} {
			if err := barcode.DrawMarker(f, want); err != nil {
				t.Fatalf("DrawMarker(%v) = %v; want no error", s, err)
			}
			if got, err := barcode.ReadMarker(f); err != nil || got != want {
				t.Fatalf("ReadMarker(%v) = %d, %v; want %d", s, got, err, want)
			}
		}
	}
}

func TestDrawMarkerTouchesItsAreaOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for _, s := range []image.Point{{1280, 720}, {1366, 768}, {barcode.MinWidth, barcode.MinHeight}} {
		f, payload := noisy(r, s.X, s.Y), randomPayload(r)
		if err := barcode.Draw(f, payload); err != nil {
			t.Fatal(err)
		}
		before := clone(f)
		if err := barcode.DrawMarker(f, 77); err != nil {
			t.Fatal(err)
		}
		area := barcode.MarkerArea(s.X, s.Y)
		if area.Overlaps(barcode.Area(s.X, s.Y)) || !area.In(image.Rectangle{Max: s}) {
			t.Errorf("MarkerArea(%v) = %v; want it inside and away from %v", s, area, barcode.Area(s.X, s.Y))
		}
		for plane, shift := range []int{0, 1, 1} {
			for i, v := range f.Planes[plane] {
				at := image.Pt(i%f.Stride[plane]<<shift, i/f.Stride[plane]<<shift)
				if v != before.Planes[plane][i] && !at.In(area.Inset(-1)) {
					t.Fatalf("DrawMarker changed %v of plane %d; want changes in %v only", at, plane, area)
				}
			}
		}
		if got, err := barcode.Read(f); err != nil || got != payload {
			t.Errorf("Read(with a marker) = %v, %v; want %v", got, err, payload)
		}
	}
}

func clone(f *media.Frame) *media.Frame {
	g := *f
	for i := range g.Planes {
		g.Planes[i] = append([]byte(nil), f.Planes[i]...)
	}
	return &g
}

func TestReadMarkerAfterScaling(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	f := noisy(r, 640, 360)
	if err := barcode.DrawMarker(f, 0x1234); err != nil {
		t.Fatal(err)
	}
	src := toRGBA(r, f, 30)
	for _, percent := range []int{30, 50, 80, 87, 93, 100, 107, 113, 120, 200} {
		dst := image.NewRGBA(image.Rect(0, 0, 640*percent/100, 360*(percent+percent%2)/100))
		draw.BiLinear.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
		if got, err := barcode.ReadMarkerImage(dst); err != nil || got != 0x1234 {
			t.Errorf("ReadMarkerImage(%d %%) = %#x, %v; want 0x1234", percent, got, err)
		}
		if got, err := barcode.ReadMarker(toBGRX(dst)); err != nil || got != 0x1234 {
			t.Errorf("ReadMarker(BGRX, %d %%) = %#x, %v; want 0x1234", percent, got, err)
		}
	}
}

func toBGRX(img *image.RGBA) *media.Frame {
	f := media.AllocFrame(media.BGRX, img.Rect.Dx(), img.Rect.Dy())
	for y := range f.Height {
		for x := range f.Width {
			p := img.Pix[img.PixOffset(x, y):]
			copy(f.Planes[0][y*f.Stride[0]+x*4:], []byte{p[2], p[1], p[0], 0})
		}
	}
	return f
}

func TestReadMarkerWithoutOne(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for range 200 {
		if id, err := barcode.ReadMarker(noisy(r, 320, 180)); !errors.Is(err, barcode.ErrNoMarker) {
			t.Fatalf("ReadMarker(noise) = %d, %v; want ErrNoMarker", id, err)
		}
	}
	for _, f := range []*media.Frame{
		media.AllocFrame(media.I420, 1280, 720), media.AllocFrame(media.BGRX, 8, 8),
		{Format: media.DMABuf, Width: 1280, Height: 720},
	} {
		if id, err := barcode.ReadMarker(f); !errors.Is(err, barcode.ErrNoMarker) {
			t.Errorf("ReadMarker(%v without one) = %d, %v; want ErrNoMarker", f.Format, id, err)
		}
	}
	f := noisy(r, 640, 360)
	if err := barcode.DrawMarker(f, 9); err != nil {
		t.Fatal(err)
	}
	for cell := range 40 { // one of them the other way round
		x0, y0 := 16+cell%8*16, 34*8+cell/8*16
		invert(f, image.Rect(x0, y0, x0+16, y0+16))
		if id, err := barcode.ReadMarker(f); err == nil {
			t.Errorf("ReadMarker(cell %d inverted) = %d; want an error", cell, id)
		}
		invert(f, image.Rect(x0, y0, x0+16, y0+16))
	}
	if _, err := barcode.Read(&media.Frame{Format: media.DMABuf, Width: 1280, Height: 720}); !errors.Is(err, barcode.ErrNoBarcode) {
		t.Errorf("Read(DMABuf) = %v; want ErrNoBarcode", err)
	}
}

func invert(f *media.Frame, r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			f.Planes[0][y*f.Stride[0]+x] = 251 - f.Planes[0][y*f.Stride[0]+x]
		}
	}
}

func TestDrawMarkerRefuses(t *testing.T) {
	for _, f := range []*media.Frame{media.AllocFrame(media.I420, 100, 90), media.AllocFrame(media.NV12, 640, 360)} {
		if err := barcode.DrawMarker(f, 1); err == nil {
			t.Errorf("DrawMarker(%v %dx%d) = nil; want an error", f.Format, f.Width, f.Height)
		}
	}
}

func TestMarkerDoesNotAllocate(t *testing.T) {
	f := media.AllocFrame(media.I420, 1280, 720)
	n := testing.AllocsPerRun(50, func() {
		if err := barcode.DrawMarker(f, 5); err != nil {
			t.Fatal(err)
		}
		if _, err := barcode.ReadMarker(f); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("DrawMarker and ReadMarker allocate %v times; want 0", n)
	}
	for _, f := range []*media.Frame{f, media.AllocFrame(media.BGRX, 1280, 720)} {
		if n := testing.AllocsPerRun(50, func() { _, _ = barcode.Read(f) }); n > 8 {
			t.Errorf("Read(%v) allocates %v times; want no more than its error", f.Format, n)
		}
	}
}

func BenchmarkReadMarker(b *testing.B) {
	f := media.AllocFrame(media.I420, 1280, 720)
	if err := barcode.DrawMarker(f, 5); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := barcode.ReadMarker(f); err != nil {
			b.Fatal(err)
		}
	}
}

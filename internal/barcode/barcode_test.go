package barcode_test

import (
	"errors"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

func randomPayload(r *rand.Rand) barcode.Payload {
	return barcode.Payload{Frame: r.Uint32(), Captured: time.Unix(0, r.Int64()), Screen: uint8(r.Uint32())}
}

// noisy returns a picture full of noise, so that nothing but Draw makes the code.
func noisy(r *rand.Rand, width, height int) *media.Frame {
	f := media.AllocFrame(media.I420, width, height)
	source := rand.NewChaCha8([32]byte{byte(r.Uint32())})
	for _, p := range f.Planes {
		_, _ = source.Read(p) // never fails
	}
	return f
}

func TestReadGivesWhatDrawWrote(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sizes := []image.Point{{1280, 720}, {1920, 1080}, {3840, 2160}, {1366, 768}, {640, 360}, {800, 600}, {161, 91}, {barcode.MinWidth, barcode.MinHeight}}
	for _, s := range sizes {
		f := noisy(r, s.X, s.Y)
		for range 20 {
			want := randomPayload(r)
			if err := barcode.Draw(f, want); err != nil {
				t.Fatalf("Draw(%v) = %v; want no error", s, err)
			}
			if got, err := barcode.Read(f); err != nil || got != want {
				t.Fatalf("Read(%v) = %v, %v; want %v", s, got, err, want)
			}
		}
	}
}

func TestDrawTouchesItsAreaOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f := noisy(r, 1280, 720)
	before := append([]byte(nil), f.Planes[0]...)
	if err := barcode.Draw(f, randomPayload(r)); err != nil {
		t.Fatal(err)
	}
	area := barcode.Area(1280, 720)
	for i, v := range f.Planes[0] {
		at := image.Pt(i%f.Stride[0], i/f.Stride[0])
		if v != before[i] && !at.In(area) {
			t.Fatalf("Draw changed %v; want changes in %v only", at, area)
		}
	}
}

// toRGBA shows f's luma as a grey picture with some camera-like noise.
func toRGBA(r *rand.Rand, f *media.Frame, noise int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			v := int(f.Planes[0][y*f.Stride[0]+x]) + r.IntN(2*noise+1) - noise
			g := byte(min(max(v, 0), 255))
			copy(img.Pix[img.PixOffset(x, y):], []byte{g, g, g, 255})
		}
	}
	return img
}

func TestReadImageAfterScaling(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	f, want := noisy(r, 640, 360), randomPayload(r)
	if err := barcode.Draw(f, want); err != nil {
		t.Fatal(err)
	}
	src := toRGBA(r, f, 30)
	for _, percent := range []int{50, 80, 87, 93, 100, 107, 113, 120, 200} {
		// One side only on odd steps: the window's shape may change too.
		dst := image.NewRGBA(image.Rect(0, 0, 640*percent/100, 360*(percent+percent%2)/100))
		draw.BiLinear.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
		if got, err := barcode.ReadImage(dst); err != nil || got != want {
			t.Errorf("ReadImage(%d %%) = %v, %v; want %v", percent, got, err, want)
		}
	}
}

func TestReadImageOfPartOfAnImage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	f, want := noisy(r, 640, 360), randomPayload(r)
	if err := barcode.Draw(f, want); err != nil {
		t.Fatal(err)
	}
	window := image.NewRGBA(image.Rect(0, 0, 800, 600))
	at := image.Rect(33, 57, 33+640, 57+360)
	draw.Copy(window, at.Min, toRGBA(r, f, 0), image.Rect(0, 0, 640, 360), draw.Src, nil)
	if got, err := barcode.ReadImage(window.SubImage(at)); err != nil || got != want {
		t.Errorf("ReadImage(part) = %v, %v; want %v", got, err, want)
	}
}

func TestReadBGRX(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	f, want := noisy(r, 640, 360), randomPayload(r)
	if err := barcode.Draw(f, want); err != nil {
		t.Fatal(err)
	}
	bgrx := media.AllocFrame(media.BGRX, 640, 360)
	for y := range 360 {
		for x := range 640 {
			v := f.Planes[0][y*f.Stride[0]+x]
			copy(bgrx.Planes[0][y*bgrx.Stride[0]+x*4:], []byte{v, v, v, 0})
		}
	}
	if got, err := barcode.Read(bgrx); err != nil || got != want {
		t.Errorf("Read(BGRX) = %v, %v; want %v", got, err, want)
	}
}

func TestReadRefusesDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	f := noisy(r, 640, 360)
	for range 200 {
		if err := barcode.Draw(f, randomPayload(r)); err != nil {
			t.Fatal(err)
		}
		invertCell(f, r.IntN(128))
		if got, err := barcode.Read(f); !errors.Is(err, barcode.ErrChecksum) && !errors.Is(err, barcode.ErrNoBarcode) {
			t.Fatalf("Read(one cell inverted) = %v, %v; want an error", got, err)
		}
	}
}

// invertCell turns the i-th cell of the 640x360 picture (8 pixels a cell).
func invertCell(f *media.Frame, i int) {
	a := barcode.Area(f.Width, f.Height)
	x0, y0 := a.Min.X+8+i%16*8, a.Min.Y+8+i/16*8
	for y := y0; y < y0+8; y++ {
		for x := x0; x < x0+8; x++ {
			f.Planes[0][y*f.Stride[0]+x] = 251 - f.Planes[0][y*f.Stride[0]+x]
		}
	}
}

func TestReadWithoutBarcode(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, f := range []*media.Frame{noisy(r, 1280, 720), media.AllocFrame(media.I420, 1280, 720), media.AllocFrame(media.BGRX, 8, 8)} {
		if got, err := barcode.Read(f); err == nil {
			t.Errorf("Read(%v without a code) = %v, nil; want an error", f.Format, got)
		}
	}
}

func TestDrawRefuses(t *testing.T) {
	for _, f := range []*media.Frame{media.AllocFrame(media.I420, 100, 90), media.AllocFrame(media.NV12, 640, 360)} {
		if err := barcode.Draw(f, barcode.Payload{}); err == nil {
			t.Errorf("Draw(%v %dx%d) = nil; want an error", f.Format, f.Width, f.Height)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	f := media.AllocFrame(media.I420, 1280, 720)
	p := barcode.Payload{Frame: 0x5a5a1234, Captured: time.Now(), Screen: 1}
	b.ReportAllocs()
	for b.Loop() {
		if err := barcode.Draw(f, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	f := media.AllocFrame(media.I420, 1280, 720)
	if err := barcode.Draw(f, barcode.Payload{Frame: 0x5a5a1234, Captured: time.Now(), Screen: 1}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := barcode.Read(f); err != nil {
			b.Fatal(err)
		}
	}
}

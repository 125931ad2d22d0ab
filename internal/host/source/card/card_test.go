package card_test

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source/card"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

var captured = time.Date(2026, 11, 23, 14, 3, 27, 483e6, time.UTC)

func newCard(t testing.TB, screen, width, height int) (*card.Card, *card.Input) {
	t.Helper()
	in := card.NewInput(2, width, height)
	c, err := card.New(card.Config{Screen: screen, Screens: 2, Width: width, Height: height, FPS: 60, Title: "Shadow Terminal", Input: in})
	if err != nil {
		t.Fatalf("New(%dx%d) = %v; want no error", width, height, err)
	}
	return c, in
}

// use does what a person may do.
func use(in *card.Input) {
	_ = in.Absolute(0, 29000, 30000)
	_ = in.Motion(3, -2)
	for _, id := range []uint32{0x04, 0x28, 0xe0, 0xe1, 0x16} {
		_ = in.Key(input.Usage(input.PageKeyboard<<16|id), true)
	}
	_ = in.Key(input.Usage(input.PageKeyboard<<16|0x04), false)
	_ = in.Key(input.Usage(input.PageKeyboard<<16|0x28), false)
	_ = in.Wheel(120, 0)
	_ = in.Sync()
}

// asImage converts BT.709 limited range back to what a screen shows.
func asImage(f *media.Frame) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			luma := 1.164 * (float64(f.Planes[0][y*f.Stride[0]+x]) - 16)
			cb := float64(f.Planes[1][y/2*f.Stride[1]+x/2]) - 128
			cr := float64(f.Planes[2][y/2*f.Stride[2]+x/2]) - 128
			img.SetRGBA(x, y, color.RGBA{
				R: level(luma + 1.793*cr), G: level(luma - 0.213*cb - 0.533*cr), B: level(luma + 2.112*cb), A: 255,
			})
		}
	}
	return img
}

func level(v float64) byte { return byte(min(max(v+0.5, 0), 255)) }

func TestDrawMovesAndRestores(t *testing.T) {
	c, in := newCard(t, 0, 640, 360)
	first := clone(c.Draw(1, 0, captured))
	use(in)
	for n := uint32(2); n < 300; n++ {
		f := c.Draw(n, time.Duration(n)*time.Second/60, captured.Add(time.Duration(n)))
		p, err := barcode.Read(f)
		if want := (barcode.Payload{Frame: n, Captured: captured.Add(time.Duration(n)).Local(), Screen: 0}); err != nil || p != want {
			t.Fatalf("barcode.Read(picture %d) = %v, %v; want %v", n, p, err, want)
		}
	}
	fresh, _ := newCard(t, 0, 640, 360)
	if a, b := first, clone(fresh.Draw(1, 0, captured)); !same(a, b) {
		t.Error("Draw(1) of two cards differ; want the same picture")
	}
	quiet, _ := newCard(t, 0, 640, 360)
	for n := uint32(2); n < 300; n++ {
		quiet.Draw(n, time.Duration(n)*time.Second/60, captured.Add(time.Duration(n)))
	}
	if !same(first, quiet.Draw(1, 0, captured)) {
		t.Error("Draw(1) after 300 pictures differs from a fresh card's; want the same picture")
	}
}

func clone(f *media.Frame) *media.Frame {
	g := *f
	for i := range g.Planes {
		g.Planes[i] = append([]byte(nil), f.Planes[i]...)
	}
	return &g
}

func same(a, b *media.Frame) bool {
	for i := range a.Planes {
		if string(a.Planes[i]) != string(b.Planes[i]) {
			return false
		}
	}
	return true
}

func TestDrawEverySizeWithThePointerEverywhere(t *testing.T) {
	for _, size := range []image.Point{{160, 90}, {320, 240}, {640, 360}, {800, 600}, {854, 480}, {360, 640}, {1280, 720}} {
		c, in := newCard(t, 1, size.X, size.Y)
		for i := range 9 {
			_ = in.Absolute(1, uint16(i%3*32767), uint16(i/3*32767))
			f := c.Draw(uint32(i+1), time.Duration(i)*time.Second/9, captured)
			if _, err := barcode.Read(f); err != nil {
				t.Errorf("barcode.Read(card of %v) = %v; want no error", size, err)
			}
		}
	}
}

func TestFlashGoesWithTheSecond(t *testing.T) {
	c, _ := newCard(t, 0, 640, 360)
	for _, tc := range []struct {
		clock time.Duration
		lit   bool
	}{{0, true}, {card.FlashTime - 1, true}, {card.FlashTime, false}, {time.Second - 1, false}, {7 * time.Second, true}} {
		f := c.Draw(1, tc.clock, captured)
		// The middle of the square: unit (61, 31) of 80x45.
		if got := f.Planes[0][248*f.Stride[0]+488] > 200; got != tc.lit {
			t.Errorf("Draw(clock %v): flash lit = %v; want %v", tc.clock, got, tc.lit)
		}
	}
}

func TestBarsHaveTheirColours(t *testing.T) {
	c, _ := newCard(t, 0, 640, 360)
	f := c.Draw(1, time.Second/2, captured)
	// 75 % bars, BT.709 limited range (Y, Cb, Cr).
	want := [7][3]byte{{180, 128, 128}, {168, 44, 136}, {145, 147, 44}, {133, 63, 52}, {63, 193, 204}, {51, 109, 212}, {28, 212, 120}}
	for i, w := range want {
		x := 16 + 608*(2*i+1)/14
		got := [3]byte{f.Planes[0][100*f.Stride[0]+x], f.Planes[1][50*f.Stride[1]+x/2], f.Planes[2][50*f.Stride[2]+x/2]}
		for p := range got {
			if d := int(got[p]) - int(w[p]); d < -1 || d > 1 {
				t.Errorf("bar %d = %v; want %v", i, got, w)
				break
			}
		}
	}
}

func TestInputShows(t *testing.T) {
	c, in := newCard(t, 0, 640, 360)
	before := clone(c.Draw(1, time.Second/2, captured))
	use(in)
	after := c.Draw(1, time.Second/2, captured)
	// The feedback area, and the pointer's cross at (282+3, 164-2).
	for _, r := range []image.Rectangle{image.Rect(336, 267, 470, 340), image.Rect(275, 152, 295, 172)} {
		if !differ(before, after, r) {
			t.Errorf("Draw after input: %v is as before; want it to show the input", r)
		}
	}
}

func differ(a, b *media.Frame, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		at := y * a.Stride[0]
		if string(a.Planes[0][at+r.Min.X:at+r.Max.X]) != string(b.Planes[0][at+r.Min.X:at+r.Max.X]) {
			return true
		}
	}
	return false
}

// TestCardAsPNG makes sure that the card is a picture. With CARD_PICTURES set
// to a folder it leaves both screens there, for people to look at.
func TestCardAsPNG(t *testing.T) {
	dir, width, height := os.Getenv("CARD_PICTURES"), 1280, 720
	if dir == "" {
		dir, width, height = t.TempDir(), 320, 180
	}
	for screen := range 2 {
		c, in := newCard(t, screen, width, height)
		use(in)
		img := asImage(c.Draw(1234, 7*time.Second+time.Second/12, captured))
		if err := writePNG(filepath.Join(dir, fmt.Sprintf("testcard-%d.png", screen+1)), img); err != nil {
			t.Error(err)
		}
	}
}

func writePNG(path string, img image.Image) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(file, img), file.Close())
}

func BenchmarkNew720p(b *testing.B) {
	for b.Loop() {
		newCard(b, 0, 1280, 720)
	}
}

func BenchmarkDraw720p(b *testing.B)  { benchmarkDraw(b, 1280, 720) }
func BenchmarkDraw1080p(b *testing.B) { benchmarkDraw(b, 1920, 1080) }
func BenchmarkDraw2160p(b *testing.B) { benchmarkDraw(b, 3840, 2160) }

func benchmarkDraw(b *testing.B, width, height int) {
	c, in := newCard(b, 0, width, height)
	use(in)
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		n++
		c.Draw(n, time.Duration(n)*time.Second/60, captured)
	}
}

// The pointer goes from screen to screen as they stand, not as they count.
func TestMotionAcrossPlacedScreens(t *testing.T) {
	_, in := newCard(t, 0, 640, 360)
	in.Place([]image.Rectangle{image.Rect(800, 0, 800+320, 180), image.Rect(0, 0, 800, 600)})
	right, err := card.New(card.Config{Screen: 0, Screens: 2, Width: 320, Height: 180, FPS: 60, Input: in})
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Absolute(1, 65535, 10000) // row 91
	_ = in.Motion(10, 0)
	cross := func() byte { f := right.Draw(1, 0, captured); return f.Planes[0][91*f.Stride[0]+9+4] }
	if got := cross(); got != 235 {
		t.Errorf("luma beside the pointer = %d; want the cross's 235 on screen 0, which stands right of 1", got)
	}
	_ = in.Motion(-100000, 0)
	if got := cross(); got == 235 {
		t.Error("the cross is still on screen 0 after it went left")
	}
}

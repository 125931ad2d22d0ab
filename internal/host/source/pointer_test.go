package source_test

import (
	"context"
	"errors"
	"image"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source"
)

func openPointer(t testing.TB, s source.Source) source.Pointer {
	t.Helper()
	p, err := s.(source.Pointed).OpenPointer()
	if err != nil {
		t.Fatalf("OpenPointer() = %v; want no error", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v; want no error", err)
		}
	})
	return p
}

func nextPointer(t testing.TB, p source.Pointer) source.PointerState {
	t.Helper()
	s, err := p.Next(t.Context())
	if err != nil {
		t.Fatalf("Next() = %v; want a state", err)
	}
	return s
}

// at is the pixel of a picture of n that v points to, as a terminal has it.
func at(v uint16, n int) int { return int(v) * n >> 16 }

func TestTestcardPointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := newTestcard(t, small(2))
		p := openPointer(t, card)
		start := time.Now()
		first := nextPointer(t, p)
		if first.Visible || first.Shape == nil || time.Since(start) != 0 {
			t.Errorf("first Next() = %+v after %v; want no pointer yet, its shape, at once", first, time.Since(start))
		}
		s := first.Shape
		if s.Width != 15 || s.Height != 20 || s.Hot != image.Pt(1, 1) || len(s.Pix) != 4*15*20 || s.Pix[4*(15+1)+3] != 255 {
			t.Errorf("shape = %dx%d, hot %v, %d bytes; want an arrow whose tip is to be seen", s.Width, s.Height, s.Hot, len(s.Pix))
		}
		if nextPointer(t, p) != first || time.Since(start) != source.PointerPeriod {
			t.Errorf("second Next() after %v; want the same after %v", time.Since(start), source.PointerPeriod)
		}
		for _, tt := range []struct {
			screen uint8
			x, y   uint16
			want   image.Point
		}{{1, 0, 0, image.Pt(0, 0)}, {0, 65535, 65535, image.Pt(159, 89)}, {0, 32768, 32768, image.Pt(79, 44)}} {
			if err := card.Injector().Absolute(tt.screen, tt.x, tt.y); err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			got := nextPointer(t, p)
			if got.Screen != int(tt.screen) || !got.Visible || at(got.X, 160) != tt.want.X || at(got.Y, 90) != tt.want.Y || got.Shape != s {
				t.Errorf("pointer at %d,%d of screen %d = %+v; want pixel %v", tt.x, tt.y, tt.screen, got, tt.want)
			}
			if d := time.Since(before); d > 20*time.Millisecond || !got.Moved.Equal(time.Now()) {
				t.Errorf("motion seen after %v, said to be of %v ago; want at most 20 ms, now", d, time.Since(got.Moved))
			}
		}
	})
}

// While it moves there is an answer every 4 ms; a stir has one at once.
func TestPointerRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := newTestcard(t, small(1))
		p := openPointer(t, card)
		nextPointer(t, p)
		for range 10 {
			_ = card.Injector().Motion(1, 0)
			nextPointer(t, p)
		}
		start := time.Now()
		for range 60 {
			_ = card.Injector().Motion(-1, 0)
			nextPointer(t, p)
		}
		if d := time.Since(start); d != 60*4*time.Millisecond {
			t.Errorf("60 motions took %v; want 4 ms each", d)
		}
		for range 8 { // it lies still for two seconds
			nextPointer(t, p)
		}
		time.Sleep(100 * time.Millisecond)
		p.Stir()
		p.Stir()
		before := time.Now()
		nextPointer(t, p)
		if d := time.Since(before); d != 0 {
			t.Errorf("Next() after Stir() took %v; want no time", d)
		}
	})
}

func TestPointerEndsWithItsContext(t *testing.T) {
	p := openPointer(t, newTestcard(t, small(1)))
	nextPointer(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next() = %v; want its context's end", err)
	}
}

// Every pixel survives the way to 0..65535 and back.
func TestPointerPixels(t *testing.T) {
	for _, n := range []int{1, 2, 3, 90, 160, 641, 1080, 1366, 3840, 4095, 4096} {
		for pixel := range n {
			if v := source.Along(pixel, n); at(v, n) != pixel {
				t.Fatalf("pixel %d of %d is %d, which is pixel %d", pixel, n, v, at(v, n))
			}
		}
	}
	if a, b := source.Along(-5, 100), source.Along(100, 100); at(a, 100) != 0 || at(b, 100) != 99 {
		t.Errorf("pixels -5 and 100 of 100 are %d and %d; want the first and the last", a, b)
	}
}

func TestShapeOf(t *testing.T) {
	const red, half = 0xffff0000, 0x80008000
	s := source.ShapeOf(2, 1, image.Pt(1, 0), []uint32{red, half})
	if want := []byte{255, 0, 0, 255, 0, 128, 0, 128}; s.Width != 2 || s.Height != 1 || s.Hot != image.Pt(1, 0) || string(s.Pix) != string(want) {
		t.Errorf("shape = %+v; want %v", s, want)
	}
	if s := source.ShapeOf(2, 2, image.Pt(1, 0), make([]uint32, 4)); s.Width != 0 || s.Height != 0 || s.Pix != nil {
		t.Errorf("shape of nothing = %+v; want none", s)
	}
	for _, n := range []int{0, 3} {
		if s := source.ShapeOf(2, 2, image.Pt(1, 0), make([]uint32, n)); s.Width != 0 {
			t.Errorf("shape of %d pixels of 4 = %+v; want none", n, s)
		}
	}
	large := make([]uint32, 512*300)
	for i := range large {
		large[i] = red
		if i%2 == 1 {
			large[i] = 0
		}
	}
	s = source.ShapeOf(512, 300, image.Pt(511, 299), large)
	if s.Width != 256 || s.Height != 150 || s.Hot != image.Pt(255, 149) || string(s.Pix[:4]) != string([]byte{127, 0, 0, 127}) {
		t.Errorf("shape of 512x300 = %dx%d, hot %v, %v; want half of it", s.Width, s.Height, s.Hot, s.Pix[:4])
	}
	if s := source.ShapeOf(257, 1, image.Pt(256, 0), large[:257]); s.Width != 129 || s.Height != 1 || s.Hot != image.Pt(128, 0) {
		t.Errorf("shape of 257x1 = %dx%d, hot %v; want 129x1", s.Width, s.Height, s.Hot)
	}
}

func BenchmarkTestcardPointer(b *testing.B) {
	card := newTestcard(b, small(1))
	p := openPointer(b, card)
	nextPointer(b, p)
	b.ReportAllocs()
	for b.Loop() {
		p.Stir()
		nextPointer(b, p)
	}
}

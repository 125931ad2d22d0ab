package sdl_test

import (
	"image"
	"math"
	"testing"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/input"
)

func TestUsageOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		code int
		want input.Usage
	}{
		{"unknown", 0, 0},
		{"A", 4, 0x70004},
		{"right GUI", 231, 0x700e7},
		{"after the keyboard page", 232, 0},
		{"mode", 257, 0},
		{"next track", 258, 0xc00b5},
		{"mute", 262, 0xc00e2},
		{"brightness down", 275, 0xc0070},
		{"display switch", 277, 0},
		{"sleep", 282, 0x10082},
		{"fast forward", 286, 0xc00b3},
		{"beyond", 287, 0},
		{"negative", -1, 0},
	} {
		if got := sdl.UsageOf(tt.code); got != tt.want {
			t.Errorf("UsageOf(%s) = %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestCommandOf(t *testing.T) {
	const all = 0x0001 | 0x0040 | 0x0100
	for _, tt := range []struct {
		name                  string
		symbol, scancode, mod int
		want                  display.Command
	}{
		{"Q", 'q', 20, all, display.CommandQuit},
		{"right-hand modifiers", 'q', 20, 0x0002 | 0x0080 | 0x0200, display.CommandQuit},
		{"without Shift", 'q', 20, 0x0040 | 0x0100, 0},
		{"Q of AZERTY, where US has A", 'q', 4, all, display.CommandQuit},
		{"A of AZERTY, where US has Q", 'a', 20, all, 0},
		{"Cyrillic layout, by place", 0x439, 20, all, display.CommandQuit},
		{"another key", 0x4000003a, 58, all, 0},
	} {
		if got := sdl.CommandOf(tt.symbol, tt.scancode, tt.mod); got != tt.want {
			t.Errorf("CommandOf(%s) = %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestLetterbox(t *testing.T) {
	for _, tt := range []struct {
		window, picture image.Point
		want            image.Rectangle
	}{
		{image.Pt(1280, 720), image.Pt(1920, 1080), image.Rect(0, 0, 1280, 720)},
		{image.Pt(1280, 800), image.Pt(1920, 1080), image.Rect(0, 40, 1280, 760)},
		{image.Pt(1680, 720), image.Pt(1920, 1080), image.Rect(200, 0, 1480, 720)},
		{image.Pt(0, 720), image.Pt(1920, 1080), image.Rectangle{}},
		{image.Pt(5, 5), image.Pt(4000, 1), image.Rect(0, 2, 5, 3)},
	} {
		if got := sdl.Letterbox(tt.window, tt.picture); got != tt.want {
			t.Errorf("Letterbox(%v, %v) = %v; want %v", tt.window, tt.picture, got, tt.want)
		}
	}
}

// The host turns the share back into a pixel; at equal sizes it must be the same one.
func TestAbsoluteKeepsPixels(t *testing.T) {
	for _, w := range []int{1, 2, 640, 1920, 4096} {
		r := image.Rect(16, 8, 16+w, 8+w)
		for i := range w {
			x, y := sdl.Absolute(r, r.Min.Add(image.Pt(i, i)))
			back := int(math.Round(float64(x) * float64(w-1) / 65535))
			if back != i || x != y {
				t.Fatalf("Absolute(%d of %d) = %d, %d, which is pixel %d; want %d", i, w, x, y, back, i)
			}
		}
	}
	if x, y := sdl.Absolute(image.Rect(10, 10, 20, 20), image.Pt(-5, 500)); x != 0 || y != 65535 {
		t.Errorf("Absolute(beside the picture) = %d, %d; want its corner 0, 65535", x, y)
	}
}

func TestBlendRow(t *testing.T) {
	for a := range 256 {
		for _, under := range []byte{0, 1, 127, 200, 255} {
			c := byte(a / 2) // premultiplied: no more than alpha
			src := []byte{c, byte(a), 0, byte(a)}
			dst := []byte{under, under, under, 0}
			sdl.BlendRow(dst, src)
			keep := float64(under) * float64(255-a) / 255
			for i, over := range []byte{0, byte(a), c} { // blue, green, red
				if want := float64(over) + keep; math.Abs(float64(dst[i])-want) > 0.6 {
					t.Fatalf("BlendRow(alpha %d over %d) channel %d = %d; want %.1f", a, under, i, dst[i], want)
				}
			}
		}
	}
}

func TestWheelKeepsTheRemainder(t *testing.T) {
	sum, rest := int32(0), 0.0
	for range 1000 {
		var n int32
		n, rest = sdl.Units(rest + 0.3)
		sum += n
	}
	if sum != 300 {
		t.Errorf("1000 turns of 0.3 units = %d; want 300", sum)
	}
}

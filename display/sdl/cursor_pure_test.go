package sdl_test

import (
	"bytes"
	"image"
	"testing"

	"github.com/blade-shadow/terminal/display/sdl"
)

func TestBlueFirst(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 2, 2))
	m.Pix = []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x20, 0x10, 0x80, 0xff, 0xff, 0xff, 0}
	for _, tt := range []struct {
		straight bool
		want     []byte
	}{
		{false, []byte{0x10, 0x20, 0x40, 0x80, 0xff, 0xff, 0xff, 0}},
		{true, []byte{32, 64, 128, 0x80, 0xff, 0xff, 0xff, 0}},
	} {
		got := make([]byte, 8)
		if sdl.BlueFirst(got, m, 1, tt.straight); !bytes.Equal(got, tt.want) {
			t.Errorf("blueFirst(straight %v) = %v; want %v", tt.straight, got, tt.want)
		}
	}
}

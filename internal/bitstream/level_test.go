package bitstream_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestMacroblocksPerSecond(t *testing.T) {
	l, _ := bitstream.LevelOf(media.CodecH264, 52)
	if got := l.MacroblocksPerSecond(); got != 2_073_600 {
		t.Errorf("MacroblocksPerSecond() at 5.2 = %d; want 2073600", got)
	}
	h, _ := bitstream.LevelOf(media.CodecHEVC, 120)
	if got := h.MacroblocksPerSecond(); got != 261_120 {
		t.Errorf("MacroblocksPerSecond() at HEVC 4 = %d; want 261120", got)
	}
}

func TestMaxFrames(t *testing.T) {
	tests := []struct {
		codec         media.Codec
		idc           uint8
		width, height int
		want          int
	}{
		{media.CodecH264, 41, 1920, 1080, 4},
		{media.CodecH264, 41, 1280, 720, 9},
		{media.CodecH264, 52, 1920, 1080, 16},
		{media.CodecHEVC, 123, 1920, 1080, 6},
		{media.CodecHEVC, 150, 1920, 1080, 16},
		{media.CodecHEVC, 150, 2560, 1440, 12},
	}
	for _, tt := range tests {
		l, ok := bitstream.LevelOf(tt.codec, tt.idc)
		if got := l.MaxFrames(tt.width, tt.height); !ok || got != tt.want {
			t.Errorf("level %s MaxFrames(%dx%d) = %d; want %d", l.Name, tt.width, tt.height, got, tt.want)
		}
	}
}

// TestLevelsGrow guards the tables against slips: no level allows less than
// the one before it.
func TestLevelsGrow(t *testing.T) {
	for _, codec := range []media.Codec{media.CodecH264, media.CodecHEVC} {
		var last bitstream.Level
		n := 0
		for idc := range 256 {
			l, ok := bitstream.LevelOf(codec, uint8(idc))
			if !ok || l.Name == "1b" {
				continue
			}
			n++
			if l.MaxRate < last.MaxRate || l.MaxSize < last.MaxSize || l.MaxDPB < last.MaxDPB || l.MaxKbps < last.MaxKbps {
				t.Errorf("level %s = %+v is less than %+v", l.Name, l, last)
			}
			last = l
		}
		if want := map[media.Codec]int{media.CodecH264: 19, media.CodecHEVC: 13}[codec]; n != want {
			t.Errorf("%v has %d levels; want %d", codec, n, want)
		}
	}
}

package bitstream_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestLevelFor wants the levels that encoders and datasheets name.
func TestLevelFor(t *testing.T) {
	tests := []struct {
		codec         media.Codec
		width, height int
		rate          bitstream.Rate
		want          string
	}{
		{media.CodecH264, 176, 144, bitstream.Rate{Num: 15, Den: 1}, "1"},
		{media.CodecH264, 1280, 720, bitstream.Rate{Num: 30, Den: 1}, "3.1"},
		{media.CodecH264, 1280, 720, bitstream.Rate{Num: 60, Den: 1}, "3.2"},
		{media.CodecH264, 1920, 1080, bitstream.Rate{Num: 30, Den: 1}, "4"},
		{media.CodecH264, 1920, 1080, bitstream.Rate{Num: 60000, Den: 1001}, "4.2"},
		{media.CodecH264, 1920, 1080, bitstream.Rate{Num: 60, Den: 1}, "4.2"},
		{media.CodecH264, 1920, 1080, bitstream.Rate{Num: 144, Den: 1}, "5.2"},
		{media.CodecH264, 3840, 2160, bitstream.Rate{Num: 30, Den: 1}, "5.1"},
		{media.CodecH264, 3840, 2160, bitstream.Rate{Num: 60, Den: 1}, "5.2"},
		{media.CodecH264, 3840, 2160, bitstream.Rate{Num: 120, Den: 1}, "6"},
		{media.CodecH264, 4096, 4096, bitstream.Rate{Num: 30, Den: 1}, "6"},
		{media.CodecHEVC, 1920, 1080, bitstream.Rate{Num: 30, Den: 1}, "4"},
		{media.CodecHEVC, 1920, 1080, bitstream.Rate{Num: 60, Den: 1}, "4.1"},
		{media.CodecHEVC, 1920, 1080, bitstream.Rate{Num: 144, Den: 1}, "5.1"},
		{media.CodecHEVC, 3840, 2160, bitstream.Rate{Num: 30, Den: 1}, "5"},
		{media.CodecHEVC, 3840, 2160, bitstream.Rate{Num: 60, Den: 1}, "5.1"},
		{media.CodecHEVC, 4096, 4096, bitstream.Rate{Num: 30, Den: 1}, "6"},
	}
	for _, tt := range tests {
		l, ok := bitstream.LevelFor(tt.codec, tt.width, tt.height, tt.rate)
		if !ok || l.Name != tt.want {
			t.Errorf("LevelFor(%v, %dx%d, %v) = %s, %v; want %s", tt.codec, tt.width, tt.height, tt.rate, l.Name, ok, tt.want)
		}
	}
	for _, codec := range []media.Codec{media.CodecH264, media.CodecHEVC, 0} {
		if l, ok := bitstream.LevelFor(codec, 16384, 16384, bitstream.Rate{Num: 60, Den: 1}); ok {
			t.Errorf("LevelFor(%v, 16384x16384) = %s; want none", codec, l.Name)
		}
	}
}

func TestLevelCheck(t *testing.T) {
	l, _ := bitstream.LevelOf(media.CodecH264, 52)
	tests := []struct {
		width, height int
		rate          bitstream.Rate
		ok            bool
	}{
		{3840, 2160, bitstream.Rate{Num: 64, Den: 1}, true}, // 32400 * 64 = 2,073,600 exactly
		{3840, 2160, bitstream.Rate{Num: 64001, Den: 1000}, false},
		{4096, 4096, bitstream.Rate{Num: 1, Den: 1}, false},
		{8688, 16, bitstream.Rate{Num: 1, Den: 1}, true},  // 543 macroblocks, square root of 8 * 36864 is 543.06
		{8704, 16, bitstream.Rate{Num: 1, Den: 1}, false}, // 544
		{0, 16, bitstream.Rate{Num: 1, Den: 1}, false},
		{1 << 40, 1 << 40, bitstream.Rate{Num: 1, Den: 1}, false},
		{16, 16, bitstream.Rate{Num: 1 << 63, Den: 1}, false},
		{16, 16, bitstream.Rate{Num: 1, Den: 0}, false},
	}
	for _, tt := range tests {
		if err := l.Check(tt.width, tt.height, tt.rate); (err == nil) != tt.ok {
			t.Errorf("Check(%dx%d, %v) = %v; want ok %v", tt.width, tt.height, tt.rate, err, tt.ok)
		}
	}
}

func TestMaxPictureRate(t *testing.T) {
	l, _ := bitstream.LevelOf(media.CodecH264, 52)
	if got := l.MaxPictureRate(3840, 2160); got != (bitstream.Rate{Num: 64, Den: 1}) {
		t.Errorf("MaxPictureRate(4K) at 5.2 = %v; want 64", got)
	}
	if got := l.MaxPictureRate(1920, 1080); got.Num/got.Den != 254 {
		t.Errorf("MaxPictureRate(1080p) at 5.2 = %v; want 254 and a bit", got)
	}
	if got := l.MaxPictureRate(4096, 4096); got.Num != 0 {
		t.Errorf("MaxPictureRate(4096x4096) at 5.2 = %v; want 0", got)
	}
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

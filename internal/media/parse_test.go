package media_test

import (
	"image"
	"testing"

	"github.com/blade-shadow/terminal/internal/media"
)

func TestParseBitrate(t *testing.T) {
	good := map[string]int{"10M": 10_000_000, "12.5M": 12_500_000, "500k": 500_000, "1G": 1_000_000_000, "250000": 250_000}
	for s, want := range good {
		if got, err := media.ParseBitrate(s); got != want || err != nil {
			t.Errorf("ParseBitrate(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "fast", "M", "10", "-5M", "2G", "NaN", "NaNM", "InfM", "10MM", "1e99G"} {
		if got, err := media.ParseBitrate(s); err == nil {
			t.Errorf("ParseBitrate(%q) = %d; want an error", s, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	if w, h, err := media.ParseSize("1280x720"); w != 1280 || h != 720 || err != nil {
		t.Errorf("ParseSize(1280x720) = %d, %d, %v", w, h, err)
	}
	for _, s := range []string{"1280", "x", "1280x", "0x0", "-1x-1", "99999x720", "1280x720x1"} {
		if w, h, err := media.ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, %d; want an error", s, w, h)
		}
	}
}

func TestParseRegion(t *testing.T) {
	if got, err := media.ParseRegion("640x480+1280+16"); got != image.Rect(1280, 16, 1920, 496) || err != nil {
		t.Errorf("ParseRegion(640x480+1280+16) = %v, %v", got, err)
	}
	for _, s := range []string{"", "640x480", "640x480+1", "640x480-1+0", "+0+0", "640x480+99999+0"} {
		if got, err := media.ParseRegion(s); err == nil {
			t.Errorf("ParseRegion(%q) = %v; want an error", s, got)
		}
	}
}

func TestParseCodecs(t *testing.T) {
	all, err := media.ParseCodecs(nil)
	if err != nil || len(all) != 2 || all[0] != media.CodecH264 {
		t.Errorf("ParseCodecs(nil) = %v, %v; want both, H.264 first", all, err)
	}
	if _, err := media.ParseCodecs([]string{"h265", "vp9"}); err == nil {
		t.Error("ParseCodecs(vp9) = nil error; want a refusal")
	}
}

func FuzzParseBitrate(f *testing.F) {
	for _, s := range []string{"10M", "500k", "1G", "", "M", "-1M", "1e6", "NaN", "Inf", "10MM", "0x10M"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		bps, err := media.ParseBitrate(s)
		if err == nil && (bps < media.MinBitrate || bps > media.MaxBitrate) {
			t.Errorf("ParseBitrate(%q) = %d; want 200k to 1G or an error", s, bps)
		}
	})
}

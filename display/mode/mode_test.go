package mode_test

import (
	"math"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

// vic is a mode of CTA-861.
func vic(t testing.TB, code uint8) mode.Mode {
	t.Helper()
	timing, ok := edid.VICTiming(code)
	if !ok {
		t.Fatalf("VICTiming(%d) = none; want a timing", code)
	}
	return mode.FromTiming(timing)
}

func TestRefresh(t *testing.T) {
	double := vic(t, 4)
	double.Flags |= mode.DoubleScan
	scans := vic(t, 4)
	scans.VScan = 3
	tests := []struct {
		name    string
		m       mode.Mode
		want    mode.Rate
		milliHz uint32
		period  time.Duration
	}{
		{"1080p60", vic(t, 16), mode.Hz(60), 60000, 16666667},
		{"1080p59.94, clock in kHz", mode.Mode{Clock: 148352, HTotal: 2200, VTotal: 1125}, mode.NewRate(148352000, 2200*1125), 59940, 16683294},
		{"1080i60 counts fields", vic(t, 5), mode.Hz(60), 60000, 16666667},
		{"VIC 39 has an even frame", vic(t, 39), mode.Hz(50), 50000, 20000000},
		{"640x480", vic(t, 1), mode.NewRate(25175000, 800*525), 59940, 16683217},
		{"2160p30", vic(t, 95), mode.Hz(30), 30000, 33333333},
		{"double scan halves", double, mode.Hz(30), 30000, 33333333},
		{"vscan divides", scans, mode.Hz(20), 20000, 50000000},
		{"no totals", mode.Mode{Clock: 1000}, mode.Rate{}, 0, 0},
		{"none", mode.Mode{}, mode.Rate{}, 0, 0},
	}
	for _, tt := range tests {
		if got := tt.m.Refresh(); got != tt.want {
			t.Errorf("%s: Refresh() = %v; want %v", tt.name, got, tt.want)
		}
		if got := tt.m.MilliHz(); got != tt.milliHz {
			t.Errorf("%s: MilliHz() = %d; want %d", tt.name, got, tt.milliHz)
		}
		if got := tt.m.Period(); got != tt.period {
			t.Errorf("%s: Period() = %d ns; want %d", tt.name, got, tt.period)
		}
	}
}

func TestRate(t *testing.T) {
	film, sixty := mode.NewRate(60000, 1001), mode.Hz(60)
	if film.Compare(sixty) != -1 || sixty.Compare(film) != 1 || film.Compare(mode.NewRate(120000, 2002)) != 0 {
		t.Error("Compare: want 59.94 below 60 and equal to itself in other terms")
	}
	if (mode.Rate{}).Compare(film) != -1 || (mode.Rate{}).Compare(mode.Rate{}) != 0 {
		t.Error("Compare: want no rate lowest")
	}
	huge := mode.Rate{Num: math.MaxUint64, Den: 1}
	if huge.Compare(mode.Rate{Num: math.MaxUint64, Den: 2}) != 1 || huge.MilliHz() != math.MaxUint32 || huge.Period() != 0 {
		t.Errorf("huge: MilliHz, Period = %d, %v; want no overflow", huge.MilliHz(), huge.Period())
	}
	if slow := (mode.Rate{Num: 1, Den: math.MaxUint64}); slow.Period() != math.MaxInt64 || slow.Divided(2) != (mode.Rate{}) {
		t.Errorf("slow: Period, Divided = %v, %v; want the longest and none", slow.Period(), slow.Divided(2))
	}
	if got := sixty.Divided(2); got != mode.Hz(30) {
		t.Errorf("60.Divided(2) = %v; want 30", got)
	}
	tests := []struct {
		name         string
		refresh      mode.Rate
		stream       mode.Rate
		k            int
		least, under float64
	}{
		{"the same", sixty, sixty, 1, 0, 1e-12},
		{"twice", mode.Hz(120), sixty, 2, 0, 1e-12},
		{"a thousandth off", film, sixty, 1, 0.9e-3, 1.1e-3},
		{"144 is not of 60", mode.Hz(144), sixty, 2, 0.19, 0.21},
		{"slower than the stream", mode.Hz(30), sixty, 1, 0.49, 0.51},
		{"mHz of a host", mode.NewRate(148352000, 2200*1125), mode.FromMilliHz(59940), 1, 0, 20e-6},
	}
	for _, tt := range tests {
		if k, wrong := tt.refresh.Multiple(tt.stream); k != tt.k || wrong < tt.least || wrong > tt.under {
			t.Errorf("%s: Multiple = %d, %g; want %d, %g to %g", tt.name, k, wrong, tt.k, tt.least, tt.under)
		}
	}
	if k, wrong := sixty.Multiple(mode.Rate{}); k != 0 || wrong != 0 {
		t.Errorf("Multiple(no rate) = %d, %g; want 0, 0", k, wrong)
	}
}

func TestFromTiming(t *testing.T) {
	// Modelines of the kernel's own table (drm_edid.c, edid_cea_modes_1).
	tests := []struct {
		code uint8
		want string
	}{
		{1, "25.17 640 656 752 800 480 490 492 525 -hsync -vsync"},
		{5, "74.25 1920 2008 2052 2200 1080 1084 1094 1125 +hsync +vsync"},
		{39, "72.00 1920 1952 2120 2304 1080 1126 1136 1250 +hsync -vsync"},
		{97, "594.00 3840 4016 4104 4400 2160 2168 2178 2250 +hsync +vsync"},
	}
	for _, tt := range tests {
		if got := modeline(vic(t, tt.code)); got != tt.want {
			t.Errorf("FromTiming(VIC %d) = %s; want %s", tt.code, got, tt.want)
		}
	}
	if m := vic(t, 5); m.Flags&mode.Interlaced == 0 || m.String() != "1920x1080i@60.000" {
		t.Errorf("FromTiming(VIC 5) = %v, flags %#x; want 1920x1080i@60.000, interlaced", m, m.Flags)
	}
	for _, bad := range []edid.Timing{{}, {Clock: 1, HActive: 65000, HSync: 1, HBlank: 1000, VActive: 1, VSync: 1, VBlank: 1}} {
		if m := mode.FromTiming(bad); m != (mode.Mode{}) {
			t.Errorf("FromTiming(%+v) = %v; want none", bad, m)
		}
	}
	a, b := vic(t, 16), vic(t, 16)
	b.Name, b.Type = "other", mode.Preferred
	if !a.Same(b) || a.Same(vic(t, 31)) {
		t.Error("Same: want names and types not to count, and signals to")
	}
}

// TestTableIsValid makes a mode of every number of CTA-861.
func TestTableIsValid(t *testing.T) {
	for code := range 256 {
		timing, ok := edid.VICTiming(uint8(code))
		if !ok {
			continue
		}
		m := mode.FromTiming(timing)
		if !m.Valid() || m.MilliHz() != timing.MilliHz() {
			t.Errorf("VIC %d: mode %v, %d mHz; want one of %d mHz", code, m, m.MilliHz(), timing.MilliHz())
		}
	}
}

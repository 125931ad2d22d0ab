package mode_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/mode"
)

// modeline is a mode as xorg.conf has it.
func modeline(m mode.Mode) string {
	sign := func(flag uint32, name string) string {
		if m.Flags&flag != 0 {
			return "+" + name
		}
		return "-" + name
	}
	return fmt.Sprintf("%d.%02d %d %d %d %d %d %d %d %d %s %s", m.Clock/1000, m.Clock%1000/10,
		m.HDisplay, m.HSyncStart, m.HSyncEnd, m.HTotal, m.VDisplay, m.VSyncStart, m.VSyncEnd, m.VTotal,
		sign(mode.PositiveHSync, "hsync"), sign(mode.PositiveVSync, "vsync"))
}

// TestCVTKnown holds CVT against modelines that VESA's DMT and the cvt program print.
func TestCVTKnown(t *testing.T) {
	tests := []struct {
		w, h    int
		hz      uint64
		reduced bool
		want    string
	}{
		{1920, 1080, 60, false, "173.00 1920 2048 2248 2576 1080 1083 1088 1120 -hsync +vsync"},
		{1920, 1080, 60, true, "138.50 1920 1968 2000 2080 1080 1083 1088 1111 +hsync -vsync"},
		{2560, 1440, 60, true, "241.50 2560 2608 2640 2720 1440 1443 1448 1481 +hsync -vsync"},
		{2560, 1600, 60, true, "268.50 2560 2608 2640 2720 1600 1603 1609 1646 +hsync -vsync"},
		{1920, 1200, 60, true, "154.00 1920 1968 2000 2080 1200 1203 1209 1235 +hsync -vsync"},
		{1680, 1050, 60, true, "119.00 1680 1728 1760 1840 1050 1053 1059 1080 +hsync -vsync"},
		{1680, 1050, 60, false, "146.25 1680 1784 1960 2240 1050 1053 1059 1089 -hsync +vsync"},
		{3840, 2160, 60, true, "533.25 3840 3888 3920 4000 2160 2163 2168 2222 +hsync -vsync"},
		{640, 360, 60, false, "18.00 640 656 720 800 360 363 368 376 -hsync +vsync"},
		{1920, 1080, 144, true, "346.50 1920 1968 2000 2080 1080 1083 1088 1157 +hsync -vsync"},
	}
	for _, tt := range tests {
		got := mode.CVT(tt.w, tt.h, mode.Hz(tt.hz), tt.reduced)
		if s := modeline(got); s != tt.want {
			t.Errorf("CVT(%d, %d, %d, %v) = %s; want %s", tt.w, tt.h, tt.hz, tt.reduced, s, tt.want)
		}
	}
}

// TestCVT compares with what edid-decode calculates for 837 formats.
func TestCVT(t *testing.T) {
	f, err := os.Open("testdata/cvt.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		lines++
		var w, h, version int
		var hz uint64
		if _, err := fmt.Sscan(s.Text(), &w, &h, &hz, &version); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		m := mode.CVT(w, h, mode.Hz(hz), version == 1)
		if version == 2 {
			m = mode.CVTReduced2(w, h, mode.Hz(hz), false)
		}
		got := golden(w, h, hz, version, m)
		if version == 2 && uint64(m.HTotal)*uint64(m.VTotal)*hz == 1000*uint64(m.Clock) {
			// A whole number of kHz: edid-decode's floating point may be just below it.
			less := m
			less.Clock--
			if golden(w, h, hz, version, less) == s.Text() {
				continue
			}
		}
		if got != s.Text() {
			t.Errorf("CVT(%d, %d, %d), version %d = %s; want %s", w, h, hz, version, got, s.Text())
		}
	}
	if lines < 800 {
		t.Errorf("formats compared = %d; want 800 and more", lines)
	}
}

func golden(w, h int, hz uint64, version int, m mode.Mode) string {
	letter := func(flag uint32) string {
		if m.Flags&flag != 0 {
			return "P"
		}
		return "N"
	}
	return strings.TrimSpace(fmt.Sprintln(w, h, hz, version, m.Clock, m.HSyncStart-m.HDisplay, m.HSyncEnd-m.HSyncStart, m.HTotal-m.HSyncEnd, letter(mode.PositiveHSync),
		m.VSyncStart-m.VDisplay, m.VSyncEnd-m.VSyncStart, m.VTotal-m.VSyncEnd, letter(mode.PositiveVSync), m.HDisplay, m.VDisplay))
}

// TestCVTBounds asks for what makes no sense: no mode, no panic; and every mode
// made is one that can be.
func TestCVTBounds(t *testing.T) {
	for _, tt := range []struct {
		w, h int
		rate mode.Rate
	}{{0, 480, mode.Hz(60)}, {640, -1, mode.Hz(60)}, {640, 480, mode.Rate{}}, {1 << 20, 480, mode.Hz(60)}, {640, 480, mode.Hz(5000)}, {7, 480, mode.Hz(60)}} {
		for _, reduced := range []bool{false, true} {
			if m := mode.CVT(tt.w, tt.h, tt.rate, reduced); m != (mode.Mode{}) {
				t.Errorf("CVT(%d, %d, %v, %v) = %v; want none", tt.w, tt.h, tt.rate, reduced, m)
			}
		}
	}
	for w := 8; w <= 16384; w += 1111 {
		for h := 8; h <= 16384; h += 997 {
			for _, hz := range []uint64{1, 24, 60, 240, 1000} {
				for _, m := range []mode.Mode{
					mode.CVT(w, h, mode.Hz(hz), false), mode.CVT(w, h, mode.Hz(hz), true), mode.CVTReduced2(w, h, mode.Hz(hz), true),
				} {
					if m != (mode.Mode{}) && !m.Valid() {
						t.Fatalf("CVT(%d, %d, %d) = %s; want a mode that can be made, or none", w, h, hz, modeline(m))
					}
				}
			}
		}
	}
}

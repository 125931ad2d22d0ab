package mode_test

import (
	"testing"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

func dp(lanes int, rate uint32) mode.Link {
	return mode.Link{Kind: mode.DisplayPort, Lanes: lanes, LaneRate: rate}
}

func TestPayload(t *testing.T) {
	tests := []struct {
		l    mode.Link
		want uint64 // kb/s
	}{
		{dp(4, mode.RBR), 5_184_000},
		{dp(2, mode.HBR), 4_320_000},
		{dp(4, mode.HBR), 8_640_000},
		{dp(2, mode.HBR2), 8_640_000},
		{dp(4, mode.HBR2), 17_280_000},
		{dp(4, mode.HBR3), 25_920_000},
		{mode.Link{Kind: mode.HDMI, MaxTMDS: mode.TMDSHDMI14}, 8_160_000},
		{mode.Link{Kind: mode.Virtual}, 0},
		{mode.Link{}, 0},
	}
	for _, tt := range tests {
		if got := tt.l.Payload(); got != tt.want {
			t.Errorf("%+v.Payload() = %d; want %d kb/s", tt.l, got, tt.want)
		}
	}
}

func TestFits(t *testing.T) {
	fhd60, uhd30, uhd60 := vic(t, 16), vic(t, 95), vic(t, 97)
	fhd144 := mode.CVT(1920, 1080, mode.Hz(144), true)
	uhd60rb := mode.CVT(3840, 2160, mode.Hz(60), true)
	carrizo := mode.Link{Kind: mode.HDMI, MaxTMDS: 300_000}
	deep := mode.Link{Kind: mode.HDMI, MaxTMDS: 600_000, MaxBPC: 10}
	tests := []struct {
		name string
		m    mode.Mode
		l    mode.Link
		bpc  int
		want bool
	}{
		{"1080p60 on the smallest", fhd60, dp(4, mode.RBR), 8, true},
		{"1080p60 on HBR x2", fhd60, dp(2, mode.HBR), 8, true},
		{"1080p60 at 10 bits needs more than HBR x2", fhd60, dp(2, mode.HBR), 10, false},
		{"1080p60 on RBR x2", fhd60, dp(2, mode.RBR), 8, false},
		{"4K30 on HBR x4", uhd30, dp(4, mode.HBR), 8, true},
		{"4K30 on HBR2 x2", uhd30, dp(2, mode.HBR2), 8, true},
		{"4K30 at 10 bits on HBR x4", uhd30, dp(4, mode.HBR), 10, false},
		{"1080p144 on HBR x4", fhd144, dp(4, mode.HBR), 8, true},
		{"1080p144 at 10 bits on HBR x4", fhd144, dp(4, mode.HBR), 10, false},
		{"1080p144 on RBR x4", fhd144, dp(4, mode.RBR), 8, false},
		{"4K60 on HBR2 x4", uhd60, dp(4, mode.HBR2), 8, true},
		{"4K60 at 10 bits on HBR2 x4", uhd60, dp(4, mode.HBR2), 10, false},
		{"4K60 reduced at 10 bits on HBR2 x4", uhd60rb, dp(4, mode.HBR2), 10, true},
		{"4K60 on HBR x4", uhd60, dp(4, mode.HBR), 8, false},
		{"4K30 on Carrizo's HDMI", uhd30, carrizo, 8, true},
		{"4K30 at 10 bits on Carrizo's HDMI", uhd30, carrizo, 10, false},
		{"4K60 on Carrizo's HDMI", uhd60, carrizo, 8, false},
		{"1080p144 on HDMI 1.4", fhd144, mode.Link{Kind: mode.HDMI, MaxTMDS: mode.TMDSHDMI14}, 8, false},
		{"4K60 on HDMI 2.0", uhd60, mode.Link{Kind: mode.HDMI, MaxTMDS: mode.TMDSHDMI20}, 8, true},
		{"6 bits do not save HDMI anything", uhd60, mode.Link{Kind: mode.HDMI, MaxTMDS: 500_000}, 6, false},
		{"more bits than both ends take", fhd60, deep, 12, false},
		{"an unknown link", uhd60, mode.Link{}, 16, true},
		{"a virtual link", uhd60, mode.Link{Kind: mode.Virtual}, 8, true},
	}
	for _, tt := range tests {
		if got := tt.l.Fits(tt.m, tt.bpc); got != tt.want {
			t.Errorf("%s: Fits(%v of %d kHz, %d) = %v; want %v", tt.name, tt.m, tt.m.Clock, tt.bpc, got, tt.want)
		}
	}
	for _, tt := range []struct {
		m    mode.Mode
		l    mode.Link
		want int
	}{{fhd60, dp(4, mode.HBR2), 16}, {uhd60, dp(4, mode.HBR2), 8}, {uhd60, dp(4, mode.HBR), 0}, {fhd60, deep, 10}} {
		if got := tt.l.Depth(tt.m); got != tt.want {
			t.Errorf("Depth(%v) = %d; want %d", tt.m, got, tt.want)
		}
	}
}

func TestHDMILink(t *testing.T) {
	monitor := func(h edid.HDMI) *edid.EDID { return &edid.EDID{CTA: edid.CTA{HDMI: h}} }
	tests := []struct {
		name   string
		source uint32
		e      *edid.EDID
		want   mode.Link
	}{
		{"no monitor's word", 300_000, nil, mode.Link{Kind: mode.HDMI, MaxTMDS: 300_000}},
		{"DVI", 300_000, monitor(edid.HDMI{}), mode.Link{Kind: mode.HDMI, MaxTMDS: 165_000, MaxBPC: 8}},
		{
			"the source is less", 300_000, monitor(edid.HDMI{MaxTMDS: 340_000, MaxCharRate: 600_000, Deep30: true, Deep36: true}),
			mode.Link{Kind: mode.HDMI, MaxTMDS: 300_000, MaxBPC: 12},
		},
		{"the monitor is less", 600_000, monitor(edid.HDMI{MaxTMDS: 225_000, Deep30: true}), mode.Link{Kind: mode.HDMI, MaxTMDS: 225_000, MaxBPC: 10}},
		{"4K by HDMI's number", 600_000, monitor(edid.HDMI{VICs: []uint8{1}}), mode.Link{Kind: mode.HDMI, MaxTMDS: 300_000, MaxBPC: 8}},
		{"source not known", 0, monitor(edid.HDMI{MaxCharRate: 600_000}), mode.Link{Kind: mode.HDMI, MaxTMDS: 600_000, MaxBPC: 8}},
	}
	for _, tt := range tests {
		if got := mode.HDMILink(tt.source, tt.e); got != tt.want {
			t.Errorf("%s: HDMILink = %+v; want %+v", tt.name, got, tt.want)
		}
	}
}

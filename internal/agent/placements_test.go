package agent

import (
	"reflect"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// monitor is a connected output that shows a screen.
func monitor(screen, width, height int, milliHz uint32) display.Output {
	return display.Output{Screen: screen, Connector: "DP", Connected: true, Identity: string(rune('a' + screen)), Width: width, Height: height, MilliHz: milliHz}
}

func TestPlacements(t *testing.T) {
	box := mode.Limits{MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 2_073_600}
	gone := wire.Placement{Index: 1}
	tests := []struct {
		name    string
		outputs []display.Output
		limits  mode.Limits
		choices map[string]mode.Choice
		want    []wire.Placement
	}{
		{"none", nil, box, nil, []wire.Placement{{Index: 0}, gone}},
		{"one", []display.Output{monitor(0, 1920, 1080, 144_000)}, box, nil, []wire.Placement{
			{Index: 0, Connected: true, Primary: true, Width: 1920, Height: 1080, MilliHz: 144_000, ScalePercent: 100}, gone,
		}},
		{"one that shows no screen", []display.Output{{Screen: -1, Connected: true, Width: 800, Height: 600, MilliHz: 60_000}}, box, nil, []wire.Placement{{Index: 0}, gone}},
		{"two, the decoder is shared", []display.Output{monitor(0, 3840, 2160, 60_000), monitor(1, 3840, 2160, 60_000)}, box, nil, []wire.Placement{
			{Index: 0, Connected: true, Primary: true, Width: 3840, Height: 2160, MilliHz: 30_000, ScalePercent: 100},
			{Index: 1, Connected: true, X: 3840, Width: 3840, Height: 2160, MilliHz: 30_000, ScalePercent: 100},
		}},
		{"the person's order", []display.Output{monitor(0, 1920, 1080, 60_000), monitor(1, 1280, 720, 60_000)}, box, map[string]mode.Choice{
			"a": {Order: 2, Scale: 150}, "b": {Order: 1, Primary: true},
		}, []wire.Placement{
			{Index: 0, Connected: true, X: 1280, Width: 1920, Height: 1080, MilliHz: 60_000, ScalePercent: 150},
			{Index: 1, Connected: true, Primary: true, Width: 1280, Height: 720, MilliHz: 60_000, ScalePercent: 100},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := placements(tt.outputs, tt.limits, true, func(m mode.Monitor) mode.Choice { return tt.choices[m.Identity] })
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("placements() =\n%+v; want\n%+v", got, tt.want)
			}
		})
	}
}

func TestDecodableKeepsOrder(t *testing.T) {
	can := []decode.Capability{{Codec: media.CodecH264}, {Codec: media.CodecHEVC}}
	if got := decodable([]media.Codec{media.CodecHEVC, media.CodecH264}, can); !reflect.DeepEqual(got, []media.Codec{media.CodecHEVC, media.CodecH264}) {
		t.Errorf("decodable() = %v; want the order of the person", got)
	}
	if got := decodable([]media.Codec{media.CodecHEVC}, can[:1]); len(got) != 0 {
		t.Errorf("decodable() = %v; want none", got)
	}
}

func TestHardwareOnly(t *testing.T) {
	hard, soft := decode.Capability{Codec: media.CodecH264, Hardware: true}, decode.Capability{Codec: media.CodecHEVC}
	if got := hardwareOnly([]decode.Capability{hard, soft}); len(got) != 1 || got[0].Codec != media.CodecH264 {
		t.Errorf("hardwareOnly(H264 in hardware, HEVC in software) = %v; want H264", got)
	}
	if got := hardwareOnly([]decode.Capability{soft}); len(got) != 1 {
		t.Errorf("hardwareOnly(software) = %v; want all of it", got)
	}
}

func TestSideShareLeavesThePixels(t *testing.T) {
	for share, rate := range map[float64]float64{1: 1, 0.75: 1, 0.5: 1, 0.25: 0.5} {
		side := sideShare(share)
		if got := side * side * rate; got > share+0.01 || got < share-0.01 {
			t.Errorf("sideShare(%v)² x rate = %v; want %v", share, got, share)
		}
	}
}

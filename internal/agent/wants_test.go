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

var (
	gpuH264  = decode.Capability{Codec: media.CodecH264, Hardware: true, MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 2_073_600, Proved: true}
	copyH264 = decode.Capability{Codec: media.CodecH264, Hardware: true, MaxWidth: 4096, MaxHeight: 2304, MacroblocksPerSecond: 2_073_600, Proved: true}
	cpuH264  = decode.Capability{Codec: media.CodecH264, MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 522_240, Proved: true}
	cpuHEVC  = decode.Capability{Codec: media.CodecHEVC, MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 261_120, Proved: true}
)

// The decoder that has lost most bounds what the host is told, whichever of the
// two lost something last.
func TestLeastDecoder(t *testing.T) {
	w := wants{decoders: []decode.Capability{gpuH264, cpuHEVC}}
	if got, want := w.leastLocked(), w.decoders; !reflect.DeepEqual(got, want) {
		t.Errorf("leastLocked() at first = %+v; want %+v", got, want)
	}
	w.left[0] = []decode.Capability{cpuH264, cpuHEVC}
	w.left[1] = []decode.Capability{copyH264, cpuHEVC}
	got := w.leastLocked()
	want := cpuH264
	want.MaxHeight = copyH264.MaxHeight
	if !reflect.DeepEqual(got, []decode.Capability{want, cpuHEVC}) {
		t.Errorf("leastLocked() = %+v; want %+v and HEVC", got, want)
	}
}

// What a decoder lost in one session is not told in the next, where it begins
// at the best link again.
func TestRenewDecoders(t *testing.T) {
	a := &Agent{hardware: decode.OpenHardware(decode.HardwareConfig{Device: decode.DeviceNone})}
	a.wants.left[1] = []decode.Capability{{Codec: media.CodecH264}}
	a.renewDecoders()
	if got, want := a.wants.leastLocked(), proved(a.hardware.Capabilities()); len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
		t.Errorf("told after renewDecoders() = %+v; want %+v", got, want)
	}
}

func TestProved(t *testing.T) {
	broken := cpuHEVC
	broken.Proved = false
	if got := proved([]decode.Capability{gpuH264, broken}); len(got) != 1 || got[0] != gpuH264 {
		t.Errorf("proved() = %+v; want H264 alone", got)
	}
}

func TestDecoderLimits(t *testing.T) {
	all := []decode.Capability{gpuH264, cpuHEVC}
	tests := []struct {
		codecs []media.Codec
		rate   uint32
		shared bool
	}{
		{[]media.Codec{media.CodecH264, media.CodecHEVC}, gpuH264.MacroblocksPerSecond, true},
		{[]media.Codec{media.CodecHEVC}, cpuHEVC.MacroblocksPerSecond, false},
		{nil, 0, false},
	}
	for _, tt := range tests {
		if l, shared := decoderLimits(all, tt.codecs); l.MacroblocksPerSecond != tt.rate || shared != tt.shared {
			t.Errorf("decoderLimits(%v) = %+v, shared %v; want %d, shared %v", tt.codecs, l, shared, tt.rate, tt.shared)
		}
	}
}

// In software each screen has a decoder of its own.
func TestPlacementsInSoftware(t *testing.T) {
	limits, shared := decoderLimits([]decode.Capability{cpuH264}, []media.Codec{media.CodecH264})
	both := []display.Output{monitor(0, 1920, 1080, 60_000), monitor(1, 1920, 1080, 60_000)}
	for _, p := range placements(both, limits, shared, func(mode.Monitor) mode.Choice { return mode.Choice{} }) {
		if p.Width != 1920 || p.MilliHz != 60_000 {
			t.Errorf("screen %d = %dx%d at %d mHz; want 1920x1080 at 60000", p.Index, p.Width, p.Height, p.MilliHz)
		}
	}
}

func TestHeatLimits(t *testing.T) {
	both := []wire.Placement{
		{Index: 0, Connected: true, Width: 3840, Height: 2160, MilliHz: 30_000},
		{Index: 1}, // plugged out while it was hot
	}
	tests := []struct {
		share float64
		want  []wire.Limit
	}{
		{1, []wire.Limit{{Screen: 0}, {Screen: 1}}},
		{0.5, []wire.Limit{{Screen: 0, MaxWidth: 2714, MaxHeight: 1527}, {Screen: 1}}},
		{0.25, []wire.Limit{{Screen: 0, MaxWidth: 2714, MaxHeight: 1527, MaxMilliFPS: 15_000}, {Screen: 1}}},
	}
	for _, tt := range tests {
		if got := heatLimits(both, tt.share); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("heatLimits(%v) = %+v; want %+v", tt.share, got, tt.want)
		}
	}
}

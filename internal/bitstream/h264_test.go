package bitstream_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

func TestParseH264SPS(t *testing.T) {
	type want struct {
		profile, level, chroma, depth uint8
		width, height, bottom         int
		frame                         bool
		refs, reorder                 uint8
		scale                         uint32
		matrix                        uint8
		full, hrd                     bool
	}
	tests := map[string]want{
		"baseline":   {66, 13, 1, 8, 320, 180, 12, true, 1, 0, 60, 2, false, false},
		"full range": {77, 13, 1, 8, 320, 180, 12, true, 4, 2, 60, 2, true, false},
		"high":       {100, 13, 1, 8, 320, 180, 12, true, 4, 2, 60, 2, false, false},
		"1080p60":    {100, 42, 1, 8, 1920, 1080, 8, true, 3, 0, 120, 1, false, false},
		"high 10":    {110, 13, 1, 10, 320, 180, 12, true, 4, 2, 60, 2, false, false},
		"4:2:2":      {122, 13, 2, 8, 320, 180, 12, true, 4, 2, 60, 2, false, false},
		"4:4:4":      {244, 13, 3, 8, 320, 180, 12, true, 4, 2, 60, 2, false, false},
		"hrd":        {100, 13, 1, 8, 320, 180, 12, true, 4, 2, 60, 2, false, true},
		"interlaced": {100, 31, 1, 8, 720, 576, 0, false, 4, 2, 100, 2, false, false},
	}
	for name, w := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := bitstream.ParseH264SPS(unhex(t, h264Samples[name]))
			if err != nil {
				t.Fatalf("ParseH264SPS() = %v", err)
			}
			got := want{
				p.Profile, p.Level, p.ChromaFormat, p.BitDepthLuma, p.Width, p.Height, p.CropBottom, p.FrameMBsOnly,
				p.MaxNumRefFrames, p.ReorderFrames, p.VUI.TimeScale, p.VUI.Matrix, p.VUI.FullRange, p.VUI.HasHRD,
			}
			if got != w {
				t.Errorf("ParseH264SPS() = %+v; want %+v", got, w)
			}
		})
	}
}

// TestH264Truncated cuts every sample everywhere. No cut of a set that ends
// with its restriction may parse as that set.
func TestH264Truncated(t *testing.T) {
	for name, s := range h264Samples {
		nalu := unhex(t, s)
		for n := range len(nalu) - 1 {
			if p, err := bitstream.ParseH264SPS(nalu[:n]); !errors.Is(err, bitstream.ErrDamaged) {
				t.Errorf("ParseH264SPS(%s, %d bytes) = %+v, %v; want ErrDamaged", name, n, p, err)
			}
		}
	}
}

// TestInferredReorder: without restriction a decoder has to expect as many
// pictures as the level allows.
func TestInferredReorder(t *testing.T) {
	// 1080p at level 4.2 is 34816/8160, at level 5.2 min(16, 184320/8160).
	for level, want := range map[uint64]uint8{42: 4, 52: 16} {
		var b bitstest.Bits
		b.U(24, 100<<16|level)
		for _, v := range []uint64{0, 1, 0, 0} {
			b.UE(v)
		}
		b.U(2, 0)
		for _, v := range []uint64{0, 2, 1} {
			b.UE(v)
		}
		b.U(1, 0)
		b.UE(119)
		b.UE(67)
		b.U(4, 0b1100) // frames, direct 8x8, no crop, no VUI
		p, err := bitstream.ParseH264SPS(b.Unit(0x67))
		if err != nil || p.ReorderFrames != want || p.BufferedFrames != want || p.HasVUI {
			t.Errorf("level %d: reorder %d, buffered %d, VUI %v, %v; want %d twice, none", level, p.ReorderFrames, p.BufferedFrames, p.HasVUI, err, want)
		}
	}
}

func TestRandomH264SPSParses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		nalu := randomH264(rnd, i%3 != 0, i%17, i%4-1, i%9)
		p, err := bitstream.ParseH264SPS(nalu)
		if err != nil || int(p.MaxNumRefFrames) != i%17 || p.HasVUI != (i%3 != 0) || p.VUI.HasRestriction != (p.HasVUI && i%4 != 0) {
			t.Fatalf("ParseH264SPS(%x) = %+v, %v", nalu, p, err)
		}
		if p.VUI.HasRestriction && (int(p.VUI.MaxNumReorderFrames) != i%4-1 || int(p.VUI.MaxDecFrameBuffering) != i%9) {
			t.Fatalf("ParseH264SPS(%x) restricts to %d, %d; want %d, %d", nalu, p.VUI.MaxNumReorderFrames, p.VUI.MaxDecFrameBuffering, i%4-1, i%9)
		}
	}
}

func FuzzParseH264SPS(f *testing.F) {
	for _, s := range h264Samples {
		f.Add(unhex(f, s))
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 10 {
		f.Add(randomH264(rnd, i%2 == 0, 1, i%3-1, 1))
	}
	f.Fuzz(func(t *testing.T, nalu []byte) {
		p, err := bitstream.ParseH264SPS(nalu)
		if err != nil {
			if !errors.Is(err, bitstream.ErrDamaged) {
				t.Errorf("ParseH264SPS() = %v; want ErrDamaged", err)
			}
			return
		}
		if p.Width <= 0 || p.Height <= 0 || p.Width > 1<<15 || p.Height > 1<<16 || p.MaxNumRefFrames > 16 || p.ChromaFormat > 3 {
			t.Errorf("ParseH264SPS(%x) = %+v", nalu, p)
		}
	})
}

package bitstream_test

import (
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

func TestParseHEVCSPS(t *testing.T) {
	type want struct {
		profile, level, layers, chroma, depth uint8
		high, main                            bool
		coded, width, height                  int
		buffers, reorder, ctb                 uint8
		scaling, sao                          bool
		scale                                 uint32
		matrix                                uint8
	}
	tests := map[string]want{
		"main":       {1, 60, 1, 1, 8, false, true, 184, 320, 180, 5, 2, 6, false, true, 30, 2},
		"1080p60":    {1, 123, 1, 1, 8, true, true, 1088, 1920, 1080, 3, 0, 5, false, false, 60, 1},
		"main 10":    {2, 60, 1, 1, 10, false, false, 184, 320, 180, 5, 2, 6, true, false, 30, 2},
		"4:4:4":      {4, 60, 1, 3, 8, false, false, 184, 320, 180, 5, 2, 6, false, true, 30, 2},
		"sub-layers": {1, 60, 2, 1, 8, false, true, 184, 320, 180, 5, 2, 6, false, true, 30, 2},
	}
	for name, w := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := bitstream.ParseHEVCSPS(unhex(t, hevcSamples[name]))
			if err != nil {
				t.Fatalf("ParseHEVCSPS() = %v", err)
			}
			got := want{
				p.Profile.IDC, p.Profile.Level, p.MaxSubLayers, p.ChromaFormat, p.BitDepthLuma,
				p.Profile.HighTier, p.Profile.CompatibleWith(bitstream.HEVCMain), p.CodedHeight, p.Width, p.Height,
				p.MaxDecPicBuffering, p.MaxNumReorder, p.Log2CodingTree, p.ScalingLists, p.SampleAdaptiveOffset,
				p.VUI.TimeScale, p.VUI.Matrix,
			}
			if got != w {
				t.Errorf("ParseHEVCSPS() = %+v; want %+v", got, w)
			}
		})
	}
}

// rich writes a set that x265 does not: scaling lists, PCM, reference picture
// sets that tell each other, long-term pictures, a display window.
func rich() []byte {
	var b bitstest.Bits
	b.U(4, 3)     // video parameter set
	b.U(4, 0b001) // one sub-layer, nesting
	b.U(8, 1)     // Main
	b.U(32, 3<<29)
	b.U(4, 0b1001)
	b.U(44, 0)
	b.U(8, 93)
	for _, v := range []uint64{2, 1, 1280, 720} {
		b.UE(v)
	}
	b.Flag(false)
	for _, v := range []uint64{0, 0, 4} {
		b.UE(v)
	}
	b.Flag(true)
	for _, v := range []uint64{4, 0, 0, 0, 3, 0, 3, 2, 2} {
		b.UE(v)
	}
	b.U(2, 0b11) // scaling lists, here
	for size := range 4 {
		for matrix := range 6 {
			if size == 3 && matrix%3 != 0 {
				continue
			}
			if matrix == 1 {
				b.Flag(false)
				b.UE(1)
				continue
			}
			b.Flag(true)
			if size > 1 {
				b.SE(8)
			}
			for range min(64, 16<<(2*size)) {
				b.SE(1)
			}
		}
	}
	b.U(3, 0b111) // AMP, SAO, PCM
	b.U(8, 0x77)
	b.UE(0)
	b.UE(2)
	b.Flag(true)
	sets(&b)
	b.Flag(true) // long-term
	b.UE(2)
	b.U(18, 0x12345) // two of 8 + 1 bits
	b.U(2, 0b01)
	b.Flag(true) // VUI
	b.U(4, 0)    // nothing but ...
	b.U(3, 0b010)
	b.Flag(true) // a window
	for _, v := range []uint64{1, 2, 3, 4} {
		b.UE(v)
	}
	b.Flag(true)
	b.U(32, 1001)
	b.U(32, 60000)
	b.U(4, 0)
	return b.Unit(0x42, 1)
}

// sets writes four reference picture sets: {-1, -2, +1}, then three told by
// the one before.
func sets(b *bitstest.Bits) {
	b.UE(4)
	b.UE(2)
	b.UE(1)
	for range 3 {
		b.UE(0)
		b.Flag(true)
	}
	b.Flag(true) // by -1: -2, -3, 0 (gone), -1
	b.Flag(true)
	b.UE(0)
	b.U(4, 0b1111)
	b.Flag(true) // by +2: {-1, -2, -3} + 2 is 1, 0 (gone), -1, and +2, one unused
	b.Flag(false)
	b.UE(1)
	b.U(3, 0b111) // used, used, used
	b.U(2, 0b00)  // the last: neither used nor delta
	b.Flag(true)  // of {-1, 1}: three flags
	b.Flag(false)
	b.UE(0)
	b.U(3, 0b111)
}

func TestParseHEVCRich(t *testing.T) {
	p, err := bitstream.ParseHEVCSPS(rich())
	if err != nil {
		t.Fatalf("ParseHEVCSPS(rich) = %v", err)
	}
	if p.ID != 2 || p.Width != 1280 || !p.ScalingLists || !p.PCM || p.ShortTermSets != 4 || !p.LongTermRefs || p.TemporalMotionPrediction || !p.StrongIntraSmoothing {
		t.Errorf("ParseHEVCSPS(rich) = %+v", p)
	}
	if v := p.VUI; !v.FieldSequence || v.WindowLeft != 2 || v.WindowBottom != 8 || v.UnitsInTick != 1001 || v.TimeScale != 60000 {
		t.Errorf("ParseHEVCSPS(rich).VUI = %+v; want field_seq, window 2 4 6 8, 1001/60000", v)
	}
}

func TestHEVCTruncated(t *testing.T) {
	nalu := rich()
	for n := range len(nalu) - 2 {
		if p, err := bitstream.ParseHEVCSPS(nalu[:n]); !errors.Is(err, bitstream.ErrDamaged) {
			t.Errorf("ParseHEVCSPS(%d of %d bytes) = %+v, %v; want ErrDamaged", n, len(nalu), p, err)
		}
	}
}

func FuzzParseHEVC(f *testing.F) {
	for _, s := range hevcSamples {
		f.Add(unhex(f, s))
	}
	f.Add(rich())
	f.Fuzz(func(t *testing.T, nalu []byte) {
		p, err := bitstream.ParseHEVCSPS(nalu)
		if err == nil && (p.Width <= 0 || p.Height <= 0 || p.Width > p.CodedWidth || p.MaxSubLayers > 7 || p.ChromaFormat > 3) {
			t.Errorf("ParseHEVCSPS(%x) = %+v", nalu, p)
		}
		if err != nil && !errors.Is(err, bitstream.ErrDamaged) {
			t.Errorf("ParseHEVCSPS(%x) = %v; want ErrDamaged", nalu, err)
		}
	})
}

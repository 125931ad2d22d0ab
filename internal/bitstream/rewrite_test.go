package bitstream_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

// wrap makes an access unit: delimiter, set, picture parameter set, slice.
func wrap(sps []byte) []byte {
	var au []byte
	for _, nalu := range [][]byte{{9, 0x10}, sps, {0x68, 0xce, 0x3c, 0x80}, {0x65, 0x88, 0x84, 0, 0, 3, 0, 0x42}} {
		au = append(append(au, 0, 0, 0, 1), nalu...)
	}
	return au
}

func spsOf(t testing.TB, au []byte) []byte {
	t.Helper()
	for s := bitstream.NewScanner(au); s.Next(); {
		if bitstream.H264Type(s.Unit()) == bitstream.H264SPS {
			return s.Unit()
		}
	}
	t.Fatalf("no SPS in %x", au)
	return nil
}

// TestFixReorder rewrites sets of every kind and looks at them bit by bit.
func TestFixReorder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range 3000 {
		refs, reorder, buffering := 1+i%4, i%4-1, i%7
		sps := randomH264(rnd, i%3 != 0, refs, reorder, buffering)
		before, err := bitstream.ParseH264SPS(sps)
		if err != nil {
			t.Fatal(err)
		}
		au := wrap(sps)
		fixed, changed := bitstream.FixReorder(nil, au)
		want := !before.VUI.HasRestriction || reorder > 0 || buffering > refs
		if changed != want {
			t.Fatalf("FixReorder(reorder %d, buffering %d, refs %d) changed = %v; want %v", reorder, buffering, refs, changed, want)
		}
		if !changed {
			if &fixed[0] != &au[0] || len(fixed) != len(au) {
				t.Fatal("FixReorder() did not return au itself")
			}
			continue
		}
		checkFixed(t, before, sps, spsOf(t, fixed))
		if again, changed := bitstream.FixReorder(nil, fixed); changed {
			t.Fatalf("FixReorder(fixed) = %x; want no change", again)
		}
		if !bytes.Equal(cut(t, au), cut(t, fixed)) {
			t.Fatalf("FixReorder(%x) = %x; want the rest as it was", au, fixed)
		}
	}
}

// cut is an access unit without the bytes of its set.
func cut(t testing.TB, au []byte) []byte {
	return bytes.Replace(au, spsOf(t, au), nil, 1)
}

// checkFixed compares a rewritten set with the one it came from.
func checkFixed(t *testing.T, before bitstream.H264Params, old, sps []byte) {
	t.Helper()
	after, err := bitstream.ParseH264SPS(sps)
	if err != nil {
		t.Fatalf("ParseH264SPS(rewritten %x) = %v", sps, err)
	}
	v := after.VUI
	if !after.HasVUI || !v.HasRestriction || v.MaxNumReorderFrames != 0 || v.MaxDecFrameBuffering != before.MaxNumRefFrames {
		t.Fatalf("rewritten set restricts %v to %d, %d; want 0, %d", v.HasRestriction, v.MaxNumReorderFrames, v.MaxDecFrameBuffering, before.MaxNumRefFrames)
	}
	if before.VUI.HasRestriction && v.MaxBitsPerMBDenom != before.VUI.MaxBitsPerMBDenom {
		t.Fatalf("max_bits_per_mb_denom = %d; want %d as before", v.MaxBitsPerMBDenom, before.VUI.MaxBitsPerMBDenom)
	}
	// All but what was written has to be the same field by field ...
	same := after
	same.HasVUI, same.ReorderFrames, same.BufferedFrames = before.HasVUI, before.ReorderFrames, before.BufferedFrames
	u := &same.VUI
	b := before.VUI
	u.HasRestriction, u.MVOverBoundaries, u.MaxBytesPerPicDenom, u.MaxBitsPerMBDenom = b.HasRestriction, b.MVOverBoundaries, b.MaxBytesPerPicDenom, b.MaxBitsPerMBDenom
	u.Log2MaxMVHorizontal, u.Log2MaxMVVertical = b.Log2MaxMVHorizontal, b.Log2MaxMVVertical
	u.MaxNumReorderFrames, u.MaxDecFrameBuffering = b.MaxNumReorderFrames, b.MaxDecFrameBuffering
	if same != before {
		t.Fatalf("rewritten set = %+v; want %+v", same, before)
	}
	// ... and bit by bit: only the end differs.
	was, is := rbspBits(old), rbspBits(sps)
	keep := len(was) - 1 // the flag that was 0
	if before.VUI.HasRestriction {
		keep = len(was) - len(ues(uint64(b.MaxNumReorderFrames), uint64(b.MaxDecFrameBuffering)))
	}
	if !strings.HasPrefix(is, was[:keep]) {
		t.Fatalf("rewritten bits = %s; want those of %s first", is, was[:keep])
	}
}

func ues(values ...uint64) string {
	var b bitstest.Bits
	for _, v := range values {
		b.UE(v)
	}
	return b.String()
}

// TestFixReorderSamples: what x264 writes for streams with B pictures is held
// back, what it writes with -tune zerolatency is not.
func TestFixReorderSamples(t *testing.T) {
	for name, s := range h264Samples {
		want := name != "baseline" && name != "1080p60"
		if _, changed := bitstream.FixReorder(nil, wrap(unhex(t, s))); changed != want {
			t.Errorf("FixReorder(%s) changed = %v; want %v", name, changed, want)
		}
	}
}

func TestFixReorderLeavesAlone(t *testing.T) {
	high := unhex(t, h264Samples["high"])
	tests := map[string][]byte{
		"empty":           {},
		"no start code":   high,
		"damaged":         wrap(high[:9]),
		"data behind":     wrap(append(bytes.Clone(high), 0xff)),
		"behind a slice":  append([]byte{0, 0, 1, 0x41, 0x9a, 0, 0, 1}, high...),
		"only zeros":      make([]byte, 100),
		"only start code": {0, 0, 1},
	}
	for name, au := range tests {
		if got, changed := bitstream.FixReorder(nil, au); changed {
			t.Errorf("FixReorder(%s) = %x; want it alone", name, got)
		}
	}
}

func TestFixReorderAllocatesNothing(t *testing.T) {
	good, bad := wrap(unhex(t, h264Samples["1080p60"])), wrap(unhex(t, h264Samples["high"]))
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { bitstream.FixReorder(nil, good) }); n != 0 {
		t.Errorf("FixReorder(good) allocates %v times; want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { bitstream.FixReorder(dst, bad) }); n != 0 {
		t.Errorf("FixReorder(bad) into memory allocates %v times; want 0", n)
	}
}

func FuzzFixReorder(f *testing.F) {
	for _, s := range h264Samples {
		f.Add(wrap(unhex(f, s)))
	}
	f.Fuzz(func(t *testing.T, au []byte) {
		old := bytes.Clone(au)
		fixed, changed := bitstream.FixReorder(nil, au)
		if !bytes.Equal(au, old) {
			t.Fatal("FixReorder changed its argument")
		}
		if !changed {
			return
		}
		if again, changed := bitstream.FixReorder(nil, fixed); changed {
			t.Errorf("FixReorder(FixReorder(%x)) = %x; want no second change", au, again)
		}
		if a, b := kinds(au), kinds(fixed); a != b {
			t.Errorf("FixReorder(%x) has NAL units %s; want %s", au, b, a)
		}
	})
}

// kinds lists NAL unit types.
func kinds(au []byte) string {
	var b strings.Builder
	for s := bitstream.NewScanner(au); s.Next(); {
		b.WriteByte(byte(bitstream.H264Type(s.Unit())) + 'A')
	}
	return b.String()
}

func BenchmarkFixReorder(b *testing.B) {
	for name, sample := range map[string]string{"good": "1080p60", "bad": "high"} {
		b.Run(name, func(b *testing.B) {
			au := append(wrap(unhex(b, h264Samples[sample])), make([]byte, 100_000)...)
			dst := make([]byte, 0, 2*len(au))
			b.ReportAllocs()
			for b.Loop() {
				bitstream.FixReorder(dst, au)
			}
		})
	}
}

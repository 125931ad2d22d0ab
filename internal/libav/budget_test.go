//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

const budgetTest = 80 << 20

// stream4K is an HEVC stream of 4K pictures, each after the first referring to
// the one before.
func stream4K(t *testing.T, n int) []*media.AccessUnit {
	t.Helper()
	e := newEncoder(t, libav.EncoderConfig{
		Codec: media.CodecHEVC, Backend: "libx265", Width: 3840, Height: 2160, FPS: 30, BitrateBps: 20_000_000,
	})
	return encodeScene(t, e, media.CodecHEVC, scene(n, 3840, 2160))
}

// lie gives the slices of a P picture a reference picture set of 15, from
// distance first on, and leaves the parameter sets as they are. The change is a
// whole number of bytes, so that what follows stays aligned.
func lie(t *testing.T, key, au []byte, first uint32) []byte {
	t.Helper()
	var sps bitstream.HEVCParams
	for s := bitstream.NewScanner(key); s.Next(); {
		if bitstream.HEVCType(s.Unit()) == bitstream.HEVCSPS {
			var err error
			if sps, err = bitstream.ParseHEVCSPS(s.Unit()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rewriteUnits(au, func(nalu []byte) []byte {
		if bitstream.HEVCType(nalu) > bitstream.HEVCLastSlice {
			return nalu
		}
		b := rbsp(nalu, 2)
		b.copyU(1)
		b.copyUE()
		b.copyUE()
		b.copyU(int(sps.Log2MaxPicOrderCntLsb))
		before := len(b.in)
		if b.u(1) == 1 {
			for n := uint8(1); n < sps.ShortTermSets; n <<= 1 {
				b.u(1)
			}
		} else {
			if sps.ShortTermSets > 0 && b.u(1) == 1 {
				t.Fatal("the encoder predicts reference picture sets; the test knows no such")
			}
			n := b.ue()
			for range n + b.ue() {
				b.ue()
				b.u(1)
			}
		}
		was, at := before-len(b.in), b.out.Len()
		for pad := uint32(0); ; pad++ { // a longer last distance makes it whole bytes
			var s bits
			s.put(1, 0)
			if sps.ShortTermSets > 0 {
				s.put(1, 0)
			}
			s.putUE(15)
			s.putUE(0)
			s.putUE(0)
			s.put(1, 1)
			for i := uint32(1); i < 15; i++ {
				distance := uint32(0)
				if i == 1 {
					distance = first
				}
				if i >= 8 && i < 8+pad { // two bits more each
					distance = 1
				}
				s.putUE(distance)
				s.put(1, 0)
			}
			if (s.out.Len()-was)%8 == 0 {
				b.out.WriteString(s.out.String())
				break
			}
			if pad == 8 {
				t.Fatalf("no set of references fits %d bits at %d", was, at)
			}
		}
		b.out.WriteString(b.in)
		return b.nalu(nalu[:2]...)
	})
}

// TestPictureBudget shows that a stream within its level decodes while what shows
// it holds four pictures, that one whose slices keep 15 pictures of 4K which its
// parameter sets do not tell of is refused in words, with memory bounded, and that
// the decoder goes on at the next keyframe.
func TestPictureBudget(t *testing.T) {
	units := stream4K(t, 6)
	d := newDecoder(t, media.CodecHEVC)
	var shown []*media.Frame
	for _, au := range units {
		if len(shown) == 4 {
			shown[0].Release()
			shown = shown[1:]
		}
		shown = append(shown, decodeOne(t, d, au))
	}
	t.Logf("%d MiB for a legal stream with 4 pictures held", d.Held()>>20)
	for _, f := range shown {
		f.Release()
	}

	refused, peak := 0, int64(0)
	for i, au := range units {
		data := au.Data
		if i > 0 {
			data = lie(t, units[0].Data, data, uint32(16*i))
		}
		err := d.Send(accessUnit(media.CodecHEVC, au.FrameID, i == 0, data))
		peak = max(peak, d.Held())
		if err != nil {
			refused++
			if !errors.Is(err, libav.ErrInvalidData) || !strings.Contains(err.Error(), "more than 80 MiB of pictures") {
				t.Fatalf("Send(a lying picture) = %v; want ErrInvalidData that names the budget", err)
			}
		}
		for {
			f, err := d.Receive()
			if err != nil {
				break
			}
			f.Release()
		}
	}
	if refused == 0 || peak > budgetTest {
		t.Errorf("%d pictures refused, %d bytes held at most; want some, %d", refused, peak, budgetTest)
	}
	t.Logf("%d refused, %d MiB at most", refused, peak>>20)

	d.Flush()
	decodeOne(t, d, units[0]).Release()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBudgetIsGivenBack shows that every byte comes back.
func TestBudgetIsGivenBack(t *testing.T) {
	for _, codec := range codecs {
		e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 320, Height: 192, FPS: 30, BitrateBps: 1_000_000})
		d := newDecoder(t, codec)
		for _, au := range encodeScene(t, e, codec, scene(12, 320, 192)) {
			decodeOne(t, d, au).Release()
		}
		if d.Held() <= 0 {
			t.Errorf("%v: Held() = %d while decoding; want more than 0", codec, d.Held())
		}
		d.Flush()
		if got := d.Held(); got != 0 {
			t.Errorf("%v: Held() after Flush = %d; want 0", codec, got)
		}
	}
}

//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// marked rewrites x264's headers, which know one short-term reference only, so
// that a stream keeps more: the data of a slice does not depend on how its
// references are called.
type marked struct {
	t     *testing.T
	sps   bitstream.H264Params
	cabac bool
	// of the picture parameter set
	bottom, weighted, deblocking bool
}

// change is what a picture's headers are made to say.
type change struct {
	num  uint32
	long bool     // the keyframe is long-term
	mods []uint32 // modifications of list 0 as they are coded, without the last 3
}

func (m *marked) unit(au *media.AccessUnit, c change) *media.AccessUnit {
	data := rewriteUnits(au.Data, func(nalu []byte) []byte {
		switch bitstream.H264Type(nalu) {
		case bitstream.H264SPS:
			return m.set(nalu)
		case bitstream.H264PPS:
			b := rbsp(nalu, 1)
			b.ue()
			b.ue()
			m.cabac, m.bottom = b.u(1) == 1, b.u(1) == 1
			groups, references := b.ue(), b.ue()
			if groups != 0 || references != 0 {
				m.t.Fatal("slice groups, or more than one reference")
			}
			b.ue()
			m.weighted = b.u(1) == 1
			b.u(2)
			b.ue()
			b.ue()
			b.ue()
			m.deblocking = b.u(1) == 1
		case bitstream.H264Slice, bitstream.H264IDR:
			return m.slice(nalu, c)
		}
		return nalu
	})
	return accessUnit(media.CodecH264, c.num+1, au.Keyframe, data)
}

// set writes the set anew, with five reference pictures and no reordering.
func (m *marked) set(nalu []byte) []byte {
	p, err := bitstream.ParseH264SPS(nalu)
	if err != nil || p.PicOrderCntType == 1 || p.ScalingMatrix || p.CropTop+p.CropBottom+p.CropLeft+p.CropRight > 0 {
		m.t.Fatalf("set %+v, %v", p, err)
	}
	m.sps = p
	var b bits
	b.put(24, uint32(p.Profile)<<16|uint32(p.Constraints)<<8|40)
	b.putUE(uint32(p.ID))
	if p.Profile >= 100 {
		b.putUE(1)
		b.putUE(0)
		b.putUE(0)
		b.put(2, 0)
	}
	b.putUE(uint32(p.Log2MaxFrameNum - 4))
	b.putUE(uint32(p.PicOrderCntType))
	if p.PicOrderCntType == 0 {
		b.putUE(uint32(p.Log2MaxPicOrderCntLsb - 4))
	}
	b.putUE(5)
	b.put(1, 0)
	b.putUE(uint32(p.WidthMBs - 1))
	b.putUE(uint32(p.HeightMBs - 1))
	b.put(4, 0b1101) // frames only, direct 8x8, no cropping, VUI
	b.put(8, 0)
	b.put(2, 0b11)
	for _, v := range []uint32{2, 1, 15, 15, 0, 5} {
		b.putUE(v)
	}
	b.put(1, 1)
	return b.nalu(nalu[0])
}

func (m *marked) slice(nalu []byte, c change) []byte {
	b := rbsp(nalu, 1)
	whole, idr := len(b.in), bitstream.H264Type(nalu) == bitstream.H264IDR
	b.copyUE()
	p := b.copyUE()%5 == 0
	b.copyUE()
	b.u(int(m.sps.Log2MaxFrameNum))
	b.put(int(m.sps.Log2MaxFrameNum), c.num)
	if idr {
		b.copyUE()
	}
	if m.sps.PicOrderCntType == 0 {
		b.u(int(m.sps.Log2MaxPicOrderCntLsb))
		b.put(int(m.sps.Log2MaxPicOrderCntLsb), 2*c.num)
		if m.bottom {
			b.copyUE()
		}
	}
	if p {
		m.lists(b, c)
	}
	if idr {
		b.copyU(1)
		b.u(1)
		b.put(1, map[bool]uint32{true: 1}[c.long])
	} else if b.copyU(1) != 0 {
		m.t.Fatal("the encoder marks pictures")
	}
	if m.cabac {
		m.align(b, p, whole)
	}
	b.out.WriteString(b.in)
	return b.nalu(nalu[0])
}

func (m *marked) lists(b *bits, c change) {
	if b.copyU(1) != 0 && b.copyUE() != 0 || b.u(1) != 0 {
		m.t.Fatal("more than one reference, or a list that is modified")
	}
	b.put(1, uint32(min(len(c.mods), 1)))
	for _, v := range c.mods {
		b.putUE(v)
	}
	if len(c.mods) > 0 {
		b.putUE(3)
	}
	if !m.weighted {
		return
	}
	b.copyUE()
	b.copyUE()
	for n := 2; n <= 4; n += 2 {
		if b.copyU(1) == 1 {
			for range n {
				b.copyUE()
			}
		}
	}
}

// align copies the rest of the header; the data begins at a whole byte.
func (m *marked) align(b *bits, p bool, whole int) {
	if p {
		b.copyUE() // cabac_init_idc
	}
	b.copyUE() // slice_qp_delta
	if m.deblocking && b.copyUE() != 1 {
		b.copyUE()
		b.copyUE()
	}
	for (whole-len(b.in))%8 != 0 {
		if b.u(1) != 1 {
			m.t.Fatal("a slice header ends where it should not")
		}
	}
	for b.out.Len()%8 != 0 {
		b.put(1, 1)
	}
}

// TestReferencesAfterLoss shows what client/receive relies on: when three
// pictures are missing, libavcodec decodes one that names a picture from before,
// long-term or short-term, and all that follow, to the very samples that it has
// without the loss. It does not say a word when the picture named is a lost one, so
// that nobody but the receiver can know.
func TestReferencesAfterLoss(t *testing.T) {
	cases := []struct {
		name string
		long bool
		mods []uint32
		same bool
	}{
		{"long-term", true, []uint32{2, 0}, true},
		{"short-term", false, []uint32{0, 4}, true},
		{"lost one", true, []uint32{0, 1}, false}, // decodes to something else
	}
	pictures := scene(9, 320, 192)
	encode := func(list ...*media.Frame) []*media.AccessUnit {
		e := newEncoder(t, libav.EncoderConfig{
			Codec: media.CodecH264, Backend: "libx264", Width: 320, Height: 192, FPS: 30, BitrateBps: 2_000_000, Threads: 1,
		})
		return encodeScene(t, e, media.CodecH264, list)
	}
	before := encode(pictures[:5]...)
	after := encode(pictures[0], pictures[5], pictures[6], pictures[7], pictures[8])
	if !bytes.Equal(before[0].Data, after[0].Data) {
		t.Fatal("the encoder makes two keyframes of one picture")
	}
	for _, tc := range cases {
		m := marked{t: t}
		var units []*media.AccessUnit
		for i, au := range append(before, after[1:]...) {
			c := change{num: uint32(i), long: tc.long}
			if i == 5 {
				c.mods = tc.mods
			}
			units = append(units, m.unit(au, c))
		}
		whole, lossy := newDecoder(t, media.CodecH264), newDecoder(t, media.CodecH264)
		for i, au := range units {
			want := decodeOne(t, whole, au)
			if q := psnr(want, pictures[i]); tc.same && q < 30 {
				t.Errorf("%s: picture %d of the rewritten stream has %.1f dB; want 30", tc.name, i, q)
			}
			if i < 2 || i >= 5 {
				got := decodeOne(t, lossy, au)
				if q := psnr(got, want); (q == 99) != (tc.same || i < 2) {
					t.Errorf("%s: picture %d with and without the loss: %.1f dB; want the same %v", tc.name, i, q, tc.same)
				}
				got.Release()
			}
			want.Release()
		}
	}
}

package bitstream_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

// pictureSet is a picture parameter set with two and three default references.
func pictureSet(weightedP bool) []byte {
	var b bitstest.Bits
	b.UE(1)
	b.UE(0)
	b.Flag(true) // CABAC
	b.Flag(true) // bottom_field_pic_order_in_frame_present_flag
	b.UE(0)
	b.UE(1)
	b.UE(2)
	b.Flag(weightedP)
	b.U(2, 1)
	b.SE(-3)
	b.SE(0)
	b.SE(2)
	b.U(3, 0b101)
	return b.Unit(0x68)
}

// longSlice is a P slice of 1080p60 with everything that a header may have.
func longSlice() []byte {
	var b bitstest.Bits
	b.UE(0)
	b.UE(5)
	b.UE(1)
	b.U(4, 9)  // frame_num
	b.U(6, 33) // pic_order_cnt_lsb
	b.SE(-1)
	b.UE(0) // redundant_pic_cnt
	b.Flag(true)
	b.UE(2)
	b.Flag(true)
	for _, v := range []uint64{0, 4, 2, 1, 1, 0, 3} {
		b.UE(v)
	}
	b.UE(5)
	b.UE(5)
	for i := range 3 {
		b.Flag(i == 1)
		if i == 1 {
			b.SE(20)
			b.SE(-2)
		}
		b.Flag(i == 2)
		for range 4 * (i / 2) {
			b.SE(7)
		}
	}
	b.Flag(true)
	for _, v := range []uint64{1, 2, 2, 3, 3, 0, 1, 4, 16, 6, 15, 0} {
		b.UE(v)
	}
	b.UE(3)
	return b.Unit(0x61)
}

func TestH264Header(t *testing.T) {
	var o bitstream.H264Order
	o.SetSPS(unhex(t, h264Samples["high"]))
	if err := o.SetPPS(pictureSet(true)); err != nil {
		t.Fatal(err)
	}
	o.SPS.Log2MaxFrameNum, o.SPS.PicOrderCntType, o.SPS.Log2MaxPicOrderCntLsb = 4, 0, 6
	var h bitstream.H264Header
	nalu := longSlice()
	if err := h.Parse(nalu, &o); err != nil {
		t.Fatal(err)
	}
	mods := []bitstream.H264Modification{{Less: true, Num: 5}, {LongTerm: true, Num: 1}, {Num: 1}}
	marks := []bitstream.H264Mark{{Op: 1, Diff: 3}, {Op: 2, Index: 3}, {Op: 3, Diff: 1, Index: 1}, {Op: 4, Index: 16}, {Op: 6, Index: 15}}
	if h.Kind != bitstream.H264P || h.FrameNum != 9 || !h.Reference || h.Active != 3 || !h.Adaptive ||
		!slices.Equal(h.Modifications(), mods) || !slices.Equal(h.Marks(), marks) {
		t.Errorf("Parse = %+v; want frame_num 9, 3 active, %v, %v", h, mods, marks)
	}
	for n := 1; n < len(nalu)-1; n++ {
		if err := h.Parse(nalu[:n], &o); err == nil {
			t.Errorf("Parse(%d of %d bytes) = nil; want an error", n, len(nalu))
		} else if n > 4 && !errors.Is(err, bitstream.ErrCut) {
			t.Errorf("Parse(%d of %d bytes) = %v; want ErrCut", n, len(nalu), err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = h.Parse(nalu, &o) }); n != 0 {
		t.Errorf("Parse allocates %v times; want 0", n)
	}
}

func FuzzH264Header(f *testing.F) {
	sps := unhex(f, h264Samples["high"])
	f.Add(sps, pictureSet(false), longSlice())
	f.Add(unhex(f, h264Samples["baseline"]), pictureSet(true), []byte{0x65, 0x88, 0x84, 0x00, 0x33, 0xff})
	f.Add(unhex(f, h264Samples["1080p60"]), []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}, []byte{0x41, 0x9a, 0x24, 0x6c, 0x41, 0x7f})
	f.Fuzz(func(t *testing.T, sps, pps, slice []byte) {
		var o bitstream.H264Order
		o.SetSPS(sps)
		_ = o.SetPPS(pps)
		var h bitstream.H264Header
		if h.Parse(slice, &o) != nil {
			return
		}
		light, err := bitstream.ParseH264Slice(slice, &o.SPS)
		if err != nil || light != h.H264Picture {
			t.Errorf("Parse has %+v, ParseH264Slice %+v, %v", h.H264Picture, light, err)
		}
		if h.Active < 0 || h.Active > 32 || len(h.Modifications()) > h.Active || h.FrameNum>>o.SPS.Log2MaxFrameNum != 0 {
			t.Errorf("%d active, %d modifications, frame_num %d", h.Active, len(h.Modifications()), h.FrameNum)
		}
		for _, m := range h.Marks() {
			if m.Op < 1 || m.Op > 6 || m.Index > 16 || m.Index == 16 && m.Op != 4 {
				t.Errorf("mark %+v", m)
			}
		}
	})
}

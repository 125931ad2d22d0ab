package bitstream_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/media"
)

func FuzzSlice(f *testing.F) {
	f.Add([]byte{0x41, 0x9a, 0x24, 0x6c, 0x41}, []byte{0x67, 66, 0xc0, 30, 0xda, 0x02, 0x80, 0xf6}, true)
	f.Add([]byte{0x02, 0x01, 0xd0, 0x09, 0x7e, 0x10}, []byte{0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5d, 0xa0, 2, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0x80, 0x40}, false)
	f.Fuzz(func(t *testing.T, slice, set []byte, h264 bool) {
		if h264 {
			sps, err := bitstream.ParseH264SPS(set)
			if p, bad := bitstream.ParseH264Slice(slice, &sps); bad == nil && (sps.Log2MaxFrameNum == 0 || p.FrameNum>>sps.Log2MaxFrameNum != 0) {
				t.Fatalf("%+v of a set with %d bits (%v)", p, sps.Log2MaxFrameNum, err)
			}
			bitstream.RecoveryPoint(media.CodecH264, slice)
			return
		}
		var o bitstream.HEVCOrder
		_ = o.Parse(set)
		pps, _ := bitstream.ParseHEVCPPS(slice)
		p, err := bitstream.ParseHEVCSlice(slice, &o, pps)
		if err == nil && (p.N > len(p.Refs) || o.Log2MaxLsb() == 0) {
			t.Fatalf("%+v, %d bits", p, o.Log2MaxLsb())
		}
		bitstream.RecoveryPoint(media.CodecHEVC, slice)
	})
}

package decode_test

import (
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestSoftwareMemory shows what a stream may have software keep: everything that
// hosts send, but not hundreds of megabytes.
func TestSoftwareMemory(t *testing.T) {
	tests := []struct {
		width, height, references int
		ok                        bool
	}{
		{1280, 720, 16, true},
		{1920, 1088, 13, true},
		{1920, 1088, 16, false},
		{2560, 1440, 7, true},
		{3840, 2160, 3, true},
		{2160, 3840, 3, true},
		{3840, 2160, 16, false},
		{4096, 2176, 1, true},
		{4096, 2304, 1, false},
		{4096, 4096, 1, false},
		{16384, 544, 1, true},
		{65535, 65535, 0, false},
		{3840, 2160, 0, true},
		{3840, 2160, -1, true}, // an HEVC set that says nothing
	}
	for _, tt := range tests {
		err := decode.CheckMemory(tt.width, tt.height, tt.references)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, libav.ErrNoProfile) {
			t.Errorf("%d references of %dx%d: %v; want ok %v", tt.references, tt.width, tt.height, err, tt.ok)
		}
	}
}

// TestSoftwareReads shows that the references are read from the stream: 3 and
// 16 of 3840x2160 in Baseline sets.
func TestSoftwareReads(t *testing.T) {
	set := func(references byte) *media.AccessUnit {
		// u(8) 66, u(8) 0xc0, u(8) 52, ue 0, ue 0, ue 2, ue references, u(1) 0, ue 239, ue 134, 1100, stop
		var all []bool
		put := func(v uint64, n int) {
			for i := n - 1; i >= 0; i-- {
				all = append(all, v>>i&1 == 1)
			}
		}
		ue := func(v uint64) {
			n := 0
			for (v+1)>>n > 1 {
				n++
			}
			put(v+1, 2*n+1)
		}
		put(66<<16|0xc0<<8|52, 24)
		for _, v := range []uint64{0, 0, 2, uint64(references)} {
			ue(v)
		}
		put(0, 1)
		ue(239)
		ue(134)
		put(0b11001, 5)
		data := []byte{0, 0, 0, 1, 0x67}
		for i, one := range all {
			if i%8 == 0 {
				data = append(data, 0)
			}
			if one {
				data[len(data)-1] |= 0x80 >> (i % 8)
			}
		}
		return &media.AccessUnit{Codec: media.CodecH264, Data: data, Keyframe: true}
	}
	if err := decode.CheckSoftware(set(3)); err != nil {
		t.Errorf("3 references: %v; want none", err)
	}
	if err := decode.CheckSoftware(set(16)); !errors.Is(err, libav.ErrNoProfile) {
		t.Errorf("16 references: %v; want %v", err, libav.ErrNoProfile)
	}
}

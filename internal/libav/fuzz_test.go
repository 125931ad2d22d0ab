//go:build linux && cgo && !nonative

package libav_test

import (
	"math/rand/v2"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// feed gives data to d and touches every picture that comes out.
func feed(t testing.TB, d *libav.Decoder, codec media.Codec, data []byte) {
	t.Helper()
	_ = d.Send(accessUnit(codec, 1, false, data)) // may be refused
	for {
		f, err := d.Receive()
		if err != nil {
			return
		}
		for i, p := range f.Planes {
			rows, cols := f.Height, f.Width
			if i > 0 {
				rows, cols = (rows+1)/2, (cols+1)/2
			}
			if len(p) < f.Stride[i]*(rows-1)+cols {
				t.Fatalf("plane %d of %dx%d has %d bytes, stride %d", i, f.Width, f.Height, len(p), f.Stride[i])
			}
			_ = p[len(p)-1]
		}
		f.Release()
	}
}

// damage returns a changed copy: bits flipped, cut short, or bytes repeated.
func damage(rnd *rand.Rand, data []byte) []byte {
	b := append([]byte(nil), data...)
	switch rnd.IntN(3) {
	case 0:
		return b[:rnd.IntN(len(b))]
	case 1:
		at := rnd.IntN(len(b))
		return append(b[:at:at], b[rnd.IntN(len(b)):]...)
	}
	for range 1 + rnd.IntN(20) {
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
	}
	return b
}

// TestDamagedAccessUnits breaks half of a stream in many ways; nothing may
// crash or leak, and the next keyframe has to decode.
func TestDamagedAccessUnits(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 176, Height: 144, FPS: 30, BitrateBps: 1_000_000})
			units := encodeScene(t, e, codec, scene(10, 176, 144))
			d := newDecoder(t, codec)
			for seed := range uint64(60) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				for _, au := range units {
					data := au.Data
					if rnd.IntN(2) == 0 {
						data = damage(rnd, data)
					}
					feed(t, d, codec, data)
				}
			}
			d.Flush()
			decodeOne(t, d, units[0]).Release()
			if got := d.Outstanding(); got != 0 {
				t.Errorf("Outstanding() = %d; want 0", got)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for i, codec := range codecs {
		e := newEncoder(f, libav.EncoderConfig{Codec: codec, Width: 64, Height: 64, FPS: 30, BitrateBps: 300_000})
		for _, au := range encodeScene(f, e, codec, scene(2, 64, 64)) {
			f.Add(i == 1, au.Data)
		}
	}
	f.Fuzz(func(t *testing.T, hevc bool, data []byte) {
		codec := media.CodecH264
		if hevc {
			codec = media.CodecHEVC
		}
		d, err := libav.NewDecoder(libav.DecoderConfig{Codec: codec, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		feed(t, d, codec, data)
		feed(t, d, codec, data)
	})
}

//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// recoveryPoint starts a recovery point SEI message (H.264, D.1.8) in a NAL
// unit of its own.
var recoveryPoint = []byte{0, 0, 1, 6, 6}

// Rounds of intra refresh begin with a recovery point twice a second, no
// keyframe comes unasked, and a picture that was damaged is whole again two
// rounds later at most.
func TestIntraRefresh(t *testing.T) {
	const width, height, fps, lost, codec = 320, 192, 30, 40, media.CodecH264
	e := newEncoder(t, libav.EncoderConfig{
		Codec: codec, Width: width, Height: height, FPS: fps, BitrateBps: 2_000_000, Backend: "libx264", IntraRefresh: true,
	})
	whole, damaged := newDecoder(t, codec), newDecoder(t, codec)
	f := media.AllocFrame(media.I420, width, height)
	rnd := rand.New(rand.NewPCG(1, 2))
	points, last := 0, 0.0
	for i := range 4 * fps {
		paint(f, i, rnd)
		data, key, err := e.Encode(nil, f, i == 3*fps)
		if err != nil {
			t.Fatal(err)
		}
		if want := i == 0 || i == 3*fps; key != want {
			t.Errorf("picture %d is a keyframe: %v; want %v", i, key, want)
		}
		if bytes.Contains(data, recoveryPoint) {
			points++
		}
		a := decodeOne(t, whole, accessUnit(codec, uint32(i), key, data))
		if i != lost && i < 3*fps {
			b := decodeOne(t, damaged, accessUnit(codec, uint32(i), key, data))
			last = psnr(a, b)
			if i == lost+1 && last > 60 {
				t.Errorf("PSNR after the loss = %.1f dB; want damage that can heal", last)
			}
			b.Release()
		}
		a.Release()
	}
	if last < 40 {
		t.Errorf("PSNR to an unharmed picture at the end = %.1f dB; want 40", last)
	}
	if points < 6 {
		t.Errorf("%d recovery points in 4 s; want two a second", points)
	}
}

func TestIntraRefreshUnsupported(t *testing.T) {
	_, err := libav.NewEncoder(libav.EncoderConfig{
		Codec: media.CodecHEVC, Width: 64, Height: 64, FPS: 30, BitrateBps: 1_000_000, Backend: "libx265", IntraRefresh: true,
	})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewEncoder(libx265 with intra refresh) = %v; want ErrUnsupported", err)
	}
}

//go:build linux && cgo && !nonative

package decode_test

import (
	"context"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// encode returns n access units of a grey picture that gets brighter.
func encode(t *testing.T, codec media.Codec, n int) [][]byte {
	t.Helper()
	e, err := libav.NewEncoder(libav.EncoderConfig{Codec: codec, Width: 320, Height: 192, FPS: 60, BitrateBps: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	f := media.AllocFrame(media.I420, 320, 192)
	units := make([][]byte, n)
	for i := range units {
		for j := range f.Planes[0] {
			f.Planes[0][j] = byte(16 + i)
		}
		if units[i], _, err = e.Encode(nil, f, i == n/2); err != nil {
			t.Fatal(err)
		}
	}
	return units
}

// TestSoftware decodes a real stream from beginning to end through the default
// backend, with picture 5 lost and a keyframe at 11.
func TestSoftware(t *testing.T) {
	for _, codec := range []media.Codec{media.CodecH264, media.CodecHEVC} {
		t.Run(codec.String(), func(t *testing.T) {
			shown := make(chan uint32, 20)
			d, err := decode.New(decode.Config{OnFrame: func(f *media.Frame) {
				if got, want := int(f.Planes[0][0]), 15+int(f.FrameID); got < want-2 || got > want+2 {
					t.Errorf("picture %d has luma %d; want about %d", f.FrameID, got, want)
				}
				shown <- f.FrameID
				f.Release()
			}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			var units decodetest.Units
			play(t, d, &units, codec, shown)
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run() = %v; want nil", err)
			}
			s := d.Stats()
			if s.Decoded != 14 || s.DroppedTotal() != 5 || s.Backend != "software" {
				t.Errorf("Stats() = %+v; want 14 decoded, 5 dropped, software", s)
			}
			if once, more := units.Releases(); once != 19 || more != 0 {
				t.Errorf("%d released once, %d more often; want 19, 0", once, more)
			}
		})
	}
}

// play submits 20 access units without the fifth and waits for each picture
// that has to be shown.
func play(t *testing.T, d *decode.Decoder, units *decodetest.Units, codec media.Codec, shown <-chan uint32) {
	t.Helper()
	for i, data := range encode(t, codec, 20) {
		id := uint32(i + 1)
		if id == 5 {
			continue
		}
		au := units.NewData(codec, id, i == 0 || i == 10, data)
		au.Discontinuity = id == 6
		d.Submit(au)
		if id > 5 && id < 11 {
			continue
		}
		select {
		case got := <-shown:
			if got != id {
				t.Fatalf("shown picture %d; want %d", got, id)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("picture %d is not shown", id)
		}
	}
}

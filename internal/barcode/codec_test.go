//go:build !nonative

package barcode_test

import (
	"errors"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source/card"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

const (
	testWidth, testHeight = 1280, 720
	testFrames            = 90
)

// TestReadAfterCodec sends the test card through H.264 at 2 Mb/s and through
// windows of other sizes: every picture's code must be readable.
func TestReadAfterCodec(t *testing.T) {
	c, err := card.New(card.Config{
		Screens: 1, Width: testWidth, Height: testHeight, FPS: 60,
		Title: "Barcode", Input: card.NewInput(1, testWidth, testHeight),
	})
	if err != nil {
		t.Fatal(err)
	}
	enc, err := libav.NewEncoder(libav.EncoderConfig{
		Codec: media.CodecH264, Width: testWidth, Height: testHeight, FPS: 60, BitrateBps: 2_000_000, Backend: "libx264",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	dec, err := libav.NewDecoder(libav.DecoderConfig{Codec: media.CodecH264})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	windows := newWindows(t)
	defer windows.scaler.Close()
	bytes := 0
	for n := uint32(1); n <= testFrames; n++ {
		f := c.Draw(n, time.Duration(n)*time.Second/60, time.Unix(1_800_000_000, int64(n)))
		data, _, err := enc.Encode(nil, f, n == 1)
		if err != nil {
			t.Fatal(err)
		}
		bytes += len(data)
		au := &media.AccessUnit{Codec: media.CodecH264, Data: append(data, make([]byte, media.Padding)...)[:len(data)]}
		if err := dec.Send(au); err != nil {
			t.Fatal(err)
		}
		windows.check(t, dec, n)
	}
	t.Logf("%d pictures at %.2f Mb/s", testFrames, float64(bytes)*8*60/testFrames/1e6)
}

// windows are the sizes a picture is looked at in.
type windows struct {
	scaler *libav.Scaler
	frames []*media.Frame
}

func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{scaler: libav.NewScaler()}
	for _, percent := range []int{80, 91, 109, 120} {
		w.frames = append(w.frames, media.AllocFrame(media.BGRX, testWidth*percent/100, testHeight*percent/100))
	}
	return w
}

// check reads the code of the picture that dec has, at every size.
func (w *windows) check(t *testing.T, dec *libav.Decoder, n uint32) {
	t.Helper()
	f, err := dec.Receive()
	if errors.Is(err, libav.ErrAgain) {
		t.Fatalf("picture %d: the decoder keeps it back", n)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	expect(t, f, n)
	for _, view := range w.frames {
		if err := w.scaler.Scale(view, f); err != nil {
			t.Fatal(err)
		}
		expect(t, view, n)
	}
}

func expect(t *testing.T, f *media.Frame, n uint32) {
	t.Helper()
	want := barcode.Payload{Frame: n, Captured: time.Unix(1_800_000_000, int64(n))}
	if p, err := barcode.Read(f); err != nil || p != want {
		t.Errorf("Read(picture %d as %v %dx%d) = %v, %v; want %v", n, f.Format, f.Width, f.Height, p, err, want)
	}
}

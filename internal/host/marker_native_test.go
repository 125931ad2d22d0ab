//go:build linux && cgo && !nonative

package host_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// eye decodes a screen's pictures and looks for markers.
type eye struct {
	t       *testing.T
	dec     *libav.Decoder
	seen    atomic.Int32  // the marker of the last picture, -1 for none
	barcode atomic.Uint64 // pictures whose own code was read
	width   atomic.Int32
}

func (e *eye) look(au *media.AccessUnit) {
	if err := e.dec.Send(au); err != nil {
		e.t.Errorf("decode: %v", err)
		return
	}
	f, err := e.dec.Receive()
	if err != nil {
		if !errors.Is(err, libav.ErrAgain) {
			e.t.Errorf("decode: %v", err)
		}
		return
	}
	defer f.Release()
	if _, err := barcode.Read(f); err == nil {
		e.barcode.Add(1)
	}
	e.width.Store(int32(f.Width))
	id, err := barcode.ReadMarker(f)
	if err != nil {
		e.seen.Store(-1)
		return
	}
	e.seen.Store(int32(id))
}

// TestMarkerInDecodedPictures goes the whole way: a press of a marker, through
// the input channel, into a picture, through encoder, network and decoder.
func TestMarkerInDecodedPictures(t *testing.T) {
	dec, err := libav.NewDecoder(libav.DecoderConfig{Codec: media.CodecH264})
	if err != nil {
		t.Fatal(err)
	}
	e := &eye{t: t, dec: dec}
	h := hosttest.Start(t, hosttest.Config{
		Width: 640, Height: 360, FPS: 60,
		OpenEncoder: func(c host.EncoderConfig) (host.Encoder, error) {
			return libav.NewEncoder(libav.EncoderConfig{
				Codec: c.Codec, Width: c.Width, Height: c.Height, FPS: c.FPS, BitrateBps: c.BitrateBps, Backend: "libx264",
			})
		},
		NewScaler: func() host.Scaler { return libav.NewScaler() },
	})
	r := newTerminal(t, h.URL, 1, e.look)
	t.Cleanup(func() {
		r.close() // nobody decodes any more
		if err := dec.Close(); err != nil {
			t.Error(err)
		}
	})
	r.more(t, 0, 5)
	expectMarker(t, e, r, 0x0abc)
	expectMarker(t, e, r, 1)

	r.SetLimit(wire.Limit{Screen: wire.AllScreens, MaxWidth: 320})
	hosttest.Until(t, "pictures are half as wide", func() bool { return e.width.Load() == 320 })
	expectMarker(t, e, r, 0x1fff)
	if e.barcode.Load() == 0 {
		t.Error("no picture's barcode was read; want the marker beside it")
	}
	if n := h.Hands.Keys(); len(n) != 0 {
		t.Errorf("the host's device got %v; want nothing", n)
	}
}

func expectMarker(t *testing.T, e *eye, r *terminal, id uint16) {
	t.Helper()
	start := time.Now()
	r.Mark(id)
	hosttest.Until(t, "the marker is seen", func() bool { return e.seen.Load() == int32(id) })
	shown := time.Now()
	hosttest.Until(t, "the marker is gone", func() bool { return e.seen.Load() == -1 })
	t.Logf("marker %d seen after %v, for %v", id, shown.Sub(start), time.Since(shown))
	if d := time.Since(shown); d < 100*time.Millisecond || d > 2*time.Second {
		t.Errorf("marker %d was shown for %v; want about 200 ms", id, d)
	}
}

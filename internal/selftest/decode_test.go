//go:build linux && cgo && !nonative

package selftest_test

import (
	"context"
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/selftest"
)

var small = []image.Point{{X: 320, Y: 180}}

const span = 100 * time.Millisecond

// measured finds the rates of one way.
func measured(r *selftest.DecodeReport, codec, decoder string) (list []selftest.DecodeRate) {
	for _, m := range r.Rates {
		if m.Codec == codec && m.Decoder == decoder {
			list = append(list, m)
		}
	}
	return list
}

func checkRates(t *testing.T, list []selftest.DecodeRate) {
	t.Helper()
	if len(list) != 2 || list[0].Streams != 1 || list[1].Streams != 2 {
		t.Fatalf("rates = %+v; want one stream and two", list)
	}
	for _, m := range list {
		if m.Error != "" || m.Pictures < 2 || m.PicturesPerS < 10 || m.MSP99 < m.MSP50 || m.CPUMSPerPicture <= 0 || m.Width != 320 || m.Height != 180 {
			t.Errorf("rate = %+v; want pictures of 320x180", m)
		}
	}
}

func TestDecodeInSoftware(t *testing.T) {
	r, err := selftest.Decode(t.Context(), selftest.DecodeConfig{Device: decode.DeviceNone, Sizes: small, Span: span})
	if err != nil {
		t.Fatalf("Decode() = %v", err)
	}
	if len(r.Failures()) > 0 || len(r.Ways) != 2 || len(r.Promises) > 0 || r.Device != "" {
		t.Errorf("Decode(none) = %+v; want two ways, no promises, no failure", r)
	}
	for i, codec := range []string{"H264", "HEVC"} {
		checkRates(t, measured(r, codec, "software"))
		if w := r.Ways[i]; w.Codec != codec || !w.Proved || w.Level == "" {
			t.Errorf("way %d = %+v; want %s proved", i, w, codec)
		}
	}
	var out strings.Builder
	if err := selftest.Write(&out, r, true); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back["failed"] == nil || back["promises"] == nil {
		t.Errorf("JSON = %s, %v; want an object without null lists", out.String(), err)
	}
}

func TestDecodeOnDevice(t *testing.T) {
	device := vatest.Use(t, vatest.Knobs{})
	cfg := selftest.DecodeConfig{Device: device, Sizes: append(small, image.Pt(1920, 1080)), Codecs: []media.Codec{media.CodecH264}, Span: span}
	r, err := selftest.Decode(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Decode() = %v", err)
	}
	if r.Device != device || !strings.Contains(r.Driver, "vatest") || !strings.HasPrefix(r.LibVA, "libva.so.") {
		t.Errorf("Decode() on %s, %s, %s; want vatest on %s", r.Device, r.Driver, r.LibVA, device)
	}
	for _, way := range []string{"vaapi", "vaapi-copy", "software"} {
		var list []selftest.DecodeRate
		for _, m := range measured(r, "H264", way) {
			if m.Width == 320 {
				list = append(list, m)
			}
		}
		checkRates(t, list)
	}
	checked := 0
	for _, p := range r.Promises {
		if p.Checked {
			checked++
			if p.Met != (p.Measured >= p.PicturesPerS) || p.Measured == 0 {
				t.Errorf("promise = %+v", p)
			}
		}
	}
	if len(r.Promises) != 4 || checked != 2 {
		t.Errorf("promises = %+v; want four, those of 1920x1080 checked", r.Promises)
	}
	for i, c := range vatest.Logs(t) {
		if c.Live != (vatest.Live{}) {
			t.Errorf("display %d left %+v; want nothing", i, c.Live)
		}
	}
}

// TestDecodeOnABrokenDevice wants a driver that fails in the middle of a
// measurement to be a failure, and the others to be measured.
func TestDecodeOnABrokenDevice(t *testing.T) {
	device := vatest.Use(t, vatest.Knobs{FailFrom: 30})
	r, err := selftest.Decode(t.Context(), selftest.DecodeConfig{Device: device, Sizes: small, Codecs: []media.Codec{media.CodecH264}, Span: span})
	if err != nil {
		t.Fatalf("Decode() = %v", err)
	}
	if len(r.Failures()) == 0 || !strings.Contains(r.Failed[0], "vaapi") {
		t.Errorf("Decode() failed %v; want the broken ways", r.Failed)
	}
	checkRates(t, measured(r, "H264", "software"))
}

func TestDecodeWithoutDevice(t *testing.T) {
	r, err := selftest.Decode(t.Context(), selftest.DecodeConfig{Device: filepath.Join(t.TempDir(), "none"), Sizes: small, Codecs: []media.Codec{media.CodecH264}, Span: span})
	if err != nil || r.DeviceError == "" || len(r.Failures()) != 1 || !strings.Contains(r.Failed[0], "no device decodes") {
		t.Errorf("Decode(no such device) = %+v, %v; want one failure", r, err)
	}
}

func TestDecodeFiles(t *testing.T) {
	film := filepath.Join("..", "libav", "testdata", "packets.hevc.mkv")
	r, err := selftest.Decode(t.Context(), selftest.DecodeConfig{Device: decode.DeviceNone, Files: []string{film}, Span: span})
	if err != nil || len(r.Rates) != 2 || r.Rates[0].Stream != "packets.hevc.mkv" || r.Rates[0].Width != 64 || r.Rates[0].Pictures == 0 {
		t.Errorf("Decode(file) = %+v, %v; want two measurements of it", r, err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no film"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := selftest.Decode(t.Context(), selftest.DecodeConfig{Device: decode.DeviceNone, Files: []string{text}}); err == nil {
		t.Error("Decode(text) = nil; want an error")
	}
}

func TestDecodeEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := selftest.Decode(ctx, selftest.DecodeConfig{Device: decode.DeviceNone, Sizes: small}); err == nil {
		t.Error("Decode(ended context) = nil; want its error")
	}
}

//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestVersion(t *testing.T) {
	t.Log(libav.Version())
	if libav.Version() == "" {
		t.Error("Version() is empty")
	}
}

func TestRoundTrip(t *testing.T) {
	for _, codec := range codecs {
		for _, size := range [][2]int{{640, 360}, {1366, 766}} { // one aligned, one cropped
			t.Run(codec.String(), func(t *testing.T) { roundTrip(t, codec, size[0], size[1]) })
		}
	}
}

func roundTrip(t *testing.T, codec media.Codec, width, height int) {
	pictures := scene(30, width, height)
	e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: width, Height: height, FPS: 60, BitrateBps: 40_000_000})
	d := newDecoder(t, codec)
	worst := 99.0
	for i, au := range encodeScene(t, e, codec, pictures) {
		au.Timing.Arrived = time.Unix(int64(i), 0)
		f := decodeOne(t, d, au)
		if f.Width != width || f.Height != height || f.Keyframe != (i == 0) || f.FrameID != uint32(i+1) {
			t.Fatalf("picture %d = %dx%d, keyframe %v, id %d", i, f.Width, f.Height, f.Keyframe, f.FrameID)
		}
		if f.Color != media.BT709 || f.FullRange || f.Timing != au.Timing {
			t.Fatalf("picture %d = matrix %v, full range %v, timing %v", i, f.Color, f.FullRange, f.Timing)
		}
		if i > 10 { // the first keyframe has one picture's bits and a hard start
			worst = min(worst, psnr(pictures[i], f))
		}
		f.Release()
	}
	t.Logf("%v %dx%d: worst PSNR %.1f dB", codec, width, height, worst)
	if worst < 30 {
		t.Errorf("PSNR = %.1f dB; want 30 or more", worst)
	}
	if got := d.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d; want 0", got)
	}
}

func TestDecoderKeepsContract(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 320, Height: 180, FPS: 30, BitrateBps: 2_000_000})
			units := encodeScene(t, e, codec, scene(30, 320, 180))
			decodetest.Contract(t,
				func() decodetest.Subject { return newDecoder(t, codec) },
				func(i int) *media.AccessUnit { return units[i] })
		})
	}
}

func TestKeyframes(t *testing.T) {
	want := map[media.Codec][]int{media.CodecH264: {7, 8, 5}, media.CodecHEVC: {32, 33, 34, 19}}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 320, Height: 180, FPS: 30, BitrateBps: 2_000_000})
			for i, f := range scene(20, 320, 180) {
				data, key, err := e.Encode(nil, f, i == 7)
				if err != nil {
					t.Fatal(err)
				}
				if key != (i == 0 || i == 7) {
					t.Errorf("Encode(picture %d) keyframe = %v", i, key)
				}
				types := nalTypes(codec, data)
				for _, nal := range want[codec] {
					if slices.Contains(types, nal) != key && !(codec == media.CodecHEVC && nal == 19 && slices.Contains(types, 20)) {
						t.Errorf("picture %d (keyframe %v) has NAL units %v; want %v only in keyframes", i, key, types, want[codec])
					}
				}
				// A decoder can start here.
				if key {
					decodeOne(t, newDecoder(t, codec), accessUnit(codec, 1, true, data)).Release()
				}
			}
		})
	}
}

// TestRate encodes 720p60 and wants no picture much over its share of the wire
// and the mean within 5 %; libx265 cannot be trimmed and stays below.
func TestRate(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes seconds of video")
	}
	const fps, bps = 60, 10_000_000
	lowest := map[media.Codec]float64{media.CodecH264: 0.95, media.CodecHEVC: 0.70}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			pictures := scene(60, 1280, 720)
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 1280, Height: 720, FPS: fps, BitrateBps: bps})
			var buf []byte
			var sum, largest, first int
			const settle, n = 60, 120 // the mean is of the second second on
			for i := range settle + n {
				out, _, err := e.Encode(buf[:0], pictures[i%len(pictures)], false)
				if err != nil {
					t.Fatal(err)
				}
				buf = out
				if i >= settle {
					sum += len(out) * 8
				}
				if i == 0 {
					first = len(out) * 8
				} else {
					largest = max(largest, len(out)*8)
				}
			}
			mean := float64(sum) * fps / n
			t.Logf("%v: mean %.2f Mb/s, first %.2f, largest %.2f picture shares", codec, mean/1e6,
				float64(first)*fps/bps, float64(largest)*fps/bps)
			if mean < lowest[codec]*bps || mean > 1.05*bps {
				t.Errorf("mean rate = %.2f Mb/s; want %.2f to %.2f", mean/1e6, lowest[codec]*bps/1e6, 1.05*bps/1e6)
			}
			if share := float64(max(largest, first)) * fps / bps; share > 1.4 {
				t.Errorf("largest picture = %.2f shares; want 1.4 or less", share)
			}
		})
	}
}

// TestAutoBackend takes whatever works here, and says why nothing better did.
func TestAutoBackend(t *testing.T) {
	for _, codec := range codecs {
		e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 256, Height: 256, FPS: 60, BitrateBps: 1_000_000, Backend: "auto"})
		t.Logf("%v: %s; %v", codec, e.Name(), e.Skipped())
		software := e.Name() == "libx264" || e.Name() == "libx265"
		if software && e.Skipped() == nil {
			t.Errorf("%s: Skipped() = nil; want why hardware was not taken", e.Name())
		}
	}
}

// TestStillPictureIsSmall wants nothing sent where nothing changes.
func TestStillPictureIsSmall(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 640, Height: 360, FPS: 60, BitrateBps: 10_000_000})
			still := scene(1, 640, 360)[0]
			var out []byte
			for range 60 {
				var err error
				if out, _, err = e.Encode(out[:0], still, false); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d bytes", len(out))
			if len(out) > 5000 || slices.Contains(nalTypes(codec, out), 38) {
				t.Errorf("picture 60 has %d bytes, NAL units %v; want 5000 or less, no filler", len(out), nalTypes(codec, out))
			}
		})
	}
}

func TestSetBitrate(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			pictures := scene(60, 640, 360)
			e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 640, Height: 360, FPS: 30, BitrateBps: 4_000_000})
			rate := func(wantKey bool) float64 {
				sum := 0
				for i, f := range pictures {
					out, key, err := e.Encode(nil, f, false)
					if err != nil {
						t.Fatal(err)
					}
					if key != (i == 0 && wantKey) {
						t.Errorf("picture %d keyframe = %v; want it only where the encoder was opened", i, key)
					}
					sum += len(out)
				}
				return float64(sum) * 8 * 30 / float64(len(pictures))
			}
			high := rate(true)
			if err := e.SetBitrate(1_000_000); err != nil {
				t.Fatal(err)
			}
			low := rate(!e.Reconfigures())
			t.Logf("4 Mb/s gives %.2f, 1 Mb/s gives %.2f", high/1e6, low/1e6)
			if high < 2.6e6 || low > 1.3e6 {
				t.Errorf("rates = %.2f and %.2f Mb/s; want about 4 and 1", high/1e6, low/1e6)
			}
			if err := e.SetBitrate(1); err == nil {
				t.Error("SetBitrate(1) = nil; want an error")
			}
		})
	}
}

func TestSizeChange(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			d := newDecoder(t, codec)
			held := []*media.Frame{}
			for _, size := range [][2]int{{320, 180}, {640, 360}, {322, 182}} {
				e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: size[0], Height: size[1], FPS: 30, BitrateBps: 2_000_000})
				for _, au := range encodeScene(t, e, codec, scene(3, size[0], size[1])) {
					f := decodeOne(t, d, au)
					if f.Width != size[0] || f.Height != size[1] {
						t.Errorf("picture = %dx%d; want %dx%d", f.Width, f.Height, size[0], size[1])
					}
					held = append(held, f)
				}
			}
			for _, f := range held {
				f.Release()
				f.Release() // a second one does nothing
			}
			if got := d.Outstanding(); got != 0 {
				t.Errorf("Outstanding() = %d; want 0", got)
			}
		})
	}
}

func TestPoolIsFixed(t *testing.T) {
	e := newEncoder(t, libav.EncoderConfig{Codec: media.CodecH264, Width: 64, Height: 64, FPS: 30, BitrateBps: 500_000})
	d := newDecoder(t, media.CodecH264)
	units := encodeScene(t, e, media.CodecH264, scene(17, 64, 64))
	var held []*media.Frame
	for _, au := range units[:16] {
		held = append(held, decodeOne16(t, d, au))
	}
	if err := d.Send(units[16]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Receive(); !errors.Is(err, libav.ErrFramesHeld) {
		t.Errorf("Receive() with 16 frames held = %v; want ErrFramesHeld", err)
	}
	held[0].Release()
	f, err := d.Receive()
	if err != nil || f.FrameID != 17 {
		t.Fatalf("Receive() after a release = %v, %v; want picture 17", f, err)
	}
	for _, f := range append(held[1:], f) {
		f.Release()
	}
}

// decodeOne16 is decodeOne without the second Receive, which a full pool refuses.
func decodeOne16(t *testing.T, d *libav.Decoder, au *media.AccessUnit) *media.Frame {
	t.Helper()
	if err := d.Send(au); err != nil {
		t.Fatal(err)
	}
	f, err := d.Receive()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestUnsupportedPixelFormat(t *testing.T) {
	data, err := os.ReadFile("testdata/high10.h264")
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t, media.CodecH264)
	if err := d.Send(accessUnit(media.CodecH264, 1, true, data)); err != nil {
		t.Fatal(err)
	}
	_, err = d.Receive()
	if !errors.Is(err, errors.ErrUnsupported) || !contains(err, "yuv420p10le") {
		t.Errorf("Receive() of 10 bit = %v; want unsupported yuv420p10le", err)
	}
}

func TestFullRange(t *testing.T) {
	data, err := os.ReadFile("testdata/fullrange601.h264")
	if err != nil {
		t.Fatal(err)
	}
	f := decodeOne(t, newDecoder(t, media.CodecH264), accessUnit(media.CodecH264, 1, true, data))
	if !f.FullRange || f.Color != media.BT601 {
		t.Errorf("picture = full range %v, matrix %v; want true, BT.601", f.FullRange, f.Color)
	}
	f.Release()
}

// TestReleaseFromElsewhere has frames released by another goroutine, the last
// of them after Close.
func TestReleaseFromElsewhere(t *testing.T) {
	e := newEncoder(t, libav.EncoderConfig{Codec: media.CodecH264, Width: 64, Height: 64, FPS: 30, BitrateBps: 500_000})
	units := encodeScene(t, e, media.CodecH264, scene(10, 64, 64))
	d := newDecoder(t, media.CodecH264)
	frames, done := make(chan *media.Frame, 4), make(chan struct{})
	go func() {
		defer close(done)
		for f := range frames {
			_ = f.Planes[0][0]
			f.Release()
		}
	}()
	for i := range 200 {
		frames <- decodeOne(t, d, units[i%10])
	}
	d.Close()
	close(frames)
	<-done
	if got := d.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d; want 0", got)
	}
}

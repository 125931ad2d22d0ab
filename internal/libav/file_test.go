//go:build linux && cgo && !nonative

package libav_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// writeVideo writes n pictures as a raw Annex-B file.
func writeVideo(t *testing.T, codec media.Codec, n int) string {
	t.Helper()
	e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: 320, Height: 180, FPS: 25, BitrateBps: 2_000_000})
	var all []byte
	for _, au := range encodeScene(t, e, codec, scene(n, 320, 180)) {
		all = append(all, au.Data...)
	}
	name := map[media.Codec]string{media.CodecH264: "clip.h264", media.CodecHEVC: "clip.hevc"}[codec]
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeWAV writes one second of a tone, mono, 16 bits.
func writeWAV(t *testing.T, rate int) string {
	t.Helper()
	pcm := make([]int16, rate)
	tone(pcm, 1, 0)
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	le := binary.LittleEndian
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, 1) // mono
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(2*len(pcm)))
	b, _ = binary.Append(b, le, pcm) // a fixed-size slice: cannot fail
	le.PutUint32(b[4:], uint32(len(b)-8))
	path := filepath.Join(t.TempDir(), "tone.wav")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openFile(t *testing.T, path string) *libav.File {
	t.Helper()
	f, err := libav.OpenFile(path, libav.FileConfig{})
	if err != nil {
		t.Fatalf("OpenFile(%s) = %v", path, err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// readAll counts pictures and samples per channel to the end.
func readAll(t *testing.T, f *libav.File) (pictures, samples int, last time.Duration) {
	t.Helper()
	last = -1
	for {
		item, err := f.Next()
		if errors.Is(err, io.EOF) {
			return pictures, samples, last
		}
		if err != nil {
			t.Fatalf("Next() = %v", err)
		}
		if item.PTS <= last {
			t.Fatalf("Next() has PTS %v after %v", item.PTS, last)
		}
		last = item.PTS
		samples += len(item.Audio) / 2
		if item.Video != nil {
			pictures++
			if item.Video.Format != media.I420 || item.Video.Width != 320 || len(item.Video.Planes[2]) == 0 {
				t.Fatalf("picture = %v %dx%d", item.Video.Format, item.Video.Width, item.Video.Height)
			}
			item.Video.Release()
		}
	}
}

func TestFileVideo(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			f := openFile(t, writeVideo(t, codec, 20))
			if i := f.Info(); i.Width != 320 || i.Height != 180 || i.FPS < 20 || i.FPS > 30 || i.HasAudio {
				t.Errorf("Info() = %+v; want 320x180 at 25, no sound", i)
			}
			for range 3 {
				pictures, _, last := readAll(t, f)
				if pictures != 20 || last < 700*time.Millisecond || last > 800*time.Millisecond {
					t.Errorf("%d pictures, the last at %v; want 20, 760ms", pictures, last)
				}
				if err := f.Rewind(); err != nil {
					t.Fatalf("Rewind() = %v", err)
				}
			}
			if got := f.Outstanding(); got != 0 {
				t.Errorf("Outstanding() = %d; want 0", got)
			}
		})
	}
}

func TestFileAudio(t *testing.T) {
	for _, rate := range []int{48000, 44100} {
		f := openFile(t, writeWAV(t, rate))
		if i := f.Info(); i.Width != 0 || !i.HasAudio {
			t.Errorf("Info() = %+v; want sound only", i)
		}
		for range 2 {
			if _, samples, _ := readAll(t, f); samples < 47500 || samples > 48500 {
				t.Errorf("%d Hz: %d samples; want about 48000", rate, samples)
			}
			if err := f.Rewind(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFileAudioChangesLayout plays stereo, mono and stereo again, as joined
// files have it: what is made for stereo would read a plane that mono lacks.
func TestFileAudioChangesLayout(t *testing.T) {
	f := openFile(t, "testdata/stereo-mono-stereo.mp2")
	for range 2 {
		if _, samples, _ := readAll(t, f); samples < 18*1152 || samples > 21*1152 {
			t.Errorf("%d samples; want about 21 frames of 1152", samples)
		}
		if err := f.Rewind(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileErrors(t *testing.T) {
	if _, err := libav.OpenFile("/nonexistent.mp4", libav.FileConfig{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenFile(nonexistent) = %v; want os.ErrNotExist", err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("not a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := libav.OpenFile(path, libav.FileConfig{}); err == nil {
		t.Error("OpenFile(text) = nil; want an error")
	} else {
		t.Log(err)
	}
	f := openFile(t, writeVideo(t, media.CodecH264, 2))
	item, err := f.Next()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	_ = item.Video.Planes[0][0]
	item.Video.Release()
	if _, err := f.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next() after Close = %v; want os.ErrClosed", err)
	}
}

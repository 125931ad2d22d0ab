//go:build !nonative

package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
)

// testdata/clip.mkv is the test card's first second at 320x180 and 20 pictures
// a second, barcodes 1 to 20 (H.264 with B-frames, BT.709), and half a second
// of a 1 kHz tone (Opus).
const clip = "testdata/clip.mkv"

const clipPictures = 20

func newFile(t testing.TB, cfg source.FileConfig) *source.File {
	t.Helper()
	s, err := source.NewFile(cfg)
	if err != nil {
		t.Fatalf("NewFile(%+v) = %v; want no error", cfg, err)
	}
	return s
}

func TestFileLoopsInStep(t *testing.T) {
	s := newFile(t, source.FileConfig{Path: clip})
	v := openVideo(t, s, 0)
	a, err := s.OpenAudio()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	starts := make(chan []time.Time, 1)
	go func() { starts <- roundStarts(t, v) }()
	onsets := beepOnsets(t, a, 2300*time.Millisecond)
	rounds := <-starts
	if len(onsets) != 3 || len(rounds) != 3 {
		t.Fatalf("tone at %v, first pictures at %v; want three of each", onsets, rounds)
	}
	for i := range onsets {
		if d := onsets[i].Sub(rounds[i]); d > 100*time.Millisecond || d < -100*time.Millisecond {
			t.Errorf("round %d: tone %v after the picture; want them together", i+1, d)
		}
	}
	// The file's sound begins 14 ms before its first picture, which the first
	// round leaves out.
	if d := onsets[2].Sub(onsets[1]) - time.Second; d > time.Millisecond || d < -time.Millisecond {
		t.Errorf("tone of round 3 is %v off its second", d)
	}
}

// roundStarts plays a bit more than two rounds and returns when each began.
func roundStarts(t *testing.T, v source.Video) []time.Time {
	var starts []time.Time
	for last := uint32(0); last < 2*clipPictures+4; {
		f, err := v.Next(t.Context())
		if err != nil {
			t.Errorf("Next() after picture %d = %v; want a picture", last, err)
			break
		}
		p, err := barcode.Read(f)
		if want := (f.FrameID-1)%clipPictures + 1; err != nil || p.Frame != want || f.FrameID <= last {
			t.Errorf("picture %d after %d has barcode %d, %v; want %d", f.FrameID, last, p.Frame, err, want)
		}
		if (f.FrameID-1)/clipPictures != (last-1)/clipPictures || last == 0 {
			late := time.Duration((f.FrameID-1)%clipPictures) * time.Second / clipPictures
			starts = append(starts, f.Timing.Captured.Add(-late))
		}
		last = f.FrameID
	}
	return starts
}

func TestFileAtAnotherSize(t *testing.T) {
	s := newFile(t, source.FileConfig{Path: clip, Width: 641, Height: 361})
	if sc := s.Screens()[0]; sc.Width != 640 || sc.Height != 360 || sc.FPS != 20 || sc.Name != "clip.mkv" {
		t.Errorf("Screens() = %+v; want clip.mkv of 640x360 at 20", sc)
	}
	v := openVideo(t, s, 0)
	f := next(t, v)
	if f.Width != 640 || f.Height != 360 || f.Format != media.I420 || f.Color != media.BT709 {
		t.Errorf("Next() = %dx%d %v colour %d; want 640x360 I420 BT.709", f.Width, f.Height, f.Format, f.Color)
	}
	if p, err := barcode.Read(f); err != nil || p.Frame != 1 {
		t.Errorf("barcode.Read(first picture) = %v, %v; want frame 1", p, err)
	}
}

func TestFileStartsOverForTheNextSession(t *testing.T) {
	s := newFile(t, source.FileConfig{Path: clip})
	for range 2 {
		v, err := s.OpenVideo(0)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			next(t, v)
		}
		if f := next(t, v); f.FrameID > clipPictures {
			t.Errorf("fourth picture has FrameID %d; want one of the first round", f.FrameID)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileThatIsNone(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.mkv")
	if err := os.WriteFile(text, []byte("this is no film"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"testdata/missing.mkv", text} {
		if _, err := source.NewFile(source.FileConfig{Path: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("NewFile(%s) = %v; want an error with its name", path, err)
		}
	}
	if _, err := newFile(t, source.FileConfig{Path: clip, Silent: true}).OpenAudio(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenAudio() of a silent file = %v; want errors.ErrUnsupported", err)
	}
}

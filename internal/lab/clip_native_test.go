//go:build linux && cgo && !nonative

package lab

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestClipReadsBack writes a clip and reads it with FFmpeg's demuxer: every
// picture is there, whole, in order and at its time.
func TestClipReadsBack(t *testing.T) {
	clip, err := MakeClip(ClipConfig{Width: 320, Height: 180, FPS: 30, Pictures: 12, BitrateBps: 500_000})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clip.mkv")
	if err := clip.Save(path); err != nil {
		t.Fatal(err)
	}
	in, err := libav.OpenPackets(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for i := 0; ; i++ {
		p, err := in.Next()
		if errors.Is(err, io.EOF) && i == len(clip.Units) {
			return
		}
		if err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
		if p.Codec != media.CodecH264 || p.Keyframe != (i == 0) || p.PTS.Milliseconds() != clip.at(i).Milliseconds() || len(p.Data) < len(clip.Units[i])/2 {
			t.Errorf("picture %d = %v, key %v, at %v, %d bytes; want H264, key %v, %v, about %d", i, p.Codec, p.Keyframe, p.PTS, len(p.Data), i == 0, clip.at(i), len(clip.Units[i]))
		}
	}
}

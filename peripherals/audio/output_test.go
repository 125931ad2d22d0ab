//go:build linux && cgo && !nonative

package audio_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/peripherals/audio"
)

func TestOutputOnTheDummyDriver(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "dummy")
	out, err := audio.Open(audio.OutputConfig{})
	if err != nil {
		t.Fatalf("Open() = %v; want nil", err)
	}
	pcm := make([]int16, 2*audio.Rate/50) // 20 ms
	if err := out.Write(pcm); err != nil {
		t.Errorf("Write() = %v; want nil", err)
	}
	if q := out.Queued(); q > 20*time.Millisecond {
		t.Errorf("Queued() = %v; want at most the 20 ms written", q)
	}
	for range 2 {
		if err := out.Close(); err != nil {
			t.Errorf("Close() = %v; want nil", err)
		}
	}
	if err := out.Write(pcm); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write() after Close() = %v; want os.ErrClosed", err)
	}
}

func TestNoDriverIsUnsupported(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "no-such-driver")
	if _, err := audio.Open(audio.OutputConfig{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open() = %v; want errors.ErrUnsupported", err)
	}
}

//go:build linux && cgo && !nonative

package audio_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/peripherals/audio"
)

// readInput reads until want samples came. The dummy driver runs in real
// time: there is nothing to wait on but its clock.
func readInput(t *testing.T, in *audio.Input, want int) {
	t.Helper()
	pcm := make([]int16, 480)
	got := 0
	for deadline := time.Now().Add(10 * time.Second); got < want; time.Sleep(time.Millisecond) {
		n, err := in.Read(pcm)
		if err != nil {
			t.Fatalf("Read() = %v; want nil", err)
		}
		if got += n; time.Now().After(deadline) {
			t.Fatalf("%d samples in 10 s; want %d", got, want)
		}
	}
}

func TestInputOnTheDummyDriver(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "dummy")
	in, err := audio.OpenInput(audio.InputConfig{})
	if err != nil {
		t.Fatalf("OpenInput() = %v; want nil", err)
	}
	readInput(t, in, audio.Rate/5)
	for range 2 {
		if err := in.Close(); err != nil {
			t.Errorf("Close() = %v; want nil", err)
		}
	}
	if _, err := in.Read(make([]int16, 10)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read() after Close() = %v; want os.ErrClosed", err)
	}
	if q := in.Queued(); q != 0 {
		t.Errorf("Queued() after Close() = %v; want 0", q)
	}
}

func TestInputsShareTheDriver(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "dummy")
	first, err := audio.OpenInput(audio.InputConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	// The dummy driver has one microphone only.
	if second, err := audio.OpenInput(audio.InputConfig{}); err == nil {
		second.Close()
		t.Error("OpenInput() while it is open = nil; want an error")
	}
	readInput(t, first, audio.Rate/50) // that did not end the driver
}

func TestInputWithoutADriver(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "no-such-driver")
	if _, err := audio.OpenInput(audio.InputConfig{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenInput() = %v; want errors.ErrUnsupported", err)
	}
}

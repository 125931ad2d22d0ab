//go:build linux && !nonative

package e2e_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
)

// What SDL's disk driver writes.
const (
	soundRate   = 48000
	soundWindow = soundRate / 100 // samples looked at together: 10 ms
)

// TestSound streams the test card's beep into a file in place of a sound
// device: it must be there once a second, at 1 kHz.
func TestSound(t *testing.T) {
	t.Parallel()
	b := begin(t)
	file := filepath.Join(t.TempDir(), "sound.raw")
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360"})
	terminal := b.terminal(lab.TerminalConfig{
		URL: host.URL, Display: b.display(640, 360), Duration: 5 * time.Second,
		Env: []string{"SDL_AUDIODRIVER=disk", "SDL_DISKAUDIOFILE=" + file},
	})
	if code, err := terminal.Wait(b.soon()); code != 0 || err != nil {
		t.Fatalf("shadow-terminal ended with %d, %v; want 0", code, err)
	}
	raw, err := os.ReadFile(file)
	b.ok(err)
	beeps := findBeeps(raw)
	if len(beeps) < 3 {
		t.Fatalf("beeps in %d bytes of sound = %v; want one a second for 5 s", len(raw), beeps)
	}
	for i := 1; i < len(beeps); i++ {
		if gap := beeps[i] - beeps[i-1]; gap < 800*time.Millisecond || gap > 1200*time.Millisecond {
			t.Errorf("beeps at %v; want them a second apart", beeps)
		}
	}
}

// findBeeps returns when tones of 1 kHz of at least 30 ms begin in s16 stereo.
func findBeeps(raw []byte) (starts []time.Duration) {
	const least = 3 // windows
	run := 0
	for w := 0; (w+1)*soundWindow*4 <= len(raw); w++ {
		if isTone(raw[w*soundWindow*4:][:soundWindow*4], 1000) {
			run++
		} else {
			run = 0
		}
		if run == least {
			starts = append(starts, time.Duration(w-least+1)*10*time.Millisecond)
		}
	}
	return starts
}

// isTone reports that a window of s16 stereo is loud and almost all of its
// energy at one frequency (Goertzel's algorithm on the left channel).
func isTone(window []byte, hertz float64) bool {
	n := len(window) / 4
	k := 2 * math.Cos(2*math.Pi*hertz/soundRate)
	var s1, s2, energy float64
	for i := range n {
		x := float64(int16(binary.LittleEndian.Uint16(window[i*4:]))) / 32768
		s1, s2 = x+k*s1-s2, s1
		energy += x * x
	}
	tone := (s1*s1 + s2*s2 - k*s1*s2) * 2 / float64(n)
	return energy/float64(n) > 1e-4 && tone > 0.8*energy
}

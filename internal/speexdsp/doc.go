// Package speexdsp takes echo and noise out of a microphone's sound and
// resamples by the little that two clocks differ. It is the one C layer over
// libspeexdsp.
//
// A [Canceller] is given the same span of time of the near end, what the
// microphone heard, and of the far end, what the loudspeaker played, and gives
// the near end without the far end's echo. It learns the room while it hears,
// within a second or two of sound; the echo may come at most its tail later.
// Lining the two ends up in time, and their clocks, is the caller's business;
// a [Resampler] helps with the clocks. All sound here is mono, 48 kHz, signed
// 16 bits.
//
// The package starts no goroutine. Each value belongs to one goroutine at a
// time and allocates nothing once made. Without cgo, or with the tag nonative,
// making one fails with [errors.ErrUnsupported].
//
// It does not encode, does not open devices and does not change the volume.
package speexdsp

import (
	"errors"
	"fmt"
	"time"
)

// Rate is the sampling rate of everything here, in Hz.
const Rate = 48000

// Bounds of what may be asked for.
const (
	longestTail = 500 * time.Millisecond
	mostNoise   = 60 // dB
	defaultTail = 200 * time.Millisecond
	// Noise is taken down so far that a fan is not heard beside speech, and
	// not so far that what is left rings.
	defaultNoise = 18
)

// Config describes a canceller.
type Config struct {
	Frame int           // samples of every call: 480 or 960, which are 10 or 20 ms
	Tail  time.Duration // how much later an echo may come; 0 means 200 ms
	// NoiseDB is how far steady noise is taken down; 0 means 18 dB, a negative
	// number leaves it.
	NoiseDB int
}

// check fills in what was left open.
func (c *Config) check() error {
	if c.Frame != Rate/100 && c.Frame != Rate/50 {
		return fmt.Errorf("open echo canceller: frame of %d samples; want 480 or 960", c.Frame)
	}
	if c.Tail == 0 {
		c.Tail = defaultTail
	}
	if c.Tail < 10*time.Millisecond || c.Tail > longestTail {
		return fmt.Errorf("open echo canceller: tail of %v; want 10 to 500 ms", c.Tail)
	}
	if c.NoiseDB == 0 {
		c.NoiseDB = defaultNoise
	}
	if c.NoiseDB > mostNoise {
		return fmt.Errorf("open echo canceller: %d dB of noise; want at most %d", c.NoiseDB, mostNoise)
	}
	return nil
}

// MaxPPM is how far a resampler's clocks may be apart, in parts per million:
// ten times what two bad crystals are.
const MaxPPM = 2000

var errFrame = errors.New("cancel echo: the three pieces are not one frame long")

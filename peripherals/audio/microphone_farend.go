package audio

import (
	"sync"
	"time"
)

const (
	farKept = 1 << 15 // samples that a FarEnd remembers: 680 ms
	// How far what is written may be from where it was expected until it is
	// taken for other sound: the queue ran dry, or the device was changed.
	farJump = 30 * time.Millisecond
	// How early an echo is looked for. A device takes its sound in pieces, so
	// that when it is played is known to a piece only; an echo that came before
	// its sound could not be found.
	farLead = 8 * time.Millisecond
	// By how much one write moves what is believed of the device's clock.
	farSmooth = 1.0 / 32
)

// FarEnd remembers what was played lately and when it is heard, for an echo
// canceller. One goroutine writes while another reads; neither waits for more
// than a copy of a few milliseconds of sound.
//
// The sound lies on one line of samples since start. What is written in time
// follows what was written before without a seam, although a device's queue
// is known in steps only; a canceller learns nothing from sound that jumps.
type FarEnd struct {
	mu    sync.Mutex
	start time.Time
	ring  [farKept]int16
	end   int64   // the sample after the last that was written
	drift float64 // how many samples the sound is ahead of the clock's line
}

// NewFarEnd returns one that has heard nothing.
func NewFarEnd() *FarEnd { return &FarEnd{start: time.Now()} }

// line is where the clock says that sound of that time lies.
func (f *FarEnd) line(at time.Time) int64 {
	d := at.Sub(f.start)
	return int64(d/time.Second)*Rate + int64(d%time.Second*Rate/time.Second)
}

// Write notes what a device was given just now: interleaved samples, and how
// much was queued before them. It keeps nothing of pcm.
func (f *FarEnd) Write(pcm []int16, channels int, queued time.Duration) {
	if channels < 1 || len(pcm) < channels {
		return
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	due := f.line(now.Add(queued))
	off := float64(f.end-due) - f.drift
	switch jump := float64(samples(farJump)); {
	case off < -jump:
		f.silence(due)
		f.drift = 0
	case off > jump:
		f.end, f.drift = due, 0
	default:
		f.drift += off * farSmooth
	}
	for ; len(pcm) >= channels; pcm = pcm[channels:] {
		sum := 0
		for _, v := range pcm[:channels] {
			sum += int(v)
		}
		f.ring[f.end&(farKept-1)] = int16(sum / channels)
		f.end++
	}
}

// silence writes zeros up to a place.
func (f *FarEnd) silence(to int64) {
	for at := max(f.end, to-farKept); at < to; at++ {
		f.ring[at&(farKept-1)] = 0
	}
	f.end = to
}

// at returns the place of what is to be taken for played at a time.
func (f *FarEnd) at(t time.Time) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.line(t.Add(farLead)) + int64(f.drift)
}

// read copies what was played from a place on; what was never written, or is
// forgotten, is silence.
func (f *FarEnd) read(dst []int16, from int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range dst {
		at := from + int64(i)
		if at < 0 || at >= f.end || at < f.end-farKept {
			dst[i] = 0
			continue
		}
		dst[i] = f.ring[at&(farKept-1)]
	}
}

// Tap returns a device that is d and tells f what is written to it. A write
// that fails is not told.
func (f *FarEnd) Tap(d Device, channels int) Device { return &tapped{d, f, channels} }

type tapped struct {
	Device
	far      *FarEnd
	channels int
}

func (t *tapped) Write(pcm []int16) error {
	queued := t.Queued()
	if err := t.Device.Write(pcm); err != nil {
		return err
	}
	t.far.Write(pcm, t.channels, queued)
	return nil
}

package display

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// Figures is what happened to one screen's frames since the display was made.
// The distributions go on counting.
type Figures struct {
	Wait           *metric.Latency `json:"wait_ms"`             // decoded, until drawing began
	Draw           *metric.Latency `json:"draw_ms"`             // until the commit was accepted
	Flip           *metric.Latency `json:"flip_ms"`             // until the card showed it
	DecodedToShown *metric.Latency `json:"decoded_to_shown_ms"` // the three together
	Interval       *metric.Latency `json:"interval_ms"`         // between two new frames on the screen
	Counts         `json:"counts"`
}

// Counts is what happened besides.
type Counts struct {
	Flips   uint64                  `json:"flips"`    // of new frames, words and repeats
	Late    [media.NumCauses]uint64 `json:"late"`     // frames more than a period later than usual, by cause
	Dropped [media.NumCauses]uint64 `json:"dropped"`  // frames never shown, by cause
	Missed  uint64                  `json:"missed"`   // flips a blank later than meant
	Repeats uint64                  `json:"repeats"`  // frames shown again for variable refresh
	Busy    uint64                  `json:"busy"`     // commits the kernel asked to send again
	Lost    uint64                  `json:"lost"`     // commits whose flip never came
	Stale   uint64                  `json:"stale"`    // flips with a time that cannot be
	Modes   uint64                  `json:"modesets"` //
	Resets  uint64                  `json:"resets"`   // of the GPU
}

// Phase is when a frame has to be ready for its output.
type Phase struct {
	Due    time.Time     // a moment by which a frame in the display makes a flip
	Period time.Duration // between such moments
	// Capture is when the host should have captured the frame due at Due, in
	// local time. Zero while too few frames were seen.
	Capture time.Time
}

// Recorder is the writing side of [Figures]. The zero value is ready; its
// methods may be called from any goroutine and allocate nothing.
type Recorder struct {
	wait, draw, flip, decodedToShown, interval metric.Latency

	mu     sync.Mutex
	counts Counts    // guarded by mu
	last   time.Time // flip of the last new frame, guarded by mu
}

// Count changes the counts. change is called under a lock and only counts.
func (r *Recorder) Count(change func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.counts)
}

// Shown notes a new frame on the screen: drawn is when drawing began, sent
// when its commit was accepted.
func (r *Recorder) Shown(t *media.Timing, drawn, sent time.Time) {
	r.wait.RecordSpan(t.Decoded, drawn)
	r.draw.RecordSpan(drawn, sent)
	r.flip.RecordSpan(sent, t.Shown)
	r.decodedToShown.RecordSpan(t.Decoded, t.Shown)
	r.mu.Lock()
	last := r.last
	r.last = t.Shown
	r.mu.Unlock()
	r.interval.RecordSpan(last, t.Shown)
}

// Flipped notes any flip, and how many blanks were missed meanwhile.
func (r *Recorder) Flipped(missed uint64, repeat bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Flips++
	r.counts.Missed += missed
	if repeat {
		r.counts.Repeats++
	}
}

// Late charges a late frame.
func (r *Recorder) Late(c media.Cause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Late[c]++
}

// Pause keeps a break on purpose out of the intervals.
func (r *Recorder) Pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Time{}
}

// Figures returns the reading side. Dropped is counted by the mailbox.
func (r *Recorder) Figures(dropped [media.NumCauses]uint64) Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Dropped = dropped
	return Figures{
		Wait: &r.wait, Draw: &r.draw, Flip: &r.flip, DecodedToShown: &r.decodedToShown,
		Interval: &r.interval, Counts: c,
	}
}

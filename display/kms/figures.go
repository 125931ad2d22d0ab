package kms

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

// figures is the writing side of Figures.
type figures struct {
	wait, draw, flip, decodedToShown, interval metric.Latency

	mu     sync.Mutex
	counts Counts    // guarded by mu
	last   time.Time // flip of the last new frame, guarded by mu
}

func (f *figures) count(change func(*Counts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.counts)
}

// shown notes a new frame on the screen: drawn is when drawing began, sent
// when its commit was accepted.
func (f *figures) shown(t *media.Timing, drawn, sent time.Time) {
	f.wait.RecordSpan(t.Decoded, drawn)
	f.draw.RecordSpan(drawn, sent)
	f.flip.RecordSpan(sent, t.Shown)
	f.decodedToShown.RecordSpan(t.Decoded, t.Shown)
	f.mu.Lock()
	last := f.last
	f.last = t.Shown
	f.mu.Unlock()
	f.interval.RecordSpan(last, t.Shown)
}

// flipped notes any flip, and how many blanks were missed meanwhile.
func (f *figures) flipped(missed uint64, repeat bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Flips++
	f.counts.Missed += missed
	if repeat {
		f.counts.Repeats++
	}
}

// late charges a late frame.
func (f *figures) late(c media.Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Late[c]++
}

// pause keeps a break on purpose out of the intervals.
func (f *figures) pause() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = time.Time{}
}

// report returns the reading side.
func (f *figures) report(dropped [media.NumCauses]uint64) Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.counts
	c.Dropped = dropped
	return Figures{
		Wait: &f.wait, Draw: &f.draw, Flip: &f.flip, DecodedToShown: &f.decodedToShown,
		Interval: &f.interval, Counts: c,
	}
}

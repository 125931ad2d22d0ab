package kms

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/media"
)

// inboxLen is how many frames wait at most: the newest, and one of slack
// which the pacer allows or has dropped.
const inboxLen = 2

// inbox holds the frames of one screen that wait to be drawn and counts what
// becomes of them. The zero value is ready.
type inbox struct {
	mu       sync.Mutex
	frames   [inboxLen]*media.Frame // oldest first, guarded by mu
	n        int                    // guarded by mu
	arrivals [8]time.Time           // not yet told to the pacer, guarded by mu
	arrived  int                    // guarded by mu
	closed   bool                   // guarded by mu
	stats    display.ScreenStats    // guarded by mu
}

// put takes ownership of f. Where there is no room the oldest is released and
// charged to the pacer; after close f itself is, and charged to nobody.
func (b *inbox) put(f *media.Frame, now time.Time) {
	b.mu.Lock()
	out := f
	switch {
	case b.closed:
		b.stats.Left++
	case b.n == inboxLen:
		out = b.shift()
		b.stats.Dropped[media.CausePacer]++
		b.push(f, now)
	default:
		out = nil
		b.push(f, now)
	}
	b.mu.Unlock()
	if out != nil {
		out.Release()
	}
}

// push and shift need mu.
func (b *inbox) push(f *media.Frame, now time.Time) {
	b.frames[b.n] = f
	b.n++
	if b.arrived < len(b.arrivals) {
		b.arrivals[b.arrived] = now
		b.arrived++
	}
}

func (b *inbox) shift() *media.Frame {
	f := b.frames[0]
	copy(b.frames[:], b.frames[1:b.n])
	b.n--
	b.frames[b.n] = nil
	return f
}

// take returns the oldest frame, which the caller then owns, or nil.
func (b *inbox) take() *media.Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == 0 {
		return nil
	}
	return b.shift()
}

// giveBack puts a taken frame in front again, or releases it and charges it
// to the pacer where newer ones have taken all the room.
func (b *inbox) giveBack(f *media.Frame) {
	b.mu.Lock()
	fits := b.n < inboxLen && !b.closed
	switch {
	case fits:
		copy(b.frames[1:], b.frames[:b.n])
		b.frames[0] = f
		b.n++
	case b.closed:
		b.stats.Left++
	default:
		b.stats.Dropped[media.CausePacer]++
	}
	b.mu.Unlock()
	if !fits {
		f.Release()
	}
}

// drop releases the n oldest and charges them to the pacer.
func (b *inbox) drop(n int) {
	for ; n > 0; n-- {
		f := b.take()
		if f == nil {
			return
		}
		b.charge(media.CausePacer)
		f.Release()
	}
}

// waiting returns how many frames wait, and passes on when those since the
// last call came.
func (b *inbox) waiting(arrived func(time.Time)) int {
	b.mu.Lock()
	times, n, waiting := b.arrivals, b.arrived, b.n
	b.arrived = 0
	b.mu.Unlock()
	for _, at := range times[:n] {
		arrived(at)
	}
	return waiting
}

func (b *inbox) charge(c media.Cause) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Dropped[c]++
}

func (b *inbox) shown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Shown++
}

func (b *inbox) left() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Left++
}

func (b *inbox) counts() display.ScreenStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// close releases every frame, now and later.
func (b *inbox) close() {
	b.mu.Lock()
	frames := b.frames
	b.stats.Left += uint64(b.n)
	b.frames, b.n, b.closed = [inboxLen]*media.Frame{}, 0, true
	b.mu.Unlock()
	for _, f := range frames {
		if f != nil {
			f.Release()
		}
	}
}

package null

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/media"
)

// inboxLen is how many frames may wait for a blank: the next one, and one of
// slack against jitter.
const inboxLen = 2

// blanks is a monitor with a refresh rate that nobody sees. What no lock
// guards belongs to Run.
type blanks struct {
	period time.Duration
	start  time.Time
	pacer  *pace.Pacer
	lock   pace.Lock

	frame  *media.Frame // drawn, and shown at the next blank
	blank  time.Time    // when that is
	drawn  time.Time
	missed uint64

	figures display.Recorder
	phase   display.Phase // guarded by Display.mu

	mu      sync.Mutex // guards below
	inbox   []*media.Frame
	arrived []time.Time // not told to the pacer yet
	stats   display.ScreenStats
	closed  bool
}

// put takes ownership of f. What has to wait too long is released.
func (b *blanks) put(f *media.Frame, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.stats.Left++
		f.Release()
		return
	}
	b.inbox = append(b.inbox, f)
	b.arrived = append(b.arrived, now)
	b.dropLocked(len(b.inbox) - inboxLen)
}

// dropLocked releases the oldest n frames.
func (b *blanks) dropLocked(n int) {
	for range max(0, n) {
		b.inbox[0].Release()
		b.inbox = append(b.inbox[:0], b.inbox[1:]...)
		b.stats.Dropped[media.CausePacer]++
	}
}

// plan asks the pacer, and returns the frame to draw now, or when to ask again.
func (b *blanks) plan(now time.Time) (f *media.Frame, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.arrived {
		b.pacer.Arrived(t)
	}
	b.arrived = b.arrived[:0]
	p := b.pacer.Plan(now, len(b.inbox))
	b.dropLocked(p.Drop)
	if len(b.inbox) == 0 || p.At.IsZero() || now.Before(p.At) {
		return nil, p.At
	}
	f = b.inbox[0]
	b.inbox = append(b.inbox[:0], b.inbox[1:]...)
	b.pacer.Drawn(now, 0, len(b.inbox), false)
	return f, time.Time{}
}

func (b *blanks) counts() display.ScreenStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// next returns the first blank after now, and its number.
func (b *blanks) next(now time.Time) (at time.Time, seq uint32) {
	n := now.Sub(b.start)/b.period + 1
	return b.start.Add(n * b.period), uint32(n)
}

// close gives back every frame that the end caught on its way.
func (b *blanks) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.frame != nil {
		b.inbox = append(b.inbox, b.frame)
		b.frame = nil
	}
	for _, f := range b.inbox {
		f.Release()
		b.stats.Left++
	}
	b.inbox = nil
}

// turn takes a screen one step on and returns when it has to be looked at next.
func (d *Display) turn(screen int, now time.Time) time.Time {
	b := d.blanks[screen]
	if b.frame != nil {
		if now.Before(b.blank) {
			return b.blank
		}
		d.flip(b)
	}
	if d.Status(screen) != nil {
		return time.Time{}
	}
	f, at := b.plan(now)
	if f == nil {
		return at
	}
	b.frame, b.drawn = f, now
	b.blank, _ = b.next(now)
	return b.blank
}

// flip ends the way of the frame that was drawn.
func (d *Display) flip(b *blanks) {
	f := b.frame
	b.frame = nil
	_, seq := b.next(b.blank)
	b.pacer.Flipped(b.blank, seq)
	c := b.pacer.Counts()
	b.figures.Flipped(c.Missed-b.missed, false)
	b.missed = c.Missed
	b.lock.Add(f.Timing.Captured, f.Timing.Decoded)
	if due, period, ok := b.pacer.Phase(b.blank); ok {
		p := display.Phase{Due: due, Period: period}
		p.Capture, _ = b.lock.Capture(due)
		d.mu.Lock()
		b.phase = p
		d.mu.Unlock()
	}
	f.Timing.Shown = b.blank
	b.figures.Shown(&f.Timing, b.drawn, b.drawn)
	b.mu.Lock()
	b.stats.Shown++
	b.mu.Unlock()
	d.show(f, b.blank)
}

package pace

import (
	"slices"
	"time"
)

const (
	// lockLen is how many pictures' latencies a lock remembers.
	lockLen = 128
	// lockFrom is how many it needs before it says anything.
	lockFrom = 30
	// lockMargin is kept between a picture's arrival and the moment it is due.
	lockMargin = 500 * time.Microsecond
)

// Lock finds when the host should capture, so that a picture is decoded just
// before its output draws: neither waiting for the blank nor missing it. The
// latency from capture to decoded picture does not depend on when the host
// captures, so one measurement gives the phase and nothing swings.
type Lock struct {
	latency [lockLen]time.Duration
	sorted  [lockLen]time.Duration
	next, n int
}

// Add notes one picture: captured by the host, in our time, and ready when it
// was decoded. Unknown times are ignored.
func (l *Lock) Add(captured, ready time.Time) {
	d := ready.Sub(captured)
	if captured.IsZero() || ready.IsZero() || d < 0 || d > time.Second {
		return
	}
	l.latency[l.next] = d
	l.next = (l.next + 1) % lockLen
	l.n = min(l.n+1, lockLen)
}

// Capture returns when the host should have captured the picture that is due
// at due: earlier by what all but one in a hundred pictures need, because one
// that misses its blank costs all that follow a picture of slack for half a
// second. ok is false while too little is known. Any moment whole periods away serves as well.
func (l *Lock) Capture(due time.Time) (at time.Time, ok bool) {
	if l.n < lockFrom || due.IsZero() {
		return time.Time{}, false
	}
	s := l.sorted[:copy(l.sorted[:], l.latency[:l.n])]
	slices.Sort(s)
	return due.Add(-s[len(s)*99/100] - lockMargin), true
}

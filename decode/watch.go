package decode

import (
	"sync/atomic"
	"time"
)

// watch tells when a thread has been inside a call for too long. The thread
// brackets the call with enter and leave; another goroutine asks late and gives
// the thread up. Which of leave and giveUp comes first is decided by one
// compare-and-swap, so that exactly one of the two owns what the call holds.
//
//	outside -> inside (deadline) -> outside
//	                             -> given up
type watch struct {
	deadline atomic.Int64 // of the call, since the clock's start; outside, givenUp
}

const (
	outside = 0
	givenUp = -1
)

// enter begins a call that has to end before deadline, which is not 0.
func (w *watch) enter(deadline time.Duration) { w.deadline.Store(int64(deadline)) }

// leave ends it. False: the thread was given up and has to end.
func (w *watch) leave() bool {
	v := w.deadline.Load()
	return v != givenUp && w.deadline.CompareAndSwap(v, outside)
}

// giveUp gives the thread up when its call is over the deadline.
func (w *watch) giveUp(now time.Duration) bool {
	v := w.deadline.Load()
	return v > outside && int64(now) > v && w.deadline.CompareAndSwap(v, givenUp)
}

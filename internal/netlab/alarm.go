package netlab

import (
	"sync"
	"time"
)

// alarm wakes one goroutine at a time that any goroutine may change.
type alarm interface {
	set(d time.Duration) // from now; replaces what was set
	wait() bool          // blocks until then; false after close
	close()
}

// timerAlarm is an alarm on Go's timers: portable, and virtual in a
// testing/synctest bubble, but up to a millisecond late on an idle machine.
type timerAlarm struct {
	timer  *time.Timer
	closed chan struct{}
	once   sync.Once
}

func newTimerAlarm() *timerAlarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &timerAlarm{timer: t, closed: make(chan struct{})}
}

func (a *timerAlarm) set(d time.Duration) { a.timer.Reset(max(d, 0)) }

func (a *timerAlarm) wait() bool {
	select {
	case <-a.timer.C:
		return true
	case <-a.closed:
		return false
	}
}

func (a *timerAlarm) close() {
	a.once.Do(func() {
		a.timer.Stop()
		close(a.closed)
	})
}

// preciseAlarms opens one for each direction, or none.
func preciseAlarms() (both [2]alarm, err error) {
	for i := range both {
		if both[i], err = newPreciseAlarm(); err != nil {
			if i > 0 {
				both[0].close()
			}
			return both, err
		}
	}
	return both, nil
}

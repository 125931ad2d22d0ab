package source

import (
	"context"
	"time"
)

// pacer is an absolute schedule: picture n (from 1) is due at start plus n-1
// intervals, whatever the caller did before, so a rate never drifts.
type pacer struct {
	start time.Time // zero until the first wait
	fps   int
	last  uint32 // number of the last picture given
	timer *time.Timer
}

// newPacer returns a schedule that starts with the first wait: what its owner
// does between opening and reading costs no picture.
func newPacer(fps int) *pacer {
	return &pacer{fps: fps, timer: newTimer()}
}

// due returns when picture n is due.
func (p *pacer) due(n uint32) time.Time {
	return p.start.Add(time.Duration(n-1) * time.Second / time.Duration(p.fps))
}

// wait blocks until the next picture is due and returns its number: the one
// after the last, or, for a caller that is late, the newest that is due.
func (p *pacer) wait(ctx context.Context) (n uint32, due time.Time, err error) {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	n = max(p.last+1, p.newest(time.Now()))
	due = p.due(n)
	if err := sleepUntil(ctx, p.timer, due); err != nil {
		return 0, time.Time{}, err
	}
	p.last = n
	return n, due, nil
}

// newest returns the number of the last picture due at now: due rounds down,
// so it counts the starts of intervals before now plus a nanosecond.
func (p *pacer) newest(now time.Time) uint32 {
	return uint32(((now.Sub(p.start)+1)*time.Duration(p.fps)-1)/time.Second) + 1
}

// stop frees the timer.
func (p *pacer) stop() { p.timer.Stop() }

// newTimer returns a timer that does not run.
func newTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// sleepUntil blocks until t or the end of ctx. The timer is the caller's, so
// that sleeping does not allocate.
func sleepUntil(ctx context.Context, timer *time.Timer, t time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	left := time.Until(t)
	if left <= 0 {
		return nil
	}
	timer.Reset(left)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		timer.Stop()
		return ctx.Err()
	}
}

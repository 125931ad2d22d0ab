package source

import (
	"context"
	"sync/atomic"
	"time"
)

// perKilosecond is how many nanoseconds there are in the 1000 s that rates are
// counted over.
const perKilosecond = int64(1000 * time.Second)

// pacer is an absolute schedule: picture n is due a whole number of intervals
// after its base, whatever the caller did before, so a rate never drifts. A
// phase that somebody wishes for moves the base, by a part of an interval a
// picture, and replaces the interval by the exact one of who wishes.
type pacer struct {
	wish atomic.Pointer[phase] // nil: runs free

	// Owned by the goroutine that waits.
	rate     int // pictures per 1000 s when it runs free
	interval ratio
	base     time.Time // when picture baseN is due; zero until the first wait
	baseN    uint32
	last     uint32 // number of the last picture given
	seen     *phase // the wish that was looked at last
	follows  bool   // the schedule is moved towards it
	timer    *time.Timer
}

// ratio is a number of nanoseconds, num/den, that need not be whole.
type ratio struct{ num, den int64 }

// times returns n of them. num*den is at most 1e12 * 240000 or so.
func (r ratio) times(n int64) time.Duration {
	return time.Duration(n/r.den*r.num + n%r.den*r.num/r.den)
}

// phase is a grid of moments at which captured pictures are wanted.
type phase struct {
	at     time.Time // one of them, with our monotonic clock
	period time.Duration
}

// Bounds of a period that is worth looking at.
const (
	minPeriod = time.Millisecond
	maxPeriod = time.Second
)

const (
	slewPart    = 20 // a picture moves by no more than so much of an interval
	lockPercent = 2  // how far a period may be off the rate
	maxMultiple = 8  // of period and interval
)

// newPacer returns a schedule of so many pictures per 1000 s that starts with
// the first wait: what its owner does between opening and reading costs no
// picture.
func newPacer(milliFPS int) *pacer {
	p := &pacer{rate: milliFPS, baseN: 1, timer: newTimer()}
	p.interval = p.free()
	return p
}

// free is the interval of the configured rate.
func (p *pacer) free() ratio { return ratio{perKilosecond, int64(p.rate)} }

// SetPhase asks for pictures at at, and one or several periods before and
// after it, from any goroutine. A period that neither the rate nor a multiple
// or part of it fits by 2 % changes nothing; 0 lets the schedule run free.
func (p *pacer) SetPhase(at time.Time, period time.Duration) {
	if period < minPeriod || period > maxPeriod {
		p.wish.Store(nil)
		return
	}
	// Near now, so that nothing of what follows overflows or needs the wall clock.
	now := time.Now()
	p.wish.Store(&phase{at: now.Add(at.Sub(now) % period), period: period})
}

// setRate changes the rate from the next picture on. It belongs to the
// goroutine that waits.
func (p *pacer) setRate(milliFPS int) {
	if milliFPS == p.rate {
		return
	}
	p.rate = milliFPS
	p.look(p.seen)
}

// change continues with another interval after the last picture.
func (p *pacer) change(interval ratio) {
	if p.last > 0 {
		p.base, p.baseN = p.due(p.last), p.last
	}
	p.interval = interval
}

// due returns when picture n is due.
func (p *pacer) due(n uint32) time.Time {
	return p.base.Add(p.interval.times(int64(n) - int64(p.baseN)))
}

// wait blocks until the next picture is due and returns its number: the one
// after the last, or, for a caller that is late, the newest that is due.
func (p *pacer) wait(ctx context.Context) (n uint32, due time.Time, err error) {
	now := time.Now()
	if p.base.IsZero() {
		p.base = now
	}
	if wish := p.wish.Load(); wish != p.seen {
		p.look(wish)
	}
	n = max(p.last+1, p.newest(now))
	if p.follows {
		p.slew(p.due(n), now)
	}
	due = p.due(n)
	if err := sleepUntil(ctx, p.timer, due); err != nil {
		return 0, time.Time{}, err
	}
	p.last = n
	return n, due, nil
}

// look takes up a wish if it fits the rate, and else runs free.
func (p *pacer) look(wish *phase) {
	interval := p.free()
	p.seen, p.follows = wish, false
	if wish != nil {
		if exact, ok := fitPeriod(wish.period, interval.times(1)); ok {
			interval, p.follows = exact, true
		}
	}
	if interval != p.interval {
		p.change(interval)
	}
}

// fitPeriod returns the interval next to ours that is a whole multiple or a
// whole part of period, and whether it is next enough.
func fitPeriod(period, interval time.Duration) (ratio, bool) {
	m := (interval + period/2) / period
	if m >= 1 {
		exact := m * period
		return ratio{int64(exact), 1}, m <= maxMultiple && near(exact, interval)
	}
	m = (period + interval/2) / interval
	return ratio{int64(period), int64(m)}, m <= maxMultiple && near(period, m*interval)
}

func near(a, b time.Duration) bool { return (a-b).Abs()*100 <= b*lockPercent }

// slew moves the schedule towards the wished phase. Picture n, which is due
// then, keeps its number and its place in the row: the step is a small part of
// an interval, and never one into the past, which would make n late.
func (p *pacer) slew(due, now time.Time) {
	interval := p.interval.times(1)
	grid := min(p.seen.period, interval)
	off := due.Sub(p.seen.at) % p.seen.period % grid
	switch {
	case off > grid/2:
		off -= grid
	case off < -grid/2:
		off += grid
	}
	step := min(max(-off, -interval/slewPart), interval/slewPart)
	if step < 0 {
		step = min(max(step, now.Sub(due)), 0)
	}
	p.base = p.base.Add(step)
}

// newest returns the number of the last picture due at now, baseN before that.
func (p *pacer) newest(now time.Time) uint32 {
	gone := int64(now.Sub(p.base))
	if gone < 0 {
		return p.baseN
	}
	// due rounds down, so n is right or one too few.
	n := p.baseN + uint32(gone/p.interval.num*p.interval.den+gone%p.interval.num*p.interval.den/p.interval.num)
	if !p.due(n + 1).After(now) {
		n++
	}
	return n
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

package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// What Config.DisplaySleep is by default, and at least.
const (
	defaultSleep = 10 * time.Minute
	leastSleep   = 10 * time.Second
)

// never is how a configuration says that monitors stay on.
const never = "never"

// ParseSleep reads how long monitors stay on as people write it: 10m, never,
// or nothing for the default.
func ParseSleep(text string) (time.Duration, error) {
	switch text {
	case "":
		return 0, nil
	case never:
		return -1, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < leastSleep {
		return 0, fmt.Errorf("%q is not possible: write at least 10s, for example 10m, or never", text)
	}
	return d, nil
}

// movingRate is how many pictures a second are more than a cursor that blinks
// and a clock: a film keeps the monitors on though nobody touches anything.
const movingRate = 5

// idle turns monitors off that nobody looks at, and on when the person does
// something. Only they wake them: a picture that changes while they are off is
// no reason.
type idle struct {
	after time.Duration
	power func(on bool) // of the goroutine of run

	touched  atomic.Int64  // when, in nanoseconds since base
	pictures atomic.Uint64 // shown
	wake     chan struct{} // capacity 1, never closed: touched while off; full means said
	off      atomic.Bool
	base     time.Time
}

func newIdle(after time.Duration, power func(on bool)) *idle {
	return &idle{after: after, power: power, wake: make(chan struct{}, 1), base: time.Now()}
}

// touch says that the person did something; any goroutine. It reports whether
// the monitors were off.
func (i *idle) touch() bool {
	if i == nil {
		return false
	}
	i.touched.Store(int64(time.Since(i.base)))
	if !i.off.Load() {
		return false
	}
	select {
	case i.wake <- struct{}{}:
	default:
	}
	return true
}

// shown counts a picture; the display's thread.
func (i *idle) shown() {
	if i != nil {
		i.pictures.Add(1)
	}
}

// run turns monitors off and on until ctx ends, and leaves them on.
func (i *idle) run(ctx context.Context) {
	before, since := i.pictures.Load(), i.base
	t := time.NewTimer(i.after)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			i.set(true)
			return
		case <-i.wake:
			i.set(true)
		case <-t.C:
		}
		now := time.Now()
		if left := i.after - (now.Sub(i.base) - time.Duration(i.touched.Load())); left > 0 {
			i.set(true)
			t.Reset(left)
			continue
		}
		shown := i.pictures.Load()
		moving := float64(shown-before) > movingRate*now.Sub(since).Seconds()
		before, since = shown, now
		i.set(moving && !i.off.Load())
		if time.Since(i.base)-time.Duration(i.touched.Load()) < i.after {
			i.set(true) // touched meanwhile, which nobody was told
		}
		t.Reset(i.after)
	}
}

// set turns the monitors on or off unless they are.
func (i *idle) set(on bool) {
	if i.off.Swap(!on) == on {
		i.power(on)
	}
}

// powered is a display that can turn its monitors off.
type powered interface{ SetPower(screen int, on bool) }

// openIdle makes what turns the monitors off, if they are ours.
func (a *Agent) openIdle() {
	d, ok := a.display.(powered)
	if _, card := a.display.(console); !ok || !card || a.cfg.DisplaySleep < 0 {
		return
	}
	after := a.cfg.DisplaySleep
	if after == 0 {
		after = defaultSleep
	}
	a.idle = newIdle(after, func(on bool) {
		a.log.Info("monitors", "on", on)
		for i := range a.screens {
			d.SetPower(i, on)
		}
	})
}

package thermal

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Config says what to watch.
type Config struct {
	Sys      fs.FS         // the sysfs tree; nil: /sys
	Interval time.Duration // between readings; 0: 2 s
	// OnChange is told every change of the share, from Run's goroutine.
	OnChange func(State)
}

// State is how much the machine should be given to do.
type State struct {
	Reading
	// Share is the part of the full number of pixels a second, 1 for all.
	Share float64
}

// String says in words why there is less than all, "" when there is not.
func (s State) String() string {
	switch {
	case s.Share >= 1:
		return ""
	case s.Sensor != "" && s.Limit-s.Celsius < warm:
		return fmt.Sprintf("%s is at %.0f °C", s.Sensor, s.Celsius)
	case s.Clock < clockHeld:
		return fmt.Sprintf("the processor is held at %.0f %% of its speed", 100*s.Clock)
	}
	return "the machine is cooling down"
}

const (
	// warm and hot are degrees under the critical temperature: from warm on
	// less is asked for, at hot the least at once. cool is where more is tried.
	hot, warm, cool = 4, 10, 16
	// clockHeld is the clock below which a machine counts as held down.
	clockHeld = 0.8
	// less and least are how much a step takes away and what always remains.
	less, least = 0.25, 0.25
	// stepDown and stepUp are how long a step has time to show its effect:
	// chips warm in seconds and cool in minutes.
	stepDown, stepUp = 10 * time.Second, 60 * time.Second
)

// Watch watches one machine.
type Watch struct {
	cfg     Config
	state   State
	changed time.Time
	best    float64 // highest clock that was allowed: the owner may bound it too
}

// New returns a watch that reads nothing before Run.
func New(cfg Config) *Watch {
	if cfg.Sys == nil {
		cfg.Sys = os.DirFS("/sys")
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 2 * time.Second
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(State) {}
	}
	return &Watch{cfg: cfg, state: State{Share: 1, Reading: Reading{Clock: 1}}}
}

// Run reads until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		if w.step(time.Now(), read(w.cfg.Sys)) {
			w.cfg.OnChange(w.state)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// step takes one reading and reports whether the share changed.
func (w *Watch) step(now time.Time, r Reading) (changed bool) {
	w.best = max(w.best, r.Clock)
	if w.best > 0 {
		r.Clock /= w.best
	}
	share, since := w.state.Share, now.Sub(w.changed)
	margin := r.Limit - r.Celsius
	known := r.Sensor != ""
	switch {
	case known && margin < hot:
		share = least
	case known && margin < warm || r.Clock < clockHeld:
		if w.changed.IsZero() || since >= stepDown {
			share = max(share-less, least)
		}
	case (!known || margin > cool) && since >= stepUp:
		share = min(share+less, 1)
	}
	changed = share != w.state.Share
	if changed {
		w.changed = now
	}
	w.state = State{Reading: r, Share: share}
	return changed
}

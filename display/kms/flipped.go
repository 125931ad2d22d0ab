package kms

import (
	"time"

	"github.com/blade-shadow/terminal/display"
)

// flipped takes note of what is on the screen now.
func (o *output) flipped(f flip, now time.Time) {
	if !o.pending {
		return // of a commit that was given up
	}
	o.pending = false
	o.timeGPU()
	w := o.flight
	o.flight = flight{}
	at := f.At
	// The first flip after a mode set carries a time of long ago on some
	// drivers. The others name the first pixel's scanout, which may be still to
	// come, or the start of a blank that the commit just made.
	if w.modeset || at.Before(w.sent.Add(-blankLength)) || at.After(now.Add(o.mode.Period())) {
		if !w.modeset {
			o.count(func(c *display.Counts) { c.Stale++ })
		}
		at = now
	}
	if w.drawn {
		if o.hasShown {
			o.canvas.Release(o.shown)
		}
		o.shown, o.hasShown = w.buf, true
	}
	if w.modeset {
		o.entered()
	} else {
		o.pacer.Flipped(at, f.Seq)
	}
	if w.frame != nil {
		o.present(&w, at)
	}
	o.account(now, w.repeat)
}

// timeGPU notes how long the GPU drew on after the flight was accepted, and
// gives its fence back: the frames that follow begin so much earlier.
func (o *output) timeGPU() {
	w := &o.flight
	if !w.drawn || w.buf.Fence < 0 {
		return
	}
	if at, ok := o.d.dev.FenceTime(w.buf.Fence); ok && !w.modeset {
		o.gpu = min(max(0, at.Sub(w.took)), o.mode.Period())
	}
	closeFence(&w.buf)
}

// entered ends a mode set.
func (o *output) entered() {
	o.canvas.Retire()
	if o.oldBlob != 0 {
		o.complainIf("destroy mode", o.d.dev.DestroyBlob(o.oldBlob))
		o.oldBlob = 0
	}
	o.pacer.Reset(o.pacing())
	o.gridded = false
	o.count(func(c *display.Counts) { c.Modes++ })
	o.tell()
}

// present ends a frame's way: it is on the screen.
func (o *output) present(w *flight, at time.Time) {
	f := w.frame
	if o.last != nil {
		o.last.Release()
	}
	o.last = f
	f.Timing.Shown = at
	s := o.screen
	s.box.shown()
	s.figures.Shown(&f.Timing, w.began, w.took)
	if cause, late := o.ledger.Shown(&f.Timing, w.began, o.mode.Period()); late {
		s.figures.Late(cause)
	}
	o.lock.Add(f.Timing.Captured, f.Timing.Decoded)
	o.d.cfg.OnShown(f)
	if who := s.watch.Load(); who != nil && w.seen != nil {
		who.seen(w.seen, f.Timing)
	}
}

// account publishes the figures and the grid of the blanks.
func (o *output) account(now time.Time, repeat bool) {
	s := o.screen
	if s == nil {
		return
	}
	c := o.pacer.Counts()
	s.figures.Flipped(c.Missed-o.counted.Missed, repeat)
	o.counted = c
	due, period, ok := o.pacer.Phase(now)
	if !ok {
		return
	}
	p := display.Phase{Due: due, Period: period}
	p.Capture, _ = o.lock.Capture(due)
	s.setPhase(p)
	if !o.gridded {
		o.gridded = true
		o.tell()
	}
}

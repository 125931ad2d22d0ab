package pace

import "time"

// grid is where the vertical blanks are.
type grid struct {
	nominal time.Duration // by the mode
	period  time.Duration // measured, else nominal
	anchor  time.Time     // a blank; zero: not known
	// software: flips carry no vblank counter (virtio-gpu), so the blanks are
	// our own and flips say nothing about them.
	software bool

	first    time.Time // of the measurement
	firstSeq uint32
	lastSeq  uint32
}

const (
	// measureFrom is how many blanks a measured period needs, measureTo after
	// how many it begins anew: clocks drift with temperature.
	measureFrom = 30
	measureTo   = 4096
	// measureTrust is how far, as a fraction of the nominal period, a measured
	// one may be off. Crystals are within 100 ppm; all else is a miscount.
	measureTrust = 200
)

// flipped moves the grid to a flip with its vblank counter.
func (g *grid) flipped(at time.Time, seq uint32) {
	if seq == 0 && g.lastSeq == 0 {
		g.software = true
		if g.anchor.IsZero() || at.Before(g.anchor) {
			g.anchor = at
		}
		return
	}
	blanks := seq - g.lastSeq
	if g.software || g.anchor.IsZero() || int32(blanks) <= 0 || !at.After(g.anchor) || seq-g.firstSeq > measureTo {
		g.software, g.first, g.firstSeq = false, at, seq
	} else if n := seq - g.firstSeq; n >= measureFrom {
		measured := at.Sub(g.first) / time.Duration(n)
		if (measured - g.nominal).Abs() <= g.nominal/measureTrust {
			g.period = measured
		} else {
			g.first, g.firstSeq = at, seq
		}
	}
	g.anchor, g.lastSeq = at, seq
}

// next returns the first blank after now; the zero time where none is known.
func (g *grid) next(now time.Time) time.Time {
	if g.anchor.IsZero() || g.period <= 0 {
		return time.Time{}
	}
	d := now.Sub(g.anchor)
	n := d / g.period
	if d >= 0 {
		n++
	}
	return g.anchor.Add(n * g.period)
}

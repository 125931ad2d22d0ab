package kms

import (
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
)

// state is what others may know of an output.
type state struct {
	mode     mode.Mode
	lit      bool
	variable bool
	period   time.Duration
}

// tell publishes what the output is now and has OnOutputs called.
func (o *output) tell() {
	st := state{mode: o.mode, lit: o.lit, variable: o.variable}
	if o.gridded && o.lit {
		_, st.period, _ = o.pacer.Phase(time.Now())
	}
	o.telling.Lock()
	o.told = st
	o.telling.Unlock()
	o.d.tell()
}

// describe returns the output as OnOutputs wants it.
func (o *output) describe() display.Output {
	o.telling.Lock()
	st := o.told
	o.telling.Unlock()
	out := display.Output{Screen: -1}
	if s := o.want.Load(); s != nil {
		out.Screen = s.index
	}
	h := o.found.Load()
	h.describe(&out)
	if st.lit {
		m := st.mode
		out.Width, out.Height, out.MilliHz = int(m.HDisplay), int(m.VDisplay), m.MilliHz()
		out.MaxMilliHz = max(out.MilliHz, h.fastest(m.HDisplay, m.VDisplay))
		out.Variable, out.Period = st.variable, st.period
	}
	return out
}

// pacing is how the output's pictures are paced in its present mode.
func (o *output) pacing() pace.Config {
	c := pace.Config{Policy: o.d.cfg.Policy, Period: o.mode.Period()}
	if c.Policy == pace.Variable {
		c.Policy = pace.Auto
	}
	if o.variable {
		c.Policy, c.MaxPeriod = pace.Variable, o.head.longest()
	}
	return c
}

package agent

import (
	"context"
	"time"

	"github.com/blade-shadow/terminal/display/mode"
)

// choicesEvery is how often the file of choices is looked at: a person who
// changes one from another program waits no longer than for a monitor.
const choicesEvery = 500 * time.Millisecond

// chooser is a display that follows what was chosen for its monitors.
type chooser interface {
	// Rechoose looks at the store of choices again. OnOutputs is called once
	// the monitors are as they were chosen.
	Rechoose()
}

// choice is what the person chose for a monitor.
func (a *Agent) choice(m mode.Monitor) mode.Choice {
	if a.choices == nil {
		return mode.Choice{}
	}
	return a.choices.For(m)
}

// followChoices has the display and the host follow what another program
// chooses for a monitor, until ctx ends. A file that cannot be read changes
// nothing, and is complained about once.
func (a *Agent) followChoices(ctx context.Context, c chooser) {
	tick := time.NewTicker(choicesEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		changed, err := a.choices.Reload()
		if err != nil {
			a.log.Warn("monitors stay as they are", "err", err)
		}
		if !changed {
			continue
		}
		a.log.Info("monitors were chosen anew")
		c.Rechoose()
		// Where they stand, how large things are and which is primary does not
		// wait for the monitors.
		if s := a.session.Load(); s != nil {
			a.tellLayout(s.Session)
		}
	}
}

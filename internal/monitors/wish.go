package monitors

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/display/mode"
)

// Auto takes a choice back: then policy decides.
const Auto = "auto"

// Wish is what to change of what was chosen for a monitor. nil fields stay.
type Wish struct {
	Mode     *string // "1920x1080@144", "1920x1080" for the best refresh, or Auto
	Order    *int    // place from the left, from 1; 0: by connector
	Position *string // "X,Y" on the host's desktop, or Auto
	Scale    *int    // of what the host draws, percent
	Primary  *bool   // no other monitor is then
	Fit      *string // "letterbox", "stretch"
	VRR      *string // Auto, "on", "off"
}

// Change returns c with the wish in it, or says in a sentence what of the wish
// makes no sense on any monitor.
func (w Wish) Change(c mode.Choice) (mode.Choice, error) {
	if w == (Wish{}) {
		return c, errors.New("there is nothing to change: say for example --mode 1920x1080@60")
	}
	for _, set := range []func(*mode.Choice) error{w.setMode, w.setPosition, w.setNumbers, w.setWords} {
		if err := set(&c); err != nil {
			return mode.Choice{}, err
		}
	}
	return c, c.Check()
}

func (w Wish) setMode(c *mode.Choice) (err error) {
	if w.Mode == nil {
		return nil
	}
	if *w.Mode == Auto {
		c.Width, c.Height, c.MilliHz = 0, 0, 0
		return nil
	}
	c.Width, c.Height, c.MilliHz, err = parseMode(*w.Mode)
	return err
}

// parseMode reads "1920x1080@59.94" or "1920x1080".
func parseMode(s string) (width, height int, milliHz uint32, err error) {
	size, refresh, rated := strings.Cut(s, "@")
	width, height, interlaced, ok := parseName(size)
	hz := 0.0
	if rated {
		hz, err = strconv.ParseFloat(refresh, 64)
	}
	if !ok || interlaced || err != nil || rated && !(hz >= 1 && hz <= 500) || width < 16 || height < 16 {
		return 0, 0, 0, fmt.Errorf("mode %q is not possible: write size and refresh, for example 1920x1080@60, or auto", s)
	}
	return width, height, uint32(math.Round(hz * 1000)), nil
}

func (w Wish) setPosition(c *mode.Choice) error {
	if w.Position == nil {
		return nil
	}
	if *w.Position == Auto {
		c.Placed, c.X, c.Y = false, 0, 0
		return nil
	}
	xs, ys, ok := strings.Cut(*w.Position, ",")
	x, errX := strconv.Atoi(xs)
	y, errY := strconv.Atoi(ys)
	c.Placed, c.X, c.Y = true, x, y
	if !ok || errX != nil || errY != nil || c.Check() != nil {
		return fmt.Errorf("position %q is not possible: write X,Y in pixels of the host's desktop, for example 1920,0, or auto", *w.Position)
	}
	return nil
}

func (w Wish) setNumbers(c *mode.Choice) error {
	if w.Order != nil {
		c.Order = *w.Order
		if c.Check() != nil {
			return fmt.Errorf("order %d is not possible: the first monitor from the left is 1, and 0 leaves it to the connectors", *w.Order)
		}
	}
	if w.Scale != nil {
		if *w.Scale < mode.MinScale || *w.Scale > mode.MaxScale {
			return fmt.Errorf("scale %d is not possible: it is in percent, from %d to %d", *w.Scale, mode.MinScale, mode.MaxScale)
		}
		if c.Scale = *w.Scale; c.Scale == 100 {
			c.Scale = 0
		}
	}
	if w.Primary != nil {
		c.Primary = *w.Primary
	}
	return nil
}

func (w Wish) setWords(c *mode.Choice) error {
	if w.Fit != nil {
		if err := c.Fit.UnmarshalText([]byte(*w.Fit)); err != nil {
			return err
		}
	}
	if w.VRR != nil {
		return c.VRR.UnmarshalText([]byte(*w.VRR))
	}
	return nil
}

// Set changes what was chosen for the monitor on a connector and returns it as
// it is now. A wish that it cannot meet is refused in a sentence, and nothing
// has changed.
func Set(sys fs.FS, choices *mode.Store, connector string, w Wish) (Monitor, error) {
	return edit(sys, choices, connector, func(m *Monitor, connected []mode.Monitor) error {
		return choices.Edit(m.at(), connected, func(c mode.Choice) (mode.Choice, error) {
			c, err := w.Change(c)
			if err == nil && w.Mode != nil {
				err = m.meets(c)
			}
			return c, err
		})
	})
}

// Forget drops what was chosen for the monitor on a connector and returns it as
// it is now.
func Forget(sys fs.FS, choices *mode.Store, connector string) (Monitor, error) {
	return edit(sys, choices, connector, func(m *Monitor, connected []mode.Monitor) error {
		return choices.Forget(m.at(), connected)
	})
}

func edit(sys fs.FS, choices *mode.Store, connector string, work func(*Monitor, []mode.Monitor) error) (Monitor, error) {
	all, err := List(sys, choices)
	if err != nil {
		return Monitor{}, err
	}
	i, err := find(all, connector)
	if err != nil {
		return Monitor{}, err
	}
	if err := work(&all[i], plugged(all)); err != nil {
		return Monitor{}, err
	}
	if all, err = List(sys, choices); err != nil {
		return Monitor{}, err
	}
	i, err = find(all, connector)
	if err != nil { // it was pulled meanwhile
		return Monitor{}, err
	}
	return all[i], nil
}

// find returns the place in all of a connector with a monitor.
func find(all []Monitor, connector string) (int, error) {
	i := slices.IndexFunc(all, func(m Monitor) bool { return m.Connector == connector })
	if i < 0 {
		var names []string
		for _, m := range all {
			names = append(names, m.Connector)
		}
		return 0, fmt.Errorf("there is no connector %q, only %s", connector, strings.Join(names, ", "))
	}
	if !all[i].Connected {
		return 0, fmt.Errorf("nothing is plugged into %s: choices are kept for a monitor, not for its connector", connector)
	}
	return i, nil
}

// meets refuses a mode that neither the monitor nor the kernel has and that
// cannot be made for it.
func (m *Monitor) meets(c mode.Choice) error {
	if c.Width == 0 || c.Met(m.best(c)) {
		return nil
	}
	var rates []string
	for _, have := range m.Modes {
		if have.Width == c.Width && have.Height == c.Height {
			if have.MilliHz == 0 {
				return nil // its refresh is the kernel's secret
			}
			if have.Interlaced {
				rates = append(rates, have.refresh()+" interlaced")
			} else {
				rates = append(rates, have.refresh())
			}
		}
	}
	if len(rates) == 0 {
		return fmt.Errorf("%s has no mode of %dx%d and takes only those that it lists: see shadow-terminal monitors", m.title(), c.Width, c.Height)
	}
	return fmt.Errorf("%s cannot show %dx%d at %s Hz, only at %s", m.title(), c.Width, c.Height, hertz(c.MilliHz), strings.Join(rates, ", "))
}

// title is a monitor in a sentence.
func (m *Monitor) title() string {
	if m.Name == "" {
		return "the monitor on " + m.Connector
	}
	return m.Name + " on " + m.Connector
}

package kms

import (
	"fmt"
	"slices"

	"github.com/blade-shadow/terminal/display/mode"
)

// SetChoice remembers what the person chose for the monitor that shows a
// screen and follows it, also where it could not be kept for the next time.
func (d *Display) SetChoice(screen int, c mode.Choice) error {
	s := d.screen(screen)
	if s == nil {
		return fmt.Errorf("display: choose for screen %d: there are %d", screen, len(d.screens))
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("display: choose for screen %d: %w", screen, err)
	}
	o := s.output.Load()
	if o == nil {
		return fmt.Errorf("display: choose for screen %d: no monitor shows it", screen)
	}
	at := o.found.Load().monitor()
	var err error
	if d.cfg.Choices != nil {
		err = d.cfg.Choices.Edit(at, d.connected(), func(mode.Choice) (mode.Choice, error) { return c, nil })
	}
	d.mu.Lock()
	if d.cfg.Choices == nil || err != nil {
		d.chosen[at] = c
	} else {
		delete(d.chosen, at)
	}
	d.mu.Unlock()
	d.followChoices()
	if err != nil {
		return fmt.Errorf("display: %w", err)
	}
	return nil
}

// connected are the monitors that are plugged in.
func (d *Display) connected() (all []mode.Monitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.heads {
		if h.Connected {
			all = append(all, h.monitor())
		}
	}
	return all
}

// Rechoose follows what Config.Choices now has for every monitor; another
// process may have changed its file. Modes are set only where they differ, and
// screens are given to the monitors anew where their order does.
func (d *Display) Rechoose() {
	if d.cfg.Choices == nil {
		return
	}
	d.mu.Lock()
	clear(d.chosen)
	d.mu.Unlock()
	d.followChoices()
}

func (d *Display) followChoices() {
	d.mu.Lock()
	before := d.sortedLocked()
	for _, o := range d.outputs {
		h := *o.found.Load()
		if c := d.choiceLocked(h.monitor()); c != h.choice {
			h.choice = c
			o.found.Store(&h)
		}
	}
	anew := !slices.Equal(before, d.sortedLocked())
	if anew {
		clear(d.homes)
	}
	d.mu.Unlock()
	d.settle(anew)
}

// findLocked tells an output what is on its connector, with what is chosen for
// it at this moment, and reports whether that is news.
func (d *Display) findLocked(o *output, h *head) bool {
	next := *h
	next.choice = d.choiceLocked(h.monitor())
	if next.same(o.found.Load()) {
		return false
	}
	o.found.Store(&next)
	return true
}

// choiceLocked is what the person chose for a monitor, now or some time ago.
func (d *Display) choiceLocked(at mode.Monitor) mode.Choice {
	if c, ok := d.chosen[at]; ok || d.cfg.Choices == nil {
		return c
	}
	return d.cfg.Choices.For(at)
}

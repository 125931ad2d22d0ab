package kms

import (
	"fmt"
	"image"
	"slices"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
)

// Stats returns what became of the frames so far.
func (d *Display) Stats() display.Stats {
	out := display.Stats{Screens: make([]display.ScreenStats, len(d.screens)), Stray: d.stray.Load()}
	for i, s := range d.screens {
		out.Screens[i] = s.box.counts()
	}
	return out
}

// Figures returns a screen's distributions; ok is false where there is none.
func (d *Display) Figures(screen int) (f display.Figures, ok bool) {
	s := d.screen(screen)
	if s == nil {
		return display.Figures{}, false
	}
	return s.figures.Figures(s.box.counts().Dropped), true
}

// Copied returns how many bytes of a screen's pictures the CPU has copied to
// have them drawn, 0 for dma-bufs, and how many dma-bufs were imported.
func (d *Display) Copied(screen int) (bytes, imports uint64) {
	s := d.screen(screen)
	if s == nil {
		return 0, 0
	}
	return s.bytes.Load(), s.loads.Load()
}

// Modes returns the modes that the kernel lists for a connector, and those that
// are tried for it, best first; none where no monitor is on it.
func (d *Display) Modes(connector string) (kernel, tried []mode.Mode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.outputs {
		if o.name != connector {
			continue
		}
		var st *stream
		if s := o.want.Load(); s != nil {
			st = s.stream.Load()
		}
		h := o.found.Load()
		return slices.Clone(h.Modes), h.candidates(&d.cfg, st)
	}
	return nil, nil
}

// Phase returns when frames for a screen have to be ready, for the host; ok is
// false while that is not known and where refresh is variable.
func (d *Display) Phase(screen int) (p display.Phase, ok bool) {
	s := d.screen(screen)
	if s == nil {
		return display.Phase{}, false
	}
	return s.phaseNow()
}

// Capture returns what a screen's monitor shows, without the hardware cursor.
// It waits for the output and costs it a frame's drawing: for tests.
func (d *Display) Capture(screen int) (*image.RGBA, error) {
	s := d.screen(screen)
	if s == nil {
		return nil, fmt.Errorf("display: capture screen %d: there are %d", screen, len(d.screens))
	}
	o := s.output.Load()
	if o == nil {
		return nil, fmt.Errorf("display: capture screen %d: no monitor shows it", screen)
	}
	answer := make(chan captured, 1)
	select {
	case o.captures <- answer:
		c := <-answer
		return c.image, c.err
	case <-o.parked:
		return nil, fmt.Errorf("display: capture screen %d: its monitor is gone", screen)
	}
}

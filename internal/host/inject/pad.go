package inject

import "github.com/blade-shadow/terminal/internal/wire"

// PadInjector is an [Injector] that has game pads as well. An Injector without
// does without them.
type PadInjector interface {
	// Pad makes a pad's whole state what p says; a number that is new is a pad
	// plugged in, one that is not connected goes away. Age means nothing here.
	// The goroutine of the other methods calls it; an error means that the
	// device is gone. What needs Sync waits for it.
	Pad(p wire.Pad) error
}

// pads is what a Receiver knows of the terminal's game pads. It belongs to the
// reconciler's goroutine.
type pads struct {
	inject PadInjector // nil: nobody takes them
	known  [wire.MaxPads]wire.Pad
	told   [wire.MaxPads]bool // in the datagram being applied
	news   [wire.MaxPads]wire.Pad
}

func (p *pads) init(inject Injector) { p.inject, _ = inject.(PadInjector) }

// begin forgets what the last datagram said.
func (p *pads) begin() { p.told = [wire.MaxPads]bool{} }

// read notes a PAD record; of several of one pad the last counts.
func (p *pads) read(rec wire.Record) {
	if s, ok := rec.Pad(); ok && s.Pad < wire.MaxPads {
		s.Age = 0
		p.news[s.Pad], p.told[s.Pad] = s, true
	}
}

// apply injects what is new in the datagram. Without focus pads rest, whatever
// it says.
func (p *pads) apply(focused bool) (changed bool, err error) {
	if p.inject == nil {
		return false, nil
	}
	for i := range p.known {
		if !p.told[i] {
			continue
		}
		s := p.news[i]
		if !focused || !s.Connected {
			s = s.Rest()
		}
		one, err := p.set(s)
		if err != nil {
			return changed, err
		}
		changed = changed || one
	}
	return changed, nil
}

// set makes one pad's state s unless it is so already.
func (p *pads) set(s wire.Pad) (changed bool, err error) {
	before := &p.known[s.Pad]
	if s.Connected == before.Connected && (!s.Connected || s == *before) {
		return false, nil
	}
	*before = s
	return true, p.inject.Pad(s)
}

// rest lets go of every pad; they stay plugged in.
func (p *pads) rest() (changed bool, err error) {
	for _, s := range p.known {
		if !s.Connected {
			continue
		}
		one, err := p.set(s.Rest())
		if err != nil {
			return changed, err
		}
		changed = changed || one
	}
	return changed, nil
}

// unplug takes all pads away.
func (p *pads) unplug() error {
	for _, s := range p.known {
		if s.Connected {
			if _, err := p.set(wire.Pad{Pad: s.Pad}); err != nil {
				return err
			}
		}
	}
	return nil
}

// active reports whether a pad is anything but at rest.
func (p *pads) active() bool {
	for _, s := range p.known {
		if s.Connected && s != s.Rest() {
			return true
		}
	}
	return false
}

package inject

import "github.com/blade-shadow/terminal/internal/wire"

// How many devices of a kind a terminal can use at once.
const (
	MaxTouchScreens = 8
	MaxPens         = 4
)

// TouchInjector is an [Injector] that has touch screens as well.
type TouchInjector interface {
	// Touch makes all that touches a touch screen what t says, which must not
	// be kept. t.Device is below [MaxTouchScreens]: the caller renumbers. It is
	// called as PadInjector.Pad is.
	Touch(t *wire.Touch) error
}

// PenInjector is an [Injector] that has pens as well.
type PenInjector interface {
	// Pen makes a pen's whole state what p says; p.Device is below [MaxPens].
	// It is called as PadInjector.Pad is.
	Pen(p wire.Pen) error
}

// PadSenser is a [PadInjector] whose pads have motion sensors and a touchpad.
type PadSenser interface {
	// PadMotion passes on one sample. It is called as PadInjector.Pad is.
	PadMotion(m wire.PadMotion) error
	// PadTouch makes all that touches a pad's touchpad what t says.
	PadTouch(t wire.PadTouch) error
}

// surfaces is what a Receiver knows of touch screens, pens and the touchpads of
// pads. It belongs to the reconciler's goroutine.
type surfaces struct {
	touch   TouchInjector // nil: nobody takes them
	pen     PenInjector
	pad     PadSenser
	screens [MaxTouchScreens]touchState
	pens    [MaxPens]penState
	pads    [wire.MaxPads]padSense
}

// touchState is one touch screen.
type touchState struct {
	used   bool
	number uint8 // the terminal's
	known  wire.Touch
	told   bool // in the datagram being applied
	news   wire.Touch
}

// penState is one pen.
type penState struct {
	used   bool
	number uint8 // the terminal's
	known  wire.Pen
	told   bool
	news   wire.Pen
}

// padSense is what one pad has beside buttons and sticks.
type padSense struct {
	known  wire.PadTouch
	told   bool
	news   wire.PadTouch
	moved  bool
	motion wire.PadMotion
}

func (s *surfaces) init(inject Injector) {
	s.touch, _ = inject.(TouchInjector)
	s.pen, _ = inject.(PenInjector)
	s.pad, _ = inject.(PadSenser)
}

// begin forgets what the last datagram said.
func (s *surfaces) begin() {
	for i := range s.screens {
		s.screens[i].told = false
	}
	for i := range s.pens {
		s.pens[i].told = false
	}
	for i := range s.pads {
		s.pads[i].told, s.pads[i].moved = false, false
	}
}

// read notes a record; of several of one device the last counts.
func (s *surfaces) read(rec wire.Record) {
	switch rec.Type {
	case wire.RecordTouch:
		s.readTouch(rec)
	case wire.RecordPen:
		s.readPen(rec)
	case wire.RecordPadTouch:
		if t, ok := rec.PadTouch(); ok && t.Pad < wire.MaxPads {
			t.Age = 0
			s.pads[t.Pad].news, s.pads[t.Pad].told = t, true
		}
	case wire.RecordPadMotion:
		if m, ok := rec.PadMotion(); ok && m.Pad < wire.MaxPads {
			s.pads[m.Pad].motion, s.pads[m.Pad].moved = m, true
		}
	}
}

func (s *surfaces) readTouch(rec wire.Record) {
	if len(rec.Body) == 0 {
		return
	}
	at := s.screen(rec.Body[0])
	if at == nil || !rec.Touch(&at.news) {
		return
	}
	at.news.Age = 0
	at.used, at.number, at.told = true, at.news.Device, true
}

// screen returns where a touch screen is kept: a place of its own, or that of
// one that nothing touches; nil: there are too many.
func (s *surfaces) screen(number uint8) (free *touchState) {
	for i := range s.screens {
		at := &s.screens[i]
		if at.used && at.number == number {
			return at
		}
		if free == nil && !at.told && (!at.used || at.known.N == 0) {
			free = at
		}
	}
	return free
}

func (s *surfaces) readPen(rec wire.Record) {
	p, ok := rec.Pen()
	if !ok {
		return
	}
	var to *penState
	for i := range s.pens {
		at := &s.pens[i]
		if at.used && at.number == p.Device {
			to = at
			break
		}
		if to == nil && !at.told && (!at.used || !at.known.InRange) {
			to = at
		}
	}
	if to == nil {
		return
	}
	p.Age = 0
	to.used, to.number, to.told, to.news = true, p.Device, true, p
}

// apply injects what is new in the datagram. Without focus nothing touches
// anything, whatever it says.
func (s *surfaces) apply(focused bool) (changed bool, err error) {
	for i := range s.screens {
		if at := &s.screens[i]; at.told && s.touch != nil {
			if !focused {
				at.news.N = 0
			}
			if err := s.setTouch(i, &changed); err != nil {
				return changed, err
			}
		}
	}
	for i := range s.pens {
		if at := &s.pens[i]; at.told && s.pen != nil {
			if !focused {
				at.news = away(at.news)
			}
			if err := s.setPen(i, &changed); err != nil {
				return changed, err
			}
		}
	}
	if s.pad == nil {
		return changed, nil
	}
	return changed, s.applyPads(focused, &changed)
}

func (s *surfaces) applyPads(focused bool, changed *bool) error {
	for i := range s.pads {
		at := &s.pads[i]
		if at.told {
			if !focused {
				at.news.N = 0
			}
			if err := s.setPad(i, changed); err != nil {
				return err
			}
		}
		if at.moved && focused {
			*changed = true
			if err := s.pad.PadMotion(at.motion); err != nil {
				return err
			}
		}
	}
	return nil
}

// setTouch makes one touch screen what its news are unless it is so already.
func (s *surfaces) setTouch(i int, changed *bool) error {
	at := &s.screens[i]
	at.news.Device = uint8(i)
	if sameTouch(&at.news, &at.known) {
		return nil
	}
	at.known, *changed = at.news, true
	return s.touch.Touch(&at.known)
}

// sameTouch compares what counts.
func sameTouch(a, b *wire.Touch) bool {
	if a.N != b.N || a.N > 0 && a.Screen != b.Screen {
		return false
	}
	for i := range a.Contacts[:a.N] {
		if a.Contacts[i] != b.Contacts[i] {
			return false
		}
	}
	return true
}

func (s *surfaces) setPen(i int, changed *bool) error {
	at := &s.pens[i]
	at.news.Device = uint8(i)
	if at.news == at.known || !at.news.InRange && !at.known.InRange {
		return nil
	}
	at.known, *changed = at.news, true
	return s.pen.Pen(at.known)
}

// away returns p out of range, where it was last.
func away(p wire.Pen) wire.Pen {
	p.InRange, p.Touching, p.Pressure, p.Buttons = false, false, 0, 0
	return p
}

func (s *surfaces) setPad(i int, changed *bool) error {
	at := &s.pads[i]
	if at.news == at.known {
		return nil
	}
	at.known, *changed = at.news, true
	return s.pad.PadTouch(at.known)
}

// rest lifts everything.
func (s *surfaces) rest() (changed bool, err error) {
	for i := range s.screens {
		if at := &s.screens[i]; at.known.N > 0 {
			at.news.N = 0
			if err := s.setTouch(i, &changed); err != nil {
				return changed, err
			}
		}
	}
	for i := range s.pens {
		if at := &s.pens[i]; at.known.InRange {
			at.news = away(at.known)
			if err := s.setPen(i, &changed); err != nil {
				return changed, err
			}
		}
	}
	for i := range s.pads {
		if at := &s.pads[i]; at.known.N > 0 {
			at.news = wire.PadTouch{Pad: uint8(i)}
			if err := s.setPad(i, &changed); err != nil {
				return changed, err
			}
		}
	}
	return changed, nil
}

// active reports whether anything touches.
func (s *surfaces) active() bool {
	for i := range s.screens {
		if s.screens[i].known.N > 0 {
			return true
		}
	}
	for i := range s.pens {
		if s.pens[i].known.InRange {
			return true
		}
	}
	for i := range s.pads {
		if s.pads[i].known.N > 0 {
			return true
		}
	}
	return false
}

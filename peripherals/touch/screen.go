package touch

import (
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// Screen is a touch screen.
type Screen struct {
	slots                     *Slots
	x, y, press, major, minor Axis
	touch                     input.Touch
}

// NewScreen returns a touch screen that nobody touches. device is its number.
func NewScreen(device uint8, d Device) *Screen {
	s := &Screen{slots: NewSlots(d)}
	s.touch.Device = device
	pick := func(codes ...uint16) (a Axis) {
		for _, c := range codes {
			if a, ok := d.axis(c); ok {
				return a
			}
		}
		return a
	}
	if s.slots.way == single {
		s.x, s.y, s.press = pick(absX), pick(absY), pick(absPressure)
		return s
	}
	s.x, s.y, s.press, s.major, s.minor = pick(absMTX), pick(absMTY), pick(absMTPress), pick(absMTMajor), pick(absMTMinor)
	return s
}

// Event takes one event of the device. It returns all that touches, with every
// report that changes it; nil otherwise. What it returns is the next call's.
func (s *Screen) Event(kind, code uint16, value int32, at time.Time) *input.Touch {
	if !s.slots.Event(kind, code, value) {
		return nil
	}
	was := s.touch
	s.touch.N = 0
	for i := range s.slots.Fingers {
		f := &s.slots.Fingers[i]
		if !f.Down || s.touch.N == input.MaxContacts {
			continue
		}
		s.touch.Contacts[s.touch.N] = input.Contact{
			ID: f.ID, Tool: f.Tool, X: s.x.full(f.X), Y: s.y.full(f.Y),
			Pressure: s.press.full(f.Pressure), Major: s.major.full(f.Major), Minor: s.minor.full(f.Minor),
		}
		s.touch.N++
	}
	clear(s.touch.Contacts[s.touch.N:])
	if s.touch == was {
		return nil
	}
	s.touch.Time = at
	return &s.touch
}

package touch

import (
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// Codes of pens.
const (
	btnToolPen    = 0x140
	btnToolRubber = 0x141
	btnToolLast   = 0x145 // airbrush, the last of those that are held like a pen but for the mouse
	btnStylus3    = 0x149
	btnStylus     = 0x14b
	btnStylus2    = 0x14c

	absZ        = 0x02 // rotation of art pens
	absDistance = 0x19
	absTiltX    = 0x1a
	absTiltY    = 0x1b
)

// Stylus is a pen on a screen or a tablet.
type Stylus struct {
	x, y, press, distance, tiltX, tiltY, turn Axis
	hasTurn                                   bool
	hasTool                                   bool // it says when it is near
	tools                                     uint8
	pen, said                                 input.Pen
}

// NewStylus returns a pen that is far. device is its number.
func NewStylus(device uint8, d Device) *Stylus {
	s := &Stylus{}
	s.pen.Device = device
	s.said = s.pen
	s.x, _ = d.axis(absX)
	s.y, _ = d.axis(absY)
	s.press, _ = d.axis(absPressure)
	s.distance, _ = d.axis(absDistance)
	s.tiltX, _ = d.axis(absTiltX)
	s.tiltY, _ = d.axis(absTiltY)
	s.turn, s.hasTurn = d.axis(absZ)
	for code := uint16(btnToolPen); code <= btnToolLast; code++ {
		s.hasTool = s.hasTool || d.key(code)
	}
	return s
}

// Event takes one event of the device. It returns the pen's state with every
// report that changes it, nil otherwise. What it returns is the next call's.
func (s *Stylus) Event(kind, code uint16, value int32, at time.Time) *input.Pen {
	switch kind {
	case evKey:
		s.key(code, value != 0)
	case evAbs:
		s.abs(code, value)
	case evSyn:
		if code != synReport {
			return nil
		}
		now := s.pen
		if !now.InRange { // where it was when it went away means nothing
			now = input.Pen{Device: s.pen.Device}
		}
		now.Time = s.said.Time
		if now == s.said {
			return nil
		}
		now.Time = at
		s.said = now
		return &s.said
	}
	return nil
}

func (s *Stylus) key(code uint16, down bool) {
	switch {
	case code >= btnToolPen && code <= btnToolLast:
		bit := uint8(1) << (code - btnToolPen)
		s.tools &^= bit
		if down {
			s.tools |= bit
		}
		s.pen.InRange = s.tools != 0
		s.pen.Eraser = s.tools&(1<<(btnToolRubber-btnToolPen)) != 0
	case code == btnTouch:
		s.pen.Touching = down
		if !s.hasTool {
			s.pen.InRange = down
		}
	case code == btnStylus:
		s.button(0, down)
	case code == btnStylus2:
		s.button(1, down)
	case code == btnStylus3:
		s.button(2, down)
	}
}

func (s *Stylus) button(bit int, down bool) {
	s.pen.Buttons &^= 1 << bit
	if down {
		s.pen.Buttons |= 1 << bit
	}
}

func (s *Stylus) abs(code uint16, v int32) {
	switch code {
	case absX:
		s.pen.X = s.x.full(v)
	case absY:
		s.pen.Y = s.y.full(v)
	case absPressure:
		s.pen.Pressure = s.press.full(v)
	case absDistance:
		s.pen.Distance = s.distance.full(v)
	case absTiltX:
		s.pen.TiltX = s.tiltX.degrees(v)
	case absTiltY:
		s.pen.TiltY = s.tiltY.degrees(v)
	case absZ:
		if s.hasTurn {
			s.pen.Rotation = uint16(uint64(s.turn.full(v)) * 36000 / (math.MaxUint16 + 1))
		}
	}
}

// degrees is an angle from upright: by the resolution, which is in units per
// radian, or by the range, whose ends are 64 degrees on tablets that do not tell
// (as Wacom's older ones).
func (a Axis) degrees(v int32) int8 {
	v = min(max(v, a.Min), a.Max)
	d := 0.0
	switch {
	case a.Resolution > 0:
		d = float64(v) / float64(a.Resolution) * 180 / math.Pi
	case a.Max > a.Min:
		middle := (float64(a.Min) + float64(a.Max)) / 2
		d = (float64(v) - middle) / (float64(a.Max) - middle) * 64
	}
	return int8(math.Round(min(max(d, -90), 90)))
}

package touch

import "math"

// MaxFingers is how many fingers of a device are followed.
const MaxFingers = 32

// Types and codes of linux/input-event-codes.h.
const (
	evSyn = 0x00
	evKey = 0x01
	evAbs = 0x03

	synReport   = 0
	synMTReport = 2

	btnTouch = 0x14a

	absX        = 0x00
	absY        = 0x01
	absPressure = 0x18
	absMTSlot   = 0x2f
	absMTMajor  = 0x30
	absMTMinor  = 0x31
	absMTX      = 0x35
	absMTY      = 0x36
	absMTTool   = 0x37
	absMTID     = 0x39
	absMTPress  = 0x3a
)

// Axis is an absolute axis as the device claims it.
type Axis struct {
	Code       uint16
	Min, Max   int32
	Resolution int32 // units per mm, per radian for tilt and rotation; 0: not told
}

// full maps v to 0..65535.
func (a Axis) full(v int32) uint16 {
	width := int64(a.Max) - int64(a.Min)
	if width <= 0 {
		return 0
	}
	return uint16((int64(min(max(v, a.Min), a.Max)) - int64(a.Min)) * math.MaxUint16 / width)
}

// Device is what a surface can do. Nothing of it is kept.
type Device struct {
	Keys []uint16
	Axes []Axis // the first of each code counts
}

func (d *Device) axis(code uint16) (Axis, bool) {
	for _, a := range d.Axes {
		if a.Code == code {
			return a, true
		}
	}
	return Axis{Code: code}, false
}

func (d *Device) key(code uint16) bool {
	for _, k := range d.Keys {
		if k == code {
			return true
		}
	}
	return false
}

// Finger is one contact, in the device's own units.
type Finger struct {
	Down         bool
	ID           uint8 // the same while it touches, no other's meanwhile
	Tool         uint8 // input.ToolFinger and so on
	X, Y         int32
	Pressure     int32
	Major, Minor int32

	tracking int32 // the kernel's, -1: none
}

// way is how a device reports fingers.
type way uint8

const (
	single  way = iota // one finger, ABS_X and BTN_TOUCH
	typeA              // all fingers with every report, SYN_MT_REPORT between them
	slotted            // what changed of each, by slot
)

// Slots follows the fingers of a device.
type Slots struct {
	Fingers [MaxFingers]Finger // as of the last report

	way  way
	next uint8
	slot int // -1: one that is not followed
	at   [MaxFingers]Finger

	pending Finger // of typeA
	filled  bool
	count   int
	touch   bool // BTN_TOUCH of single
}

// NewSlots returns the fingers of a device, none of which touches.
func NewSlots(d Device) *Slots {
	s := &Slots{}
	if _, ok := d.axis(absMTSlot); ok {
		s.way = slotted
	} else if _, ok := d.axis(absMTX); ok {
		s.way = typeA
	}
	for i := range s.at {
		s.at[i].tracking = -1
	}
	return s
}

// Event takes one event of the device and reports whether it ended a report:
// Fingers is new then.
func (s *Slots) Event(kind, code uint16, value int32) (report bool) {
	switch kind {
	case evAbs:
		s.abs(code, value)
	case evKey:
		if code == btnTouch {
			s.touch = value != 0
		}
	case evSyn:
		switch code {
		case synMTReport:
			s.nextContact()
		case synReport:
			s.report()
			return true
		}
	}
	return false
}

func (s *Slots) abs(code uint16, v int32) {
	switch s.way {
	case single:
		f := &s.at[0]
		switch code {
		case absX:
			f.X = v
		case absY:
			f.Y = v
		case absPressure:
			f.Pressure = v
		}
	case typeA:
		s.filled = s.pending.set(code, v) || s.filled
	case slotted:
		if code == absMTSlot {
			s.slot = int(v)
			if v < 0 || v >= MaxFingers {
				s.slot = -1
			}
			return
		}
		if s.slot < 0 {
			return
		}
		f := &s.at[s.slot]
		if code == absMTID {
			// A finger that comes in the place of one that lifted, within one
			// report, is another one.
			if v != f.tracking {
				f.Down = false
			}
			f.tracking = v
			return
		}
		f.set(code, v)
	}
}

// set takes a value of a contact and reports whether it is one.
func (f *Finger) set(code uint16, v int32) bool {
	switch code {
	case absMTX:
		f.X = v
	case absMTY:
		f.Y = v
	case absMTPress:
		f.Pressure = v
	case absMTMajor:
		f.Major = v
	case absMTMinor:
		f.Minor = v
	case absMTTool:
		f.Tool = uint8(min(max(v, 0), 2))
	case absMTID:
		f.tracking = v
	default:
		return false
	}
	return true
}

// nextContact ends a contact of typeA.
func (s *Slots) nextContact() {
	if s.way != typeA {
		return
	}
	if s.filled && s.count < MaxFingers {
		p := s.pending
		p.Down, p.ID = s.at[s.count].Down, s.at[s.count].ID
		s.at[s.count] = p
		s.count++
	}
	s.pending, s.filled = Finger{tracking: -1}, false
}

// report ends a report: who is new gets an ID.
func (s *Slots) report() {
	switch s.way {
	case single:
		s.down(&s.at[0], s.touch)
	case typeA:
		s.nextContact() // some leave out the last SYN_MT_REPORT
		for i := range s.at {
			s.down(&s.at[i], i < s.count)
		}
		s.count = 0
	case slotted:
		for i := range s.at {
			s.down(&s.at[i], s.at[i].tracking >= 0)
		}
	}
	s.Fingers = s.at
}

func (s *Slots) down(f *Finger, touches bool) {
	if touches && !f.Down {
		f.ID = s.freeID()
	}
	f.Down = touches
}

// freeID is a number that no finger has, and that no finger has had lately.
func (s *Slots) freeID() uint8 {
	for {
		s.next++
		used := false
		for i := range s.at {
			used = used || s.at[i].Down && s.at[i].ID == s.next
		}
		if !used {
			return s.next
		}
	}
}

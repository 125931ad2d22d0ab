// Package gamepad turns what a pad reports to the kernel into [input.Pad], by
// the kernel's convention for pads (Documentation/input/gamepad.rst): buttons
// by their place. Pads that HID describes and no driver of their own knows have
// the right stick on Z and RZ, and are taken, too. Others number their buttons: a
// [Database] in SDL's format says what those are. What neither explains is
// refused by [NewMapper]. A [Mouse] lets a person point with a pad. It does no
// I/O, and knows no slots, motion, touchpads or wheels.
//
// A [Mapper] belongs to the goroutine that reads its device and allocates
// nothing per event. Codes it has no use for are dropped, ranges without a
// width read as rest.
package gamepad

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// Types and codes of linux/input-event-codes.h.
const (
	evKey = 0x01
	evAbs = 0x03

	btnSouth   = 0x130
	btnNorth   = 0x133
	btnWest    = 0x134
	btnTL2     = 0x138
	btnTR2     = 0x139
	btnThumbR  = 0x13e
	btnDpadUp  = 0x220
	btnDpadEnd = 0x223

	absX, absY, absZ    = 0x00, 0x01, 0x02
	absRX, absRY, absRZ = 0x03, 0x04, 0x05
	absGas, absBrake    = 0x09, 0x0a // triggers where Z and RZ are a stick: right, left
	absHat0X, absHat0Y  = 0x10, 0x11
	absHat2X, absHat2Y  = 0x14, 0x15 // triggers: right, left

	vendorMicrosoft = 0x045e
)

// Axis is an absolute axis as the device claims it.
type Axis struct {
	Code           uint16
	Min, Max, Flat int32
}

// Device is what a pad can do. NewMapper keeps nothing of it.
type Device struct {
	Name                          string
	Bus, Vendor, Product, Version uint16

	Keys []uint16
	Axes []Axis // the first of each code counts
	// Letters says that the driver reports X as BTN_X and Y as BTN_Y, which are
	// BTN_NORTH and BTN_WEST, where the pad has them west and north: xpad does,
	// and HID for Microsoft's pads on Bluetooth. Microsoft's always are.
	Letters bool
}

// Mapper is one pad's state.
type Mapper struct {
	axes    [absHat2Y + 1]Axis
	known   [absHat2Y + 1]bool
	letters bool
	zStick  bool    // Z and RZ are the right stick
	mapped  *mapped // nil: by the kernel's convention
	pad     input.Pad
}

// NewMapper returns the mapper of a pad at rest: by the kernel's convention if it
// is one of those, by known if it is among them; nil knows none.
func NewMapper(slot uint8, d Device, known *Database) (*Mapper, error) {
	m := &Mapper{letters: d.Letters || d.Vendor == vendorMicrosoft}
	m.pad = input.Pad{Slot: slot, Connected: true}
	standard := false
	for _, k := range d.Keys {
		standard = standard || k == btnSouth
	}
	if !standard {
		if items := known.find(&d); items != nil {
			m.mapped = newMapped(&d, items)
			return m, nil
		}
		return nil, fmt.Errorf("no pad that is known (%04x:%04x): put its line into gamecontrollerdb.txt: %w", d.Vendor, d.Product, errors.ErrUnsupported)
	}
	for _, a := range d.Axes {
		if int(a.Code) < len(m.axes) && !m.known[a.Code] && a.Min < a.Max {
			m.axes[a.Code], m.known[a.Code] = a, true
		}
	}
	m.zStick = m.known[absZ] && m.known[absRZ] && !m.known[absRX] && !m.known[absRY]
	return m, nil
}

// Pad returns the state; its Time is that of the last event that meant
// something.
func (m *Mapper) Pad() input.Pad { return m.pad }

// Event takes one event of the device and reports whether the state changed.
func (m *Mapper) Event(kind, code uint16, value int32, at time.Time) bool {
	was := m.pad
	switch {
	case m.mapped != nil && kind == evKey:
		m.mapped.key(&m.pad, code, value != 0)
	case m.mapped != nil && kind == evAbs:
		m.mapped.abs(&m.pad, code, value)
	case kind == evKey:
		m.key(code, value != 0)
	case kind == evAbs:
		if int(code) < len(m.axes) && m.known[code] {
			m.axis(m.axes[code], value)
		}
	}
	if m.pad == was {
		return false
	}
	m.pad.Time = at
	return true
}

func (m *Mapper) key(code uint16, down bool) {
	// Many pads have the triggers as buttons and as axes: the axis tells more.
	switch {
	case code == btnTL2:
		if !(m.known[absZ] && !m.zStick || m.known[absHat2Y] || m.known[absBrake]) {
			m.pad.LeftTrigger = full(down)
		}
		return
	case code == btnTR2:
		if !(m.known[absRZ] && !m.zStick || m.known[absHat2X] || m.known[absGas]) {
			m.pad.RightTrigger = full(down)
		}
		return
	case code >= btnDpadUp && code <= btnDpadEnd:
		m.set(input.PadUp+int(code-btnDpadUp), down)
		return
	case m.letters && (code == btnNorth || code == btnWest):
		code = btnNorth + btnWest - code
	}
	if code < btnSouth || code > btnThumbR {
		return
	}
	if bit := place(code); bit >= 0 {
		m.set(int(bit), down)
	}
}

// place is the bit of BTN_SOUTH to BTN_THUMBR, -1 for those without.
func place(code uint16) int8 {
	return [...]int8{
		input.PadSouth, input.PadEast, -1, input.PadNorth, input.PadWest, -1,
		input.PadLeftShoulder, input.PadRightShoulder, -1, -1,
		input.PadSelect, input.PadStart, input.PadGuide, input.PadLeftStick, input.PadRightStick,
	}[code-btnSouth]
}

func (m *Mapper) axis(a Axis, v int32) {
	code := a.Code
	if m.zStick && code == absZ {
		code = absRX
	}
	if m.zStick && code == absRZ {
		code = absRY
	}
	switch code {
	case absX:
		m.pad.LeftX = stick(a, v)
	case absY:
		m.pad.LeftY = stick(a, v)
	case absRX:
		m.pad.RightX = stick(a, v)
	case absRY:
		m.pad.RightY = stick(a, v)
	case absZ, absHat2Y, absBrake:
		m.pad.LeftTrigger = trigger(a, v)
	case absRZ, absHat2X, absGas:
		m.pad.RightTrigger = trigger(a, v)
	case absHat0X:
		m.set(input.PadLeft, v < 0)
		m.set(input.PadRight, v > 0)
	case absHat0Y:
		m.set(input.PadUp, v < 0)
		m.set(input.PadDown, v > 0)
	}
}

func (m *Mapper) set(bit int, down bool) {
	if down {
		m.pad.Buttons |= 1 << bit
	} else {
		m.pad.Buttons &^= 1 << bit
	}
}

func full(down bool) uint16 {
	if down {
		return math.MaxUint16
	}
	return 0
}

// stick maps v to -32767..32767; within flat of the middle it is 0.
func stick(a Axis, v int32) int16 {
	width := int64(a.Max) - int64(a.Min)
	off := 2*int64(min(max(v, a.Min), a.Max)) - int64(a.Min) - int64(a.Max) // in halves
	if flat := 2 * int64(a.Flat); flat > 0 && flat < width && off <= flat && off >= -flat {
		return 0
	}
	return int16(off * math.MaxInt16 / width)
}

// trigger maps v to 0..65535.
func trigger(a Axis, v int32) uint16 {
	return uint16((int64(min(max(v, a.Min), a.Max)) - int64(a.Min)) * math.MaxUint16 / (int64(a.Max) - int64(a.Min)))
}

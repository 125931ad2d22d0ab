package inject

import (
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Codes of linux/input-event-codes.h that touch screens and pens have.
const (
	btnToolPen    = 0x140
	btnToolRubber = 0x141
	btnStylus3    = 0x149
	btnTouch      = 0x14a
	btnStylus     = 0x14b
	btnStylus2    = 0x14c

	absRotation     = 0x02 // ABS_Z, as art pens have it
	absPressure     = 0x18
	absDistance     = 0x19
	absTiltX        = 0x1a
	absTiltY        = 0x1b
	absMTSlot       = 0x2f
	absMTMajor      = 0x30
	absMTMinor      = 0x31
	absMTX          = 0x35
	absMTY          = 0x36
	absMTTool       = 0x37
	absMTTrackingID = 0x39
	absMTPressure   = 0x3a

	propDirect = 0x01
)

const (
	maxTracking = 0xffff
	// unknownPressure is what a surface that does not measure it is told to
	// have felt: enough for every program, too little for a fist.
	unknownPressure = 0x8000
)

// adder takes one event of a device.
type adder func(kind, code uint16, value int32)

// touchSlots says which finger is in which slot of the kernel's protocol B
// (Documentation/input/multi-touch-protocol.rst).
type touchSlots struct {
	used  [input.MaxContacts]bool
	id    [input.MaxContacts]uint8 // the terminal's
	next  uint16                   // tracking id
	touch bool
}

// events calls add with what makes a surface t, whose places are put through
// place. It does not end the report. Two contacts of one ID are one.
func (s *touchSlots) events(t *wire.Touch, place *placer, add adder) {
	var still [input.MaxContacts]bool
	all := t.Contacts[:min(int(t.N), input.MaxContacts)]
	for _, c := range all {
		if i := s.find(c.ID); i >= 0 {
			still[i] = true
		}
	}
	// First those that are gone: their slots may be needed.
	for i := range s.used {
		if s.used[i] && !still[i] {
			s.used[i] = false
			add(evAbs, absMTSlot, int32(i))
			add(evAbs, absMTTrackingID, -1)
		}
	}
	for _, c := range all {
		s.contact(c, place, add)
	}
	if touch := len(all) > 0; touch != s.touch {
		s.touch = touch
		add(evKey, btnTouch, boolValue(touch))
	}
	if len(all) > 0 { // for programs that know one finger only
		x, y := place.place(all[0].X, all[0].Y)
		add(evAbs, absX, x)
		add(evAbs, absY, y)
	}
}

func (s *touchSlots) contact(c input.Contact, place *placer, add adder) {
	i := s.find(c.ID)
	fresh := i < 0
	for j := 0; i < 0; j++ { // there is a free one: as many slots as contacts
		if !s.used[j] {
			i = j
		}
	}
	add(evAbs, absMTSlot, int32(i))
	if fresh {
		s.used[i], s.id[i] = true, c.ID
		add(evAbs, absMTTrackingID, int32(s.next))
		s.next++ // wraps at maxTracking
	}
	x, y := place.place(c.X, c.Y)
	add(evAbs, absMTTool, int32(min(c.Tool, input.ToolPalm)))
	add(evAbs, absMTX, x)
	add(evAbs, absMTY, y)
	pressure := c.Pressure
	if pressure == 0 {
		pressure = unknownPressure
	}
	add(evAbs, absMTPressure, int32(pressure))
	add(evAbs, absMTMajor, int32(c.Major))
	add(evAbs, absMTMinor, int32(c.Minor))
}

// find returns a finger's slot, or -1.
func (s *touchSlots) find(id uint8) int {
	for i := range s.used {
		if s.used[i] && s.id[i] == id {
			return i
		}
	}
	return -1
}

// penTool is which end of a pen the kernel believes to be near.
type penTool struct{ code uint16 } // 0: none

// events calls add with what makes a pen p at x, y. A pen that was turned
// around leaves before its other end comes, in a report of its own.
func (t *penTool) events(p wire.Pen, x, y int32, add adder) {
	tool := uint16(0)
	switch {
	case p.InRange && p.Eraser:
		tool = btnToolRubber
	case p.InRange:
		tool = btnToolPen
	}
	if t.code != 0 && tool != t.code {
		add(evKey, btnTouch, 0)
		for _, code := range [...]uint16{btnStylus, btnStylus2, btnStylus3} {
			add(evKey, code, 0)
		}
		add(evAbs, absPressure, 0)
		add(evKey, t.code, 0)
		if tool != 0 {
			add(evSyn, 0, 0)
		}
	}
	t.code = tool
	if tool == 0 {
		return
	}
	add(evKey, tool, 1)
	add(evAbs, absX, x)
	add(evAbs, absY, y)
	add(evAbs, absPressure, int32(p.Pressure))
	add(evAbs, absDistance, int32(p.Distance))
	add(evAbs, absTiltX, int32(min(max(p.TiltX, -maxTilt), maxTilt)))
	add(evAbs, absTiltY, int32(min(max(p.TiltY, -maxTilt), maxTilt)))
	add(evAbs, absRotation, int32(min(p.Rotation, maxRotation)))
	add(evKey, btnTouch, boolValue(p.Touching))
	for bit, code := range [...]uint16{btnStylus, btnStylus2, btnStylus3} {
		add(evKey, code, int32(p.Buttons>>bit&1))
	}
}

// maxTilt is in degrees, maxRotation in hundredths of one.
const (
	maxTilt     = 90
	maxRotation = 35999
)

func boolValue(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

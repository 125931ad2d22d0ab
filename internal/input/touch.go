package input

import "time"

// MaxContacts is how many fingers one device may have down at once; those
// beyond it are not reported.
const MaxContacts = 16

// Tools of a Contact, in the kernel's order (input.h, MT_TOOL_*).
const (
	ToolFinger = iota
	ToolPen
	ToolPalm
)

// Contact is one finger, or whatever touches, on a surface.
type Contact struct {
	ID                     uint8  // the same for as long as it touches; meaningless afterwards
	Tool                   uint8  // ToolFinger, ToolPen or ToolPalm
	X, Y                   uint16 // 0..65535 over the surface, left to right, top to bottom
	Pressure, Major, Minor uint16 // 0..65535 of the device's range, 0 where it does not tell
}

// Touch is all that touches one device. What is not in it has been lifted, so
// only the newest means anything.
type Touch struct {
	Device   uint8
	N        uint8 // how many of Contacts count, at most MaxContacts
	Contacts [MaxContacts]Contact
	Time     time.Time // when the kernel had it
}

// Pen is the whole state of a stylus.
type Pen struct {
	Device                    uint8
	InRange, Touching, Eraser bool
	X, Y, Pressure            uint16 // 0..65535 of the device's range
	TiltX, TiltY              int8   // degrees from upright, right and towards the person
	Rotation                  uint16 // 1/100 degree, 0..35999, clockwise
	Distance                  uint16 // 0..65535 of the device's range
	Buttons                   uint16 // bit 0 the lower button of the barrel, bit 1 the upper, bit 2 a third
	Time                      time.Time
}

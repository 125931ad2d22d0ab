package input

import "time"

// Bits of Pad.Buttons, in the order of the W3C's standard game pad. Buttons are
// named by their place, because letters on them differ. Bits 6 and 7 are the
// triggers', which are values; senders leave them 0.
const (
	PadSouth = iota
	PadEast
	PadWest
	PadNorth
	PadLeftShoulder
	PadRightShoulder
	_
	_
	PadSelect
	PadStart
	PadLeftStick
	PadRightStick
	PadUp
	PadDown
	PadLeft
	PadRight
	PadGuide

	PadButtons // how many bits there are
)

// Pad is the whole state of a game pad.
type Pad struct {
	Slot      uint8 // the pad's number, for as long as it is plugged in
	Connected bool  // false: it was unplugged
	Buttons   uint32
	// Sticks, -32767 to 32767, right and down.
	LeftX, LeftY, RightX, RightY int16
	// Triggers, 0 to 65535, pressed.
	LeftTrigger, RightTrigger uint16
	Time                      time.Time
}

// PadMotion is one sample of a pad's motion sensors. The axes are those of the
// pad held flat: x right, y up, z towards the person; turns are right-handed.
type PadMotion struct {
	Slot                   uint8
	AccelX, AccelY, AccelZ int16 // 1/4096 g, so +-8 g
	GyroX, GyroY, GyroZ    int16 // 1/16 degree per second, so +-2048
	Time                   time.Time
}

// PadTouch is all that touches a pad's touchpad; see Touch.
type PadTouch struct {
	Slot     uint8
	N        uint8 // how many of Contacts count, at most 2
	Contacts [2]Contact
	Time     time.Time
}

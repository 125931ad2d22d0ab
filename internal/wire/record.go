package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/blade-shadow/terminal/internal/input"
)

// RecordType is the first byte of a record.
type RecordType uint8

// Types of record. Those from 0x80 go from the host to the terminal.
const (
	RecordPointer    RecordType = 0x01
	RecordPointerAbs RecordType = 0x02
	RecordKeys       RecordType = 0x03
	RecordEvents     RecordType = 0x04
	RecordPad        RecordType = 0x05
	RecordPadMotion  RecordType = 0x06
	RecordTouch      RecordType = 0x07
	RecordPen        RecordType = 0x08
	RecordPadTouch   RecordType = 0x09
	RecordAck        RecordType = 0x81
	RecordLEDs       RecordType = 0x82
	RecordRumble     RecordType = 0x83
	RecordRGB        RecordType = 0x84
	RecordTriggers   RecordType = 0x85
	RecordMotionRate RecordType = 0x86
	RecordPointerAt  RecordType = 0x87
)

// Shortest bodies in bytes. A longer body is of a later version: what is known
// of it stands first.
const (
	pointerSize    = 24
	pointerAbsSize = 14
	keysSize       = 8
	keySize        = 2
	eventsSize     = 6
	transitionSize = 12
	padSize        = 20
	ackSize        = 12
	ledsSize       = 4
	pointerAtSize  = 12
	padMotionSize  = 16
	touchSize      = 6
	contactSize    = 12
	penSize        = 20
	padTouchSize   = 4
	rumbleSize     = 12
	rgbSize        = 4
	triggersSize   = 24
	motionRateSize = 4

	maxBody            = 255
	transitionsPerBody = (maxBody - eventsSize) / transitionSize
)

// String returns the name of t in docs/PROTOCOL.md.
func (t RecordType) String() string {
	switch t {
	case RecordPointer:
		return "POINTER"
	case RecordPointerAbs:
		return "POINTER_ABS"
	case RecordKeys:
		return "KEYS"
	case RecordEvents:
		return "EVENTS"
	case RecordPad:
		return "PAD"
	case RecordAck:
		return "ACK"
	case RecordLEDs:
		return "LEDS"
	case RecordPointerAt:
		return "POINTER_AT"
	case RecordPadMotion:
		return "PAD_MOTION"
	case RecordTouch:
		return "TOUCH"
	case RecordPen:
		return "PEN"
	case RecordPadTouch:
		return "PAD_TOUCH"
	case RecordRumble:
		return "RUMBLE"
	case RecordRGB:
		return "RGB"
	case RecordTriggers:
		return "TRIGGERS"
	case RecordMotionRate:
		return "MOTION_RATE"
	}
	return fmt.Sprintf("record(%#02x)", uint8(t))
}

// Record is one record of a datagram. Body aliases the datagram. The methods
// that read it return false for a record of another type or too short a body.
type Record struct {
	Type RecordType
	Body []byte
}

// complete reports whether the body has all that its type needs.
func (r Record) complete() bool {
	n := len(r.Body)
	switch r.Type {
	case RecordPointer:
		return n >= pointerSize
	case RecordPointerAbs:
		return n >= pointerAbsSize
	case RecordKeys:
		return n >= keysSize && n >= keysSize+keySize*int(r.Body[5])
	case RecordEvents:
		return n >= eventsSize && n >= eventsSize+transitionSize*int(r.Body[4])
	case RecordPad:
		return n >= padSize
	case RecordAck:
		return n >= ackSize
	case RecordLEDs:
		return n >= ledsSize
	case RecordPointerAt:
		return n >= pointerAtSize
	case RecordPadMotion:
		return n >= padMotionSize
	case RecordTouch:
		return n >= touchSize && r.Body[1] <= input.MaxContacts && n >= touchSize+contactSize*int(r.Body[1])
	case RecordPen:
		return n >= penSize
	case RecordPadTouch:
		return n >= padTouchSize && r.Body[1] <= 2 && n >= padTouchSize+contactSize*int(r.Body[1])
	case RecordRumble:
		return n >= rumbleSize
	case RecordRGB:
		return n >= rgbSize
	case RecordTriggers:
		return n >= triggersSize
	case RecordMotionRate:
		return n >= motionRateSize
	}
	return true
}

// Pointer is what a relative pointer has moved in total, modulo 2^32, since
// its sender began. Only differences mean anything, so a lost datagram loses
// no motion.
type Pointer struct {
	Device uint8  // 0; the rest is for later versions
	Age    Age    // of the newest motion
	X, Y   uint32 // counts, right and down
	WheelV uint32 // 1/120 detent, away from the person
	WheelH uint32 // 1/120 detent, to the right
	// Buttons has bit n-1 set while button n is held. It is for the eye of a
	// person who debugs; KEYS and EVENTS are what counts.
	Buttons uint32
}

// AppendPointer appends a POINTER record to a datagram.
func AppendPointer(dst []byte, p Pointer) []byte {
	dst = append(dst, byte(RecordPointer), pointerSize, p.Device, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Age))
	dst = binary.LittleEndian.AppendUint32(dst, p.X)
	dst = binary.LittleEndian.AppendUint32(dst, p.Y)
	dst = binary.LittleEndian.AppendUint32(dst, p.WheelV)
	dst = binary.LittleEndian.AppendUint32(dst, p.WheelH)
	return binary.LittleEndian.AppendUint32(dst, p.Buttons)
}

// Pointer reads a POINTER record.
func (r Record) Pointer() (Pointer, bool) {
	if r.Type != RecordPointer || !r.complete() {
		return Pointer{}, false
	}
	b := r.Body
	return Pointer{
		Device:  b[0],
		Age:     Age(binary.LittleEndian.Uint16(b[2:])),
		X:       binary.LittleEndian.Uint32(b[4:]),
		Y:       binary.LittleEndian.Uint32(b[8:]),
		WheelV:  binary.LittleEndian.Uint32(b[12:]),
		WheelH:  binary.LittleEndian.Uint32(b[16:]),
		Buttons: binary.LittleEndian.Uint32(b[20:]),
	}, true
}

// PointerAbs is where an absolute pointer is over a screen's picture.
type PointerAbs struct {
	Device  uint8  // 0; the rest is for later versions
	InRange bool   // the pointer is over the picture
	Screen  uint8  // which of the host's screens
	Age     Age    // of the newest motion
	X, Y    uint16 // 0..65535, left to right, top to bottom
	Buttons uint32 // as in Pointer
}

// AppendPointerAbs appends a POINTER_ABS record to a datagram.
func AppendPointerAbs(dst []byte, p PointerAbs) []byte {
	dst = append(dst, byte(RecordPointerAbs), pointerAbsSize, p.Device, bit(p.InRange, 0))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Age))
	dst = binary.LittleEndian.AppendUint16(dst, p.X)
	dst = binary.LittleEndian.AppendUint16(dst, p.Y)
	dst = append(dst, p.Screen, 0)
	return binary.LittleEndian.AppendUint32(dst, p.Buttons)
}

// PointerAbs reads a POINTER_ABS record.
func (r Record) PointerAbs() (PointerAbs, bool) {
	if r.Type != RecordPointerAbs || !r.complete() {
		return PointerAbs{}, false
	}
	b := r.Body
	return PointerAbs{
		Device:  b[0],
		InRange: b[1]&1 != 0,
		Age:     Age(binary.LittleEndian.Uint16(b[2:])),
		X:       binary.LittleEndian.Uint16(b[4:]),
		Y:       binary.LittleEndian.Uint16(b[6:]),
		Screen:  b[8],
		Buttons: binary.LittleEndian.Uint32(b[10:]),
	}, true
}

// bit returns 1<<n if set.
func bit(set bool, n int) byte {
	if set {
		return 1 << n
	}
	return 0
}

package wire

import (
	"encoding/binary"

	"github.com/blade-shadow/terminal/internal/input"
)

// Touch is all that touches a touch screen. What is not in it has been lifted.
type Touch struct {
	Device   uint8
	N        uint8 // how many of Contacts count
	Screen   uint8 // which of the host's screens the surface lies over
	Age      Age   // of the newest change
	Contacts [input.MaxContacts]input.Contact
}

// AppendTouch appends a TOUCH record to a datagram.
func AppendTouch(dst []byte, t *Touch) []byte {
	n := min(int(t.N), len(t.Contacts))
	dst = append(dst, byte(RecordTouch), byte(touchSize+contactSize*n), t.Device, byte(n))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t.Age))
	return appendContacts(append(dst, t.Screen, 0), t.Contacts[:n])
}

// Touch reads a TOUCH record into t, which is large; t is not touched where it
// returns false.
func (r Record) Touch(t *Touch) bool {
	if r.Type != RecordTouch || !r.complete() {
		return false
	}
	b := r.Body
	*t = Touch{Device: b[0], N: b[1], Age: Age(binary.LittleEndian.Uint16(b[2:])), Screen: b[4]}
	readContacts(t.Contacts[:t.N], b[touchSize:])
	return true
}

func appendContacts(dst []byte, all []input.Contact) []byte {
	for _, c := range all {
		dst = append(dst, c.ID, c.Tool)
		for _, v := range [...]uint16{c.X, c.Y, c.Pressure, c.Major, c.Minor} {
			dst = binary.LittleEndian.AppendUint16(dst, v)
		}
	}
	return dst
}

// readContacts fills all from b, which is long enough.
func readContacts(all []input.Contact, b []byte) {
	for i := range all {
		c := b[i*contactSize:]
		all[i] = input.Contact{
			ID: c[0], Tool: c[1],
			X:        binary.LittleEndian.Uint16(c[2:]),
			Y:        binary.LittleEndian.Uint16(c[4:]),
			Pressure: binary.LittleEndian.Uint16(c[6:]),
			Major:    binary.LittleEndian.Uint16(c[8:]),
			Minor:    binary.LittleEndian.Uint16(c[10:]),
		}
	}
}

// Pen is the whole state of a stylus; units are those of input.Pen.
type Pen struct {
	Device                    uint8
	InRange, Touching, Eraser bool
	Screen                    uint8 // which of the host's screens
	Age                       Age   // of the newest change
	X, Y, Pressure            uint16
	TiltX, TiltY              int8
	Rotation, Distance        uint16
	Buttons                   uint16
}

// AppendPen appends a PEN record to a datagram.
func AppendPen(dst []byte, p Pen) []byte {
	dst = append(dst, byte(RecordPen), penSize, p.Device, bit(p.InRange, 0)|bit(p.Touching, 1)|bit(p.Eraser, 2))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Age))
	dst = binary.LittleEndian.AppendUint16(dst, p.X)
	dst = binary.LittleEndian.AppendUint16(dst, p.Y)
	dst = binary.LittleEndian.AppendUint16(dst, p.Pressure)
	dst = append(dst, byte(p.TiltX), byte(p.TiltY))
	dst = binary.LittleEndian.AppendUint16(dst, p.Rotation)
	dst = binary.LittleEndian.AppendUint16(dst, p.Distance)
	dst = binary.LittleEndian.AppendUint16(dst, p.Buttons)
	return append(dst, p.Screen, 0)
}

// Pen reads a PEN record.
func (r Record) Pen() (Pen, bool) {
	if r.Type != RecordPen || !r.complete() {
		return Pen{}, false
	}
	b := r.Body
	return Pen{
		Device: b[0], InRange: b[1]&1 != 0, Touching: b[1]&2 != 0, Eraser: b[1]&4 != 0,
		Age:      Age(binary.LittleEndian.Uint16(b[2:])),
		X:        binary.LittleEndian.Uint16(b[4:]),
		Y:        binary.LittleEndian.Uint16(b[6:]),
		Pressure: binary.LittleEndian.Uint16(b[8:]),
		TiltX:    int8(b[10]), TiltY: int8(b[11]),
		Rotation: binary.LittleEndian.Uint16(b[12:]),
		Distance: binary.LittleEndian.Uint16(b[14:]),
		Buttons:  binary.LittleEndian.Uint16(b[16:]),
		Screen:   b[18],
	}, true
}

// PadTouch is all that touches a pad's touchpad.
type PadTouch struct {
	Pad      uint8
	N        uint8 // how many of Contacts count
	Age      Age   // of the newest change
	Contacts [2]input.Contact
}

// AppendPadTouch appends a PAD_TOUCH record to a datagram.
func AppendPadTouch(dst []byte, t PadTouch) []byte {
	n := min(int(t.N), len(t.Contacts))
	dst = append(dst, byte(RecordPadTouch), byte(padTouchSize+contactSize*n), t.Pad, byte(n))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t.Age))
	return appendContacts(dst, t.Contacts[:n])
}

// PadTouch reads a PAD_TOUCH record.
func (r Record) PadTouch() (t PadTouch, ok bool) {
	if r.Type != RecordPadTouch || !r.complete() {
		return PadTouch{}, false
	}
	t = PadTouch{Pad: r.Body[0], N: r.Body[1], Age: Age(binary.LittleEndian.Uint16(r.Body[2:]))}
	readContacts(t.Contacts[:t.N], r.Body[padTouchSize:])
	return t, true
}

// PadMotion is one sample of a pad's motion sensors; units and axes are those
// of input.PadMotion.
type PadMotion struct {
	Pad                    uint8
	Age                    Age // of the sample
	AccelX, AccelY, AccelZ int16
	GyroX, GyroY, GyroZ    int16
}

// AppendPadMotion appends a PAD_MOTION record to a datagram.
func AppendPadMotion(dst []byte, m PadMotion) []byte {
	dst = append(dst, byte(RecordPadMotion), padMotionSize, m.Pad, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(m.Age))
	for _, v := range [...]int16{m.AccelX, m.AccelY, m.AccelZ, m.GyroX, m.GyroY, m.GyroZ} {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(v))
	}
	return dst
}

// PadMotion reads a PAD_MOTION record.
func (r Record) PadMotion() (PadMotion, bool) {
	if r.Type != RecordPadMotion || !r.complete() {
		return PadMotion{}, false
	}
	v := func(at int) int16 { return int16(binary.LittleEndian.Uint16(r.Body[at:])) }
	return PadMotion{
		Pad: r.Body[0], Age: Age(binary.LittleEndian.Uint16(r.Body[2:])),
		AccelX: v(4), AccelY: v(6), AccelZ: v(8), GyroX: v(10), GyroY: v(12), GyroZ: v(14),
	}, true
}

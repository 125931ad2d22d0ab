package wire

import (
	"encoding/binary"
	"time"
)

// Rumble is how strongly a pad shakes from now on, 0 to 65535 each. It ends
// after TTL if it is not said again, so that a host that has gone leaves none.
type Rumble struct {
	Pad                       uint8
	Low, High                 uint16 // the heavy and the light motor
	LeftTrigger, RightTrigger uint16
	TTL                       time.Duration // whole ms, at most 65535
}

// AppendRumble appends a RUMBLE record to a datagram.
func AppendRumble(dst []byte, v Rumble) []byte {
	dst = append(dst, byte(RecordRumble), rumbleSize, v.Pad, 0)
	for _, u := range [...]uint16{v.Low, v.High, v.LeftTrigger, v.RightTrigger} {
		dst = binary.LittleEndian.AppendUint16(dst, u)
	}
	ttl := min(max(v.TTL.Milliseconds(), 0), 0xffff)
	return binary.LittleEndian.AppendUint16(dst, uint16(ttl))
}

// Rumble reads a RUMBLE record.
func (r Record) Rumble() (Rumble, bool) {
	if r.Type != RecordRumble || !r.complete() {
		return Rumble{}, false
	}
	b := r.Body
	return Rumble{
		Pad:          b[0],
		Low:          binary.LittleEndian.Uint16(b[2:]),
		High:         binary.LittleEndian.Uint16(b[4:]),
		LeftTrigger:  binary.LittleEndian.Uint16(b[6:]),
		RightTrigger: binary.LittleEndian.Uint16(b[8:]),
		TTL:          time.Duration(binary.LittleEndian.Uint16(b[10:])) * time.Millisecond,
	}, true
}

// RGB is the colour of a pad's light.
type RGB struct{ Pad, R, G, B uint8 }

// AppendRGB appends an RGB record to a datagram.
func AppendRGB(dst []byte, v RGB) []byte {
	return append(dst, byte(RecordRGB), rgbSize, v.Pad, v.R, v.G, v.B)
}

// RGB reads an RGB record.
func (r Record) RGB() (RGB, bool) {
	if r.Type != RecordRGB || !r.complete() {
		return RGB{}, false
	}
	return RGB{Pad: r.Body[0], R: r.Body[1], G: r.Body[2], B: r.Body[3]}, true
}

// Triggers is the resistance of a pad's adaptive triggers, in the pad's own
// words: a type and ten parameters. A side that is not set stays as it is.
type Triggers struct {
	Pad                 uint8
	SetLeft, SetRight   bool
	LeftType, RightType uint8
	Left, Right         [10]uint8
}

// AppendTriggers appends a TRIGGERS record to a datagram.
func AppendTriggers(dst []byte, v Triggers) []byte {
	dst = append(dst, byte(RecordTriggers), triggersSize, v.Pad, bit(v.SetLeft, 0)|bit(v.SetRight, 1), v.LeftType, v.RightType)
	return append(append(dst, v.Left[:]...), v.Right[:]...)
}

// Triggers reads a TRIGGERS record.
func (r Record) Triggers() (Triggers, bool) {
	if r.Type != RecordTriggers || !r.complete() {
		return Triggers{}, false
	}
	b := r.Body
	return Triggers{
		Pad: b[0], SetLeft: b[1]&1 != 0, SetRight: b[1]&2 != 0, LeftType: b[2], RightType: b[3],
		Left: [10]uint8(b[4:]), Right: [10]uint8(b[14:]),
	}, true
}

// MotionRate is how often the host wants PAD_MOTION of a pad.
type MotionRate struct {
	Pad   uint8
	Hertz uint16 // 0: not at all
}

// AppendMotionRate appends a MOTION_RATE record to a datagram.
func AppendMotionRate(dst []byte, v MotionRate) []byte {
	return binary.LittleEndian.AppendUint16(append(dst, byte(RecordMotionRate), motionRateSize, v.Pad, 0), v.Hertz)
}

// MotionRate reads a MOTION_RATE record.
func (r Record) MotionRate() (MotionRate, bool) {
	if r.Type != RecordMotionRate || !r.complete() {
		return MotionRate{}, false
	}
	return MotionRate{Pad: r.Body[0], Hertz: binary.LittleEndian.Uint16(r.Body[2:])}, true
}

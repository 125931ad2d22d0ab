package wire

import (
	"encoding/binary"
	"time"
)

// Ack tells the terminal which transitions the host has, and when it answered.
type Ack struct {
	Next uint32        // id of the transition that the host wants next
	Echo uint32        // Time of the datagram that this answers
	Hold time.Duration // how long the host had it, whole us
}

// AppendAck appends an ACK record to a datagram.
func AppendAck(dst []byte, a Ack) []byte {
	dst = append(dst, byte(RecordAck), ackSize)
	dst = binary.LittleEndian.AppendUint32(dst, a.Next)
	dst = binary.LittleEndian.AppendUint32(dst, a.Echo)
	hold := min(max(a.Hold.Microseconds(), 0), 1<<32-1)
	return binary.LittleEndian.AppendUint32(dst, uint32(hold))
}

// Ack reads an ACK record.
func (r Record) Ack() (Ack, bool) {
	if r.Type != RecordAck || !r.complete() {
		return Ack{}, false
	}
	return Ack{
		Next: binary.LittleEndian.Uint32(r.Body),
		Echo: binary.LittleEndian.Uint32(r.Body[4:]),
		Hold: time.Duration(binary.LittleEndian.Uint32(r.Body[8:])) * time.Microsecond,
	}, true
}

// Bits of LEDs.Lit, in the order of the HID LED page.
const (
	LEDNum = 1 << iota
	LEDCaps
	LEDScroll
	LEDCompose
	LEDKana
)

// LEDs is which lamps the host wants lit on keyboards. The host owns the
// state of the locks; the terminal only shows it.
type LEDs struct {
	Device uint8 // 0: all keyboards
	Lit    uint8
}

// AppendLEDs appends a LEDS record to a datagram.
func AppendLEDs(dst []byte, l LEDs) []byte {
	return append(dst, byte(RecordLEDs), ledsSize, l.Device, l.Lit, 0, 0)
}

// LEDs reads a LEDS record.
func (r Record) LEDs() (LEDs, bool) {
	if r.Type != RecordLEDs || !r.complete() {
		return LEDs{}, false
	}
	return LEDs{Device: r.Body[0], Lit: r.Body[1]}, true
}

// PointerAt is where the host's own pointer is. The newest datagram that says
// so counts.
type PointerAt struct {
	Screen  uint8  // which of the host's screens
	Visible bool   // false: it is over none of them, or there is none
	Age     Age    // of its newest motion
	X, Y    uint16 // of the hot-spot, as in PointerAbs
	Shape   uint32 // serial of the CURSOR that it looks like; 0: not known
}

// AppendPointerAt appends a POINTER_AT record to a datagram.
func AppendPointerAt(dst []byte, p PointerAt) []byte {
	dst = append(dst, byte(RecordPointerAt), pointerAtSize, p.Screen, bit(p.Visible, 0))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Age))
	dst = binary.LittleEndian.AppendUint16(dst, p.X)
	dst = binary.LittleEndian.AppendUint16(dst, p.Y)
	return binary.LittleEndian.AppendUint32(dst, p.Shape)
}

// PointerAt reads a POINTER_AT record.
func (r Record) PointerAt() (PointerAt, bool) {
	if r.Type != RecordPointerAt || !r.complete() {
		return PointerAt{}, false
	}
	b := r.Body
	return PointerAt{
		Screen:  b[0],
		Visible: b[1]&1 != 0,
		Age:     Age(binary.LittleEndian.Uint16(b[2:])),
		X:       binary.LittleEndian.Uint16(b[4:]),
		Y:       binary.LittleEndian.Uint16(b[6:]),
		Shape:   binary.LittleEndian.Uint32(b[8:]),
	}, true
}

package wire

import "encoding/binary"

// MaxPads is how many game pads a terminal can have: numbers 0 to 15.
const MaxPads = 16

// Pad is the whole state of a game pad. Only the newest means anything, so a
// lost datagram loses nothing that a later one does not say again.
type Pad struct {
	Pad       uint8  // its number, below MaxPads, for as long as it is plugged in
	Connected bool   // false: it was unplugged
	Age       Age    // of its newest change
	Buttons   uint32 // bits of input.PadSouth and so on
	// Sticks, -32767 to 32767, right and down (-32768 counts as -32767).
	LeftX, LeftY, RightX, RightY int16
	// Triggers, 0 to 65535.
	LeftTrigger, RightTrigger uint16
}

// Rest returns p with nothing pressed and nothing moved.
func (p Pad) Rest() Pad { return Pad{Pad: p.Pad, Connected: p.Connected} }

// AppendPad appends a PAD record to a datagram.
func AppendPad(dst []byte, p Pad) []byte {
	dst = append(dst, byte(RecordPad), padSize, p.Pad, bit(p.Connected, 0))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Age))
	dst = binary.LittleEndian.AppendUint32(dst, p.Buttons)
	for _, v := range [...]int16{p.LeftX, p.LeftY, p.RightX, p.RightY} {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(v))
	}
	dst = binary.LittleEndian.AppendUint16(dst, p.LeftTrigger)
	return binary.LittleEndian.AppendUint16(dst, p.RightTrigger)
}

// Pad reads a PAD record.
func (r Record) Pad() (Pad, bool) {
	if r.Type != RecordPad || !r.complete() {
		return Pad{}, false
	}
	b := r.Body
	stick := func(at int) int16 { return max(int16(binary.LittleEndian.Uint16(b[at:])), -32767) }
	return Pad{
		Pad:          b[0],
		Connected:    b[1]&1 != 0,
		Age:          Age(binary.LittleEndian.Uint16(b[2:])),
		Buttons:      binary.LittleEndian.Uint32(b[4:]),
		LeftX:        stick(8),
		LeftY:        stick(10),
		RightX:       stick(12),
		RightY:       stick(14),
		LeftTrigger:  binary.LittleEndian.Uint16(b[16:]),
		RightTrigger: binary.LittleEndian.Uint16(b[18:]),
	}, true
}

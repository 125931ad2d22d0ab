package edid

import "math"

// Source is the kind of block that a timing comes from.
type Source uint8

// Sources.
const (
	FromBase Source = iota
	FromCTA
	FromDisplayID
	FromVIC // the table of CTA-861
)

// Timing is one detailed timing. Of an interlaced one VActive counts the lines
// of a whole frame and all other vertical fields those of one field, to whose
// blanking half a line is added (CTA-861, as edid-decode says it).
type Timing struct {
	Clock                          uint32 // of pixels, kHz
	HActive, HFront, HSync, HBlank int    // pixels; HBlank is front porch, sync, back porch and borders
	VActive, VFront, VSync, VBlank int    // lines, likewise
	HBorder, VBorder               int    // on each side, inside the blanking; 0 but in old ones
	HPositive, VPositive           bool   // polarity of the sync pulses
	Interlaced                     bool
	EvenTotal                      bool // interlaced without the half lines (VIC 39)
	WidthMM, HeightMM              int  // of the picture; 0: not said
	Source                         Source
	Preferred                      bool
}

// HBack is the back porch, pixels; negative in a timing that is not Valid.
func (t Timing) HBack() int { return t.HBlank - t.HFront - t.HSync - 2*t.HBorder }

// VBack is the back porch, lines; negative in a timing that is not Valid.
func (t Timing) VBack() int { return t.VBlank - t.VFront - t.VSync - 2*t.VBorder }

// Valid says whether a display engine could make the timing at all.
func (t Timing) Valid() bool {
	return t.Clock > 0 && t.HActive > 0 && t.VActive > 0 && t.HSync > 0 && t.VSync > 0 &&
		t.HFront >= 0 && t.VFront >= 0 && t.HBack() >= 0 && t.VBack() >= 0
}

// Lines is the count of all lines of a frame.
func (t Timing) Lines() int {
	switch {
	case t.Interlaced && t.EvenTotal:
		return t.VActive + 2*t.VBlank
	case t.Interlaced: // half a line more in each field
		return t.VActive + 2*t.VBlank + 1
	}
	return t.VActive + t.VBlank
}

// MilliHz is the rate of fields, rounded, in 1/1000 Hz; 0 for none.
func (t Timing) MilliHz() uint32 {
	pixels := uint64(t.HActive+t.HBlank) * uint64(t.Lines())
	if pixels == 0 {
		return 0
	}
	clock := uint64(t.Clock) * 1_000_000
	if t.Interlaced {
		clock *= 2
	}
	return uint32(min((clock+pixels/2)/pixels, math.MaxUint32))
}

// Size is a timing said by its size and rate alone.
type Size struct {
	Width, Height int // pixels
	Hz            int // rounded
	Interlaced    bool
}

// detailed reads an 18-byte detailed timing (E-EDID A2, 3.10.2).
func detailed(d []byte, from Source) Timing {
	t := Timing{
		Source:    from,
		Clock:     10 * (uint32(d[0]) | uint32(d[1])<<8),
		HActive:   int(d[2]) | int(d[4]&0xf0)<<4,
		HBlank:    int(d[3]) | int(d[4]&0x0f)<<8,
		VActive:   int(d[5]) | int(d[7]&0xf0)<<4,
		VBlank:    int(d[6]) | int(d[7]&0x0f)<<8,
		HFront:    int(d[8]) | int(d[11]&0xc0)<<2,
		HSync:     int(d[9]) | int(d[11]&0x30)<<4,
		VFront:    int(d[10]>>4) | int(d[11]&0x0c)<<2,
		VSync:     int(d[10]&0x0f) | int(d[11]&0x03)<<4,
		WidthMM:   int(d[12]) | int(d[14]&0xf0)<<4,
		HeightMM:  int(d[13]) | int(d[14]&0x0f)<<8,
		HBorder:   int(d[15]),
		VBorder:   int(d[16]),
		HPositive: d[17]&0x12 == 0x12, // else bit 1 means another thing
		VPositive: d[17]&0x18 == 0x18 && d[17]&0x04 != 0,
	}
	if d[17]&0x80 != 0 {
		t.Interlaced = true
		t.VActive *= 2
	}
	return t
}

// Package barcode puts a frame's number and birth time into the picture
// itself, as blocks that survive coding, 4:2:0 and scaling, and reads them
// back. It is how tests know which picture a person would be looking at, and
// how old it is, without believing anything else the programs say.
//
// The code is a grid of 16x8 black and white cells with a black border of one
// cell. Its place and size are fractions of the picture ([Area]), so a reader
// needs the picture's size and nothing else; it is not searched for. The 128
// bits, row by row, most significant bit first, white is one:
//
//	u8 mark 0xB5, u8 screen, u32 frame, u64 capture time (Unix ns), u16 CRC
//
// big endian, CRC-16/CCITT-FALSE over the 14 bytes before it.
//
// A marker ([DrawMarker]) is a second, smaller code in a place of its own. It
// carries a number that the terminal chose, so that the way from an input to
// the picture that shows it can be measured. The package does no I/O, starts nothing, and writing and reading frames does not allocate.
package barcode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"time"
)

// Errors that readers return, wrapped with what was seen.
var (
	ErrNoBarcode = errors.New("no barcode in the picture")
	ErrChecksum  = errors.New("barcode is damaged")
)

// Payload is what the code carries.
type Payload struct {
	Frame    uint32    // the picture's number
	Captured time.Time // when it was drawn; to the nanosecond, no time zone
	Screen   uint8     // which screen it is of
}

// The grid that places the code: the picture is 80x45 units, so a unit is a
// square in a 16:9 picture.
const (
	unitsX, unitsY = 80, 45
	cols, rows     = 16, 8
	left, top      = 61, 34 // first cell; the border is the unit around
)

// Smallest picture that holds a readable code: two pixels a cell.
const (
	MinWidth  = 2 * unitsX
	MinHeight = 2 * unitsY
)

const (
	mark    = 0xb5
	size    = cols * rows / 8
	crcFrom = size - 2
)

// Area returns where the code is in a picture of the given size, border included.
func Area(width, height int) image.Rectangle {
	return image.Rect(edge(left-1, width, unitsX), edge(top-1, height, unitsY),
		edge(left+cols+1, width, unitsX), edge(top+rows+1, height, unitsY))
}

// edge returns the pixel at which a unit begins.
func edge(unit, pixels, units int) int { return (unit*pixels + units/2) / units }

func (p Payload) encode() (b [size]byte) {
	b[0], b[1] = mark, p.Screen
	binary.BigEndian.PutUint32(b[2:], p.Frame)
	binary.BigEndian.PutUint64(b[6:], uint64(p.Captured.UnixNano()))
	binary.BigEndian.PutUint16(b[crcFrom:], crc16(b[:crcFrom]))
	return b
}

func decode(b [size]byte) (Payload, error) {
	if b[0] != mark {
		return Payload{}, fmt.Errorf("%w: mark is %#02x instead of %#02x", ErrNoBarcode, b[0], mark)
	}
	want := binary.BigEndian.Uint16(b[crcFrom:])
	if got := crc16(b[:crcFrom]); got != want {
		return Payload{}, fmt.Errorf("%w: its bits sum to %04x, its checksum says %04x", ErrChecksum, got, want)
	}
	return Payload{
		Screen:   b[1],
		Frame:    binary.BigEndian.Uint32(b[2:]),
		Captured: time.Unix(0, int64(binary.BigEndian.Uint64(b[6:]))),
	}, nil
}

// crc16 is CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff.
func crc16(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, v := range b {
		crc ^= uint16(v) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

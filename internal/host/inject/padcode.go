package inject

import (
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Codes of linux/input-event-codes.h that a game pad has.
const (
	btnA      = 0x130
	btnB      = 0x131
	btnX      = 0x133
	btnY      = 0x134
	btnTL     = 0x136
	btnTR     = 0x137
	btnSelect = 0x13a
	btnStart  = 0x13b
	btnMode   = 0x13c
	btnThumbL = 0x13d
	btnThumbR = 0x13e

	absZ     = 0x02
	absRX    = 0x03
	absRY    = 0x04
	absRZ    = 0x05
	absHat0X = 0x10
	absHat0Y = 0x11
)

// maxTrigger is what the kernel's driver of the pad that ours looks like gives.
const maxTrigger = 255

// padButton pairs a bit of [wire.Pad] with a code.
type padButton struct {
	bit  uint
	code uint16
}

// padButtons is the layout of the kernel's xpad, which every program knows: its
// X is what the kernel calls north by name, and is west by place.
func padButtons() []padButton {
	return []padButton{
		{input.PadSouth, btnA},
		{input.PadEast, btnB},
		{input.PadWest, btnX},
		{input.PadNorth, btnY},
		{input.PadLeftShoulder, btnTL},
		{input.PadRightShoulder, btnTR},
		{input.PadSelect, btnSelect},
		{input.PadStart, btnStart},
		{input.PadGuide, btnMode},
		{input.PadLeftStick, btnThumbL},
		{input.PadRightStick, btnThumbR},
	}
}

// padAxis is a range of values that a pad has.
type padAxis struct {
	code       uint16
	low, high  int32
	fuzz, flat int32
}

// padAxes is the same for sticks, triggers and the cross.
func padAxes() []padAxis {
	stick := func(code uint16) padAxis { return padAxis{code, -32768, 32767, 16, 128} }
	return []padAxis{
		stick(absX), stick(absY), stick(absRX), stick(absRY),
		{absZ, 0, maxTrigger, 0, 0},
		{absRZ, 0, maxTrigger, 0, 0},
		{absHat0X, -1, 1, 0, 0},
		{absHat0Y, -1, 1, 0, 0},
	}
}

// padEvents calls add with the state of p, one event for each button and axis.
func padEvents(p wire.Pad, buttons []padButton, add func(kind, code uint16, value int32)) {
	held := func(bit uint) int32 { return int32(p.Buttons >> bit & 1) }
	for _, b := range buttons {
		add(evKey, b.code, held(b.bit))
	}
	add(evAbs, absX, int32(p.LeftX))
	add(evAbs, absY, int32(p.LeftY))
	add(evAbs, absRX, int32(p.RightX))
	add(evAbs, absRY, int32(p.RightY))
	add(evAbs, absZ, int32(p.LeftTrigger)*maxTrigger/65535)
	add(evAbs, absRZ, int32(p.RightTrigger)*maxTrigger/65535)
	add(evAbs, absHat0X, held(input.PadRight)-held(input.PadLeft))
	add(evAbs, absHat0Y, held(input.PadDown)-held(input.PadUp))
}

// Package input holds the noun for what a person does: [Event], one change of
// one device, in units that no operating system and no keyboard layout can
// bend. Keys and buttons are USB HID usages (HID Usage Tables 1.5), so a key
// is a place on the keyboard; layouts are the host's business. It does no I/O.
package input

import (
	"fmt"
	"time"
)

// Usage is a HID usage: page in the high 16 bits, identifier in the low 16,
// as the kernel's MSC_SCAN reports it.
type Usage uint32

// Usage pages that the product carries (HID Usage Tables 1.5, section 3).
const (
	PageSystem   = 0x01 // generic desktop: system power, sleep, wake
	PageKeyboard = 0x07
	PageButton   = 0x09 // 1 left, 2 right, 3 middle, 4 back, 5 forward
	PageConsumer = 0x0c // media and application keys
	// PageMarker is of this product (vendor-defined, HID Usage Tables 1.5,
	// 3): no device has it and no operating system is given it. Pressing one
	// of its usages makes the host show that number in its pictures, so that
	// the time from input to picture can be measured.
	PageMarker = 0xff4d
)

// MaxMarker is the highest number of a marker: the wire has 13 bits for it.
const MaxMarker = 1<<13 - 1

// Marker returns the usage of a marker; id is cut to 13 bits.
func Marker(id uint16) Usage { return Usage(PageMarker)<<16 | Usage(id&MaxMarker) }

// Mouse buttons. The numbers are HID's: 2 is the right button.
const (
	ButtonLeft    = Usage(PageButton<<16 | 1)
	ButtonRight   = Usage(PageButton<<16 | 2)
	ButtonMiddle  = Usage(PageButton<<16 | 3)
	ButtonBack    = Usage(PageButton<<16 | 4)
	ButtonForward = Usage(PageButton<<16 | 5)
)

// Page returns the usage page.
func (u Usage) Page() uint16 { return uint16(u >> 16) }

// ID returns the usage inside its page.
func (u Usage) ID() uint16 { return uint16(u) }

// String returns page:id in hexadecimal, as the usage tables print it.
func (u Usage) String() string { return fmt.Sprintf("%02x:%04x", u.Page(), u.ID()) }

// Kind says which fields of an Event mean something.
type Kind uint8

// Kinds of event.
const (
	KindKey      Kind = iota + 1 // Usage, Down: a key or a mouse button
	KindMotion                   // DX, DY: relative motion in device counts
	KindAbsolute                 // Screen, X, Y: position over a screen's picture
	KindWheel                    // DX, DY: 1/120 of a detent; DY > 0 away from the person, DX > 0 to the right
)

// Event is one change of one device.
type Event struct {
	Kind   Kind
	Down   bool
	Device uint8     // small number of the device, 0 where nobody tells devices apart
	Screen uint8     // which screen X and Y are over
	X, Y   uint16    // 0..65535 over the picture, left to right, top to bottom
	DX, DY int32     //
	Usage  Usage     //
	Time   time.Time // when the kernel, or failing that the window system, had it
}

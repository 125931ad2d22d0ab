package evdev

import (
	"math/bits"
	"time"
)

// Event is the kernel's struct input_event.
type Event struct {
	Type, Code uint16
	Value      int32
	Time       time.Duration // CLOCK_MONOTONIC; see [Device.Time]
}

// Types of event (linux/input-event-codes.h).
const (
	Syn       = 0x00
	Key       = 0x01
	Rel       = 0x02
	Abs       = 0x03
	Msc       = 0x04
	Switch    = 0x05
	LED       = 0x11
	Feedback  = 0x15 // EV_FF
	typeCount = 0x20
)

// Codes of EV_SYN.
const (
	SynReport  = 0
	SynDropped = 3
)

// Numbers of codes of the types (KEY_CNT and so on).
const (
	keyCount      = 0x300
	relCount      = 0x10
	absCount      = 0x40
	mscCount      = 0x08
	switchCount   = 0x11
	ledCount      = 0x10
	feedbackCount = 0x80
	propCount     = 0x20
)

// Set is a set of codes below 0x300.
type Set [keyCount / 64]uint64

// Has reports whether code is in the set.
func (s *Set) Has(code uint16) bool {
	return code < keyCount && s[code/64]&(1<<(code%64)) != 0
}

// Add puts code into the set, which ignores what is too high for any.
func (s *Set) Add(code uint16) {
	if code < keyCount {
		s[code/64] |= 1 << (code % 64)
	}
}

// Remove takes code out.
func (s *Set) Remove(code uint16) {
	if code < keyCount {
		s[code/64] &^= 1 << (code % 64)
	}
}

// Len returns how many codes are in the set.
func (s *Set) Len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// All calls f with every code, ascending, until f returns false.
func (s *Set) All(f func(code uint16) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !f(uint16(i*64 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}

// Caps is what a device can do, by type of event, and its properties.
type Caps struct {
	Types, Keys, Rel, Abs, Msc, LEDs, Feedback, Switches, Props Set
}

// Axis is an absolute axis (struct input_absinfo).
type Axis struct {
	Code                                    uint16
	Value, Min, Max, Fuzz, Flat, Resolution int32
}

// Info is what a device is. Its texts are the device's own, made printable and
// at most 128 bytes long.
type Info struct {
	Path string // /dev/input/event3
	Name string
	Phys string // where it is plugged in, such as usb-0000:00:14.0-2/input0; "" for some
	Uniq string // what only this one has, such as a Bluetooth address; "" for most

	Bus, Vendor, Product, Version uint16

	Caps Caps
	Axes []Axis // ascending by code
}

// Axis returns an absolute axis.
func (i *Info) Axis(code uint16) (a Axis, ok bool) {
	for _, a := range i.Axes {
		if a.Code == code {
			return a, true
		}
	}
	return Axis{}, false
}

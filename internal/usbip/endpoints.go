package usbip

import (
	"errors"
	"fmt"
)

// MaxDescriptors bounds a device's descriptors, in bytes: eight
// configurations of the longest kind that is met.
const MaxDescriptors = 64 << 10

// Descriptor types and lengths (USB 2.0, 9.4 table 9-5, 9.6).
const (
	typeDevice   = 1
	typeEndpoint = 5
	deviceSize   = 18
	endpointSize = 7
)

// Endpoints is what endpoints a device has, in any of its settings. Bit n is
// endpoint n.
type Endpoints struct {
	In, Out       uint16
	IsoIn, IsoOut uint16 // of those, the isochronous
}

// ParseDescriptors reads what Linux has of a device in sysfs, "descriptors":
// the device's own and those of every configuration, one behind the other.
// A device with an endpoint that is isochronous in one setting and not in
// another is refused with [errors.ErrUnsupported]: how its messages end could
// not be told without following its settings.
func ParseDescriptors(b []byte) (Endpoints, error) {
	var e Endpoints
	if len(b) < deviceSize || len(b) > MaxDescriptors || b[1] != typeDevice {
		return e, fmt.Errorf("%d bytes are no descriptors of a USB device", len(b))
	}
	var otherIn, otherOut uint16
	for len(b) > 0 {
		n := int(b[0])
		if n < 2 || n > len(b) {
			return e, errors.New("a USB descriptor goes over the end")
		}
		if b[1] == typeEndpoint && n >= endpointSize {
			e.add(b[2], b[3], &otherIn, &otherOut)
		}
		b = b[n:]
	}
	if e.IsoIn&otherIn != 0 || e.IsoOut&otherOut != 0 {
		return e, fmt.Errorf("an endpoint that is isochronous only at times: %w", errors.ErrUnsupported)
	}
	return e, nil
}

// add takes one endpoint's address and attributes (USB 2.0, 9.6.6).
func (e *Endpoints) add(address, attributes uint8, otherIn, otherOut *uint16) {
	bit := uint16(1) << (address & 0xf)
	kind := attributes & 3
	if address&0xf == 0 || kind == 0 {
		return // control; a second control endpoint has never been met
	}
	all, iso, other := &e.Out, &e.IsoOut, otherOut
	if address&0x80 != 0 {
		all, iso, other = &e.In, &e.IsoIn, otherIn
	}
	*all |= bit
	if kind == 1 {
		*iso |= bit
	} else {
		*other |= bit
	}
}

// has says whether there is that endpoint, 1 to 15, and whether it is
// isochronous.
func (e *Endpoints) has(endpoint uint32, in bool) (ok, iso bool) {
	bit := uint16(1) << endpoint
	if in {
		return e.In&bit != 0, e.IsoIn&bit != 0
	}
	return e.Out&bit != 0, e.IsoOut&bit != 0
}

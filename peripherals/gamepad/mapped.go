package gamepad

import (
	"math"
	"slices"

	"github.com/blade-shadow/terminal/internal/input"
)

// Codes by which SDL numbers a device's buttons, axes and hats (its Linux
// joystick driver): buttons from BTN_JOYSTICK up, then those below; axes in the
// order of their codes, without hats; hats in pairs, where they are digital.
const (
	btnJoystick = 0x120
	absHat3Y    = 0x17
	absMax      = 0x3f
)

// mapped is a pad that a mapping explains.
type mapped struct {
	buttons map[uint16][]item // by code
	axes    [absMax + 1][]item
	hats    [4][]item
	ranges  [absMax + 1]Axis
	hat     [absHat3Y - absHat0X + 1]int8 // -1, 0 or 1
	isHat   [4]bool
	// What each axis of the pad is made of: one whole, or two halves.
	parts [rightTrigger + 1][3]int32 // by half + 1; -32767..32767 or 0..65535
}

// newMapped connects a mapping with what the device has.
func newMapped(d *Device, items []item) *mapped {
	m := &mapped{buttons: make(map[uint16][]item)}
	byNumber := sdlButtons(d.Keys)
	var axes []uint16
	known := map[uint16]Axis{}
	for _, a := range d.Axes {
		if _, twice := known[a.Code]; !twice && a.Code <= absMax {
			known[a.Code] = a
		}
	}
	for h := range m.isHat {
		x, hasX := known[uint16(absHat0X+2*h)]
		y, hasY := known[uint16(absHat0X+2*h+1)]
		m.isHat[h] = (hasX || hasY) && (!hasX || digital(x)) && (!hasY || digital(y))
	}
	for code := range uint16(absMax + 1) {
		if a, ok := known[code]; ok {
			m.ranges[code] = a
			if code < absHat0X || code > absHat3Y || !m.isHat[(code-absHat0X)/2] {
				axes = append(axes, code)
			}
		}
	}
	var hats []int
	for h, is := range m.isHat {
		if is {
			hats = append(hats, h)
		}
	}
	for _, it := range items {
		n := int(it.number)
		switch {
		case it.from == fromButton && n < len(byNumber):
			m.buttons[byNumber[n]] = append(m.buttons[byNumber[n]], it)
		case it.from == fromAxis && n < len(axes):
			m.axes[axes[n]] = append(m.axes[axes[n]], it)
		case it.from == fromHat && n < len(hats):
			m.hats[hats[n]] = append(m.hats[hats[n]], it)
		}
	}
	return m
}

// sdlButtons returns the codes of buttons by SDL's numbers.
func sdlButtons(keys []uint16) []uint16 {
	sorted := slices.Compact(slices.Sorted(slices.Values(keys)))
	at, _ := slices.BinarySearch(sorted, btnJoystick)
	return slices.Concat(sorted[at:], sorted[:at])
}

// digital says whether a hat's axis is one of a cross.
func digital(a Axis) bool { return a.Min >= -1 && a.Max <= 1 }

// key takes a button of the device.
func (m *mapped) key(p *input.Pad, code uint16, down bool) {
	for _, it := range m.buttons[code] {
		m.set(p, it, down, full(down))
	}
}

// abs takes an axis of the device.
func (m *mapped) abs(p *input.Pad, code uint16, v int32) {
	if code >= absHat0X && code <= absHat3Y && m.isHat[(code-absHat0X)/2] {
		m.cross(p, code, v)
		return
	}
	if code > absMax {
		return
	}
	a := m.ranges[code]
	if a.Min >= a.Max {
		return
	}
	for _, it := range m.axes[code] {
		at := int32(stick(a, v))
		if it.invert {
			at = -at
		}
		// How far it is pressed, as far as the mapping looks at it.
		pressed := uint16(max(at, 0) * 2)
		switch it.half {
		case whole:
			pressed = uint16(at + math.MaxInt16)
			if it.button < 0 && it.side == whole && it.axis < leftTrigger {
				m.put(p, it.axis, whole, at)
				continue
			}
		case negative:
			pressed = uint16(max(-at, 0) * 2)
		}
		if pressed == math.MaxUint16-1 {
			pressed++ // twice 32767
		}
		m.set(p, it, pressed > math.MaxUint16/2, pressed)
	}
}

// cross takes one direction of a hat.
func (m *mapped) cross(p *input.Pad, code uint16, v int32) {
	n := (code - absHat0X) / 2
	m.hat[code-absHat0X] = int8(min(max(v, -1), 1))
	x, y := m.hat[2*n], m.hat[2*n+1]
	mask := uint8(0)
	for bit, on := range [...]bool{y < 0, x > 0, y > 0, x < 0} {
		if on {
			mask |= 1 << bit
		}
	}
	for _, it := range m.hats[n] {
		on := mask&it.mask != 0
		m.set(p, it, on, full(on))
	}
}

// set makes a button of the pad down, or an axis as far as pressed.
func (m *mapped) set(p *input.Pad, it item, down bool, pressed uint16) {
	if it.button >= 0 {
		if down {
			p.Buttons |= 1 << it.button
		} else {
			p.Buttons &^= 1 << it.button
		}
		return
	}
	if it.axis >= leftTrigger {
		m.put(p, it.axis, whole, int32(pressed))
		return
	}
	side := it.side
	if side == whole {
		side = positive
	}
	m.put(p, it.axis, side, int32(side)*int32(pressed/2))
}

// put adds up what an axis of the pad is made of.
func (m *mapped) put(p *input.Pad, axis target, h half, v int32) {
	parts := &m.parts[axis]
	parts[h+1] = v
	sum := parts[0] + parts[1] + parts[2]
	at := int16(min(max(sum, -math.MaxInt16), math.MaxInt16))
	switch axis {
	case leftX:
		p.LeftX = at
	case leftY:
		p.LeftY = at
	case rightX:
		p.RightX = at
	case rightY:
		p.RightY = at
	case leftTrigger:
		p.LeftTrigger = uint16(min(max(sum, 0), math.MaxUint16))
	case rightTrigger:
		p.RightTrigger = uint16(min(max(sum, 0), math.MaxUint16))
	}
}

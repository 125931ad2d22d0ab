package evdev

import (
	"encoding/binary"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// effect is struct ff_effect of linux/input.h on 64-bit machines.
type effect [48]byte

// Kinds of effect and what else EV_FF sets (linux/input-event-codes.h).
const (
	ffRumble     = 0x50
	ffPeriodic   = 0x51
	ffConstant   = 0x52
	ffSpring     = 0x53
	ffFriction   = 0x54
	ffDamper     = 0x55
	ffInertia    = 0x56
	ffRamp       = 0x57
	ffSquare     = 0x58 // the first of five waves
	ffGain       = 0x60
	ffAutocentre = 0x61

	waves = 5
)

// kindCodes is the kernel's code of each kind of effect on the wire.
func kindCode(kind uint8) (code uint16, ok bool) {
	codes := [...]uint16{
		wire.FFConstant: ffConstant, wire.FFRamp: ffRamp, wire.FFPeriodic: ffPeriodic, wire.FFSpring: ffSpring,
		wire.FFDamper: ffDamper, wire.FFFriction: ffFriction, wire.FFInertia: ffInertia,
	}
	if int(kind) >= len(codes) {
		return 0, false
	}
	return codes[kind], true
}

// EffectKinds returns the kinds of effect that a device can play, bit n for
// kind n of the wire (FF_EFFECT).
func (c *Caps) EffectKinds() (kinds uint32) {
	for k := range uint8(wire.FFInertia + 1) {
		if code, ok := kindCode(k); ok && c.Feedback.Has(code) {
			kinds |= 1 << k
		}
	}
	return kinds
}

// CanRumble reports whether a device has motors that rumble. The kernel makes
// rumble of a sine where there is only that.
func (c *Caps) CanRumble() bool {
	return c.Feedback.Has(ffRumble) || c.Feedback.Has(ffPeriodic)
}

func (e *effect) put(at int, v ...uint16) {
	for i, x := range v {
		binary.NativeEndian.PutUint16(e[at+2*i:], x)
	}
}

// encode makes an effect of the kernel, of one on the wire. id is the kernel's,
// -1 for a new one.
func (e *effect) encode(w *wire.FFEffect, id int16) bool {
	code, ok := kindCode(w.Kind)
	if !ok {
		return false
	}
	*e = effect{}
	e.put(0, code, uint16(id), w.Direction)
	e.put(10, w.Length, w.Delay)
	envelope := []uint16{w.AttackLength, min(w.AttackLevel, 0x7fff), w.FadeLength, min(w.FadeLevel, 0x7fff)}
	switch code {
	case ffConstant:
		e.put(16, uint16(w.Level))
		e.put(18, envelope...)
	case ffRamp:
		e.put(16, uint16(w.Level), uint16(w.End))
		e.put(20, envelope...)
	case ffPeriodic:
		if w.Wave >= waves {
			return false
		}
		e.put(16, ffSquare+uint16(w.Wave), w.Period, uint16(w.Level), uint16(w.Offset), w.Phase)
		e.put(26, envelope...)
	default:
		for i, c := range w.Axes {
			e.put(16+12*i, c.RightSaturation, c.LeftSaturation, uint16(c.RightCoeff), uint16(c.LeftCoeff), c.Deadband, uint16(c.Centre))
		}
	}
	return true
}

// encodeRumble makes a rumble of two motors that ends by itself after ttl, at
// most half a minute.
func (e *effect) encodeRumble(low, high uint16, ttl time.Duration, id int16) {
	*e = effect{}
	e.put(0, ffRumble, uint16(id))
	e.put(10, uint16(min(ttl.Milliseconds(), 0x7fff)))
	e.put(16, low, high)
}

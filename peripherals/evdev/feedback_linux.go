package evdev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/wire"
)

// How many effects a host may have on a device, and how many of its wishes may
// wait.
const (
	maxEffects = 64
	maxWishes  = 64
)

// feedback is what a device is to feel and show. Writing to a device can block
// for as long as its cable takes, so that a goroutine of its own does it, with
// the newest of each.
type feedback struct {
	wish chan struct{} // capacity 1, never closed; full means that RunFeedback will look anyway

	// Behind Device.outMu.
	rumble  rumble
	leds    uint8
	ledsNew bool
	effects []wire.FFEffect // in order, at most maxWishes

	// Owned by RunFeedback.
	ids     [maxEffects]int16 // of the kernel, -1: none
	shakeID int16
}

type rumble struct {
	low, high uint16
	ttl       time.Duration
	fresh     bool
}

func (f *feedback) init() {
	f.wish = make(chan struct{}, 1)
	f.shakeID = -1
	for i := range f.ids {
		f.ids[i] = -1
	}
}

func (d *Device) wished() {
	select {
	case d.feedback.wish <- struct{}{}:
	default:
	}
}

// Rumble has the motors turn for ttl at most, low the heavy one and high the
// light one, each of 65535; the newest wins. Motors of triggers that a driver
// does not tell apart are the caller's to add.
func (d *Device) Rumble(low, high uint16, ttl time.Duration) {
	d.outMu.Lock()
	d.feedback.rumble = rumble{low, high, ttl, true}
	d.outMu.Unlock()
	d.wished()
}

// SetLEDs lights a keyboard's lamps, bit n for the kernel's LED n, which is
// how wire.LEDNum and so on count.
func (d *Device) SetLEDs(lit uint8) {
	d.outMu.Lock()
	d.feedback.leds, d.feedback.ledsNew = lit, true
	d.outMu.Unlock()
	d.wished()
}

// Effect does what a host wants of a wheel's or joystick's force feedback.
// EBUSY: the device is so slow that too many wishes wait.
func (d *Device) Effect(e wire.FFEffect) error {
	d.outMu.Lock()
	defer d.outMu.Unlock()
	f := &d.feedback
	// An update of an effect replaces one that waits: only the newest counts.
	if n := len(f.effects); n > 0 && e.Op == wire.FFUpload && f.effects[n-1].Op == wire.FFUpload && f.effects[n-1].ID == e.ID {
		f.effects[n-1] = e
		return nil
	}
	if len(f.effects) == maxWishes {
		return fmt.Errorf("%s: force feedback: %w", d.info.Path, unix.EBUSY)
	}
	f.effects = append(f.effects, e)
	d.wished()
	return nil
}

// RunFeedback drives lamps, rumble and force feedback until ctx ends, which
// returns nil, or the device does. What the device refuses is left out. At
// the end all is still. A device that may not be written to has none:
// errors.ErrUnsupported.
func (d *Device) RunFeedback(ctx context.Context) error {
	if !d.write {
		return fmt.Errorf("%s: no permission to write, so no lamps and no rumble: %w", d.info.Path, errors.ErrUnsupported)
	}
	defer d.still()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.feedback.wish:
		}
		for {
			more, err := d.fulfil()
			if err != nil {
				return d.named("feedback", err)
			}
			if !more {
				break
			}
		}
	}
}

// fulfil does one wish and reports whether there was one. Only the end of the
// device is an error.
func (d *Device) fulfil() (more bool, err error) {
	f := &d.feedback
	d.outMu.Lock()
	r, leds, ledsNew := f.rumble, f.leds, f.ledsNew
	f.rumble.fresh, f.ledsNew = false, false
	var e wire.FFEffect
	if more = len(f.effects) > 0; more {
		e = f.effects[0]
		f.effects = f.effects[:copy(f.effects, f.effects[1:])]
	}
	d.outMu.Unlock()
	if r.fresh {
		err = d.shake(r)
	}
	if ledsNew {
		err = errors.Join(err, d.light(leds))
	}
	if more {
		err = errors.Join(err, d.apply(&e))
	}
	if errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrClosed) {
		return false, err
	}
	return more, nil
}

func (d *Device) shake(r rumble) error {
	f := &d.feedback
	if !d.info.Caps.CanRumble() {
		return nil
	}
	if r.low == 0 && r.high == 0 {
		if f.shakeID < 0 {
			return nil
		}
		return d.emit(Feedback, uint16(f.shakeID), 0)
	}
	var e effect
	e.encodeRumble(r.low, r.high, r.ttl, f.shakeID)
	id, err := d.kernel.upload(&e)
	if err != nil {
		return err
	}
	f.shakeID = id
	return d.emit(Feedback, uint16(id), 1)
}

func (d *Device) light(lit uint8) (err error) {
	d.info.Caps.LEDs.All(func(code uint16) bool {
		if code < 8 {
			err = d.emit(LED, code, int32(lit>>code&1))
		}
		return err == nil
	})
	return err
}

func (d *Device) apply(w *wire.FFEffect) error {
	f := &d.feedback
	switch w.Op {
	case wire.FFGain:
		return d.emit(Feedback, ffGain, int32(w.Value))
	case wire.FFAutocentre:
		return d.emit(Feedback, ffAutocentre, int32(w.Value))
	}
	if int(w.ID) >= len(f.ids) {
		return nil
	}
	id := f.ids[w.ID]
	switch {
	case w.Op == wire.FFUpload:
		var e effect
		if !e.encode(w, id) {
			return nil
		}
		id, err := d.kernel.upload(&e)
		if err == nil {
			f.ids[w.ID] = id
		}
		return err
	case id < 0:
		return nil
	case w.Op == wire.FFPlay:
		return d.emit(Feedback, uint16(id), int32(w.Value))
	case w.Op == wire.FFStop:
		return d.emit(Feedback, uint16(id), 0)
	case w.Op == wire.FFErase:
		f.ids[w.ID] = -1
		return d.kernel.erase(id)
	}
	return nil
}

// still ends all feedback. Of a device that is gone nothing is left to end.
func (d *Device) still() {
	f := &d.feedback
	for i, id := range append(f.ids[:], f.shakeID) {
		if id < 0 {
			continue
		}
		_ = d.emit(Feedback, uint16(id), 0)
		_ = d.kernel.erase(id)
		if i < len(f.ids) {
			f.ids[i] = -1
		}
	}
	f.shakeID = -1
	_ = d.light(0)
}

// emit writes one event.
func (d *Device) emit(kind, code uint16, value int32) error {
	var b [eventSize]byte
	binary.NativeEndian.PutUint16(b[16:], kind)
	binary.NativeEndian.PutUint16(b[18:], code)
	binary.NativeEndian.PutUint32(b[20:], uint32(value))
	_, err := d.file.Write(b[:])
	return err
}

// Package keymouse turns what keyboards, mice and absolute pointers report to
// the kernel into [input.Event]: keys as HID usages, so that layouts stay the
// host's business, motion in counts, wheels in 1/120 detent. It reads no
// device; touch, pens, touchpads and pads are other packages'.
//
// A [Translator] belongs to the goroutine that reads its device and allocates
// nothing. Whatever a device claims, it costs at most its own nonsense: codes
// without a usage are counted and dropped, ranges without a width ignored.
package keymouse

import (
	"math"
	"math/bits"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
)

// Types and codes of linux/input-event-codes.h.
const (
	evSyn = 0x00
	evKey = 0x01
	evRel = 0x02
	evAbs = 0x03
	evMsc = 0x04

	synReport = 0

	relX           = 0x00
	relY           = 0x01
	relHWheel      = 0x06
	relWheel       = 0x08
	relWheelHiRes  = 0x0b
	relHWheelHiRes = 0x0c

	absX = 0x00
	absY = 0x01

	mscScan = 0x04

	keyCount   = 0x300
	autorepeat = 2
)

// detent is how many units of a wheel a step has (input.KindWheel).
const detent = 120

// Range is what an absolute axis can say.
type Range struct{ Min, Max int32 }

// Config describes one device.
type Config struct {
	Device uint8 // its number, for input.Event
	// HiResWheel and HiResHWheel say that it has REL_WHEEL_HI_RES and
	// REL_HWHEEL_HI_RES, so that the whole steps, which come as well, do not
	// count.
	HiResWheel, HiResHWheel bool
	X, Y                    Range // of an absolute pointer
	Keys                    *keycode.Table
	// Place says where a point of the absolute pointer's surface, 0..65535, is
	// on the screens; nil: screen 0 is the surface.
	Place func(x, y uint16) (screen uint8, sx, sy uint16)
	Emit  func(input.Event) // called by the translator's methods
}

// Translator is one device's state.
type Translator struct {
	cfg  Config
	scan uint32                // MSC_SCAN that the next key belongs to, 0: none
	held [keyCount]input.Usage // by code; 0: up
	down [keyCount / 64]uint64 // the codes of held

	// The report that is being read.
	keys       [16]input.Event
	n          int
	dx, dy     int32
	wheel, pan int32
	x, y       int32
	moved      bool // x or y

	dropped uint64
}

// New returns a translator of a device at rest.
func New(cfg Config) *Translator { return &Translator{cfg: cfg} }

// Dropped counts the events that meant nothing.
func (t *Translator) Dropped() uint64 { return t.dropped }

// Event takes one event of the device; its report is emitted with its
// SYN_REPORT, motion before keys: a click is where the pointer then is.
func (t *Translator) Event(kind, code uint16, value int32, at time.Time) {
	switch kind {
	case evSyn:
		if code == synReport {
			t.flush(at)
		}
	case evMsc:
		if code == mscScan {
			t.scan = uint32(value)
		}
	case evKey:
		t.key(code, value, at)
	case evRel:
		t.relative(code, value)
	case evAbs:
		switch code {
		case absX:
			t.x, t.moved = value, true
		case absY:
			t.y, t.moved = value, true
		}
	}
}

// Release lets go of every key that is held: the device is gone, or somebody
// else has it.
func (t *Translator) Release(at time.Time) {
	t.flush(at)
	for i := range t.down {
		for t.down[i] != 0 {
			t.key(uint16(i*64+bits.TrailingZeros64(t.down[i])), 0, at)
		}
	}
	t.flush(at)
}

// key notes a transition. The way up is the same usage as the way down.
func (t *Translator) key(code uint16, value int32, at time.Time) {
	scan := t.scan
	t.scan = 0
	if code >= keyCount || value == autorepeat {
		return
	}
	word, bit := code/64, uint64(1)<<(code%64)
	wasDown := t.down[word]&bit != 0
	if wasDown == (value != 0) {
		return
	}
	if !wasDown {
		u := t.usage(scan, code)
		if u == 0 {
			t.dropped++
			return
		}
		t.held[code], t.down[word] = u, t.down[word]|bit
	} else {
		t.down[word] &^= bit
	}
	if t.n == len(t.keys) {
		t.flush(at)
	}
	t.keys[t.n] = input.Event{Kind: input.KindKey, Down: value != 0, Device: t.cfg.Device, Usage: t.held[code], Time: at}
	t.n++
}

// usage says which key it was: as the device itself says, because drivers
// and users change codes, else by its code. PS/2 keyboards report scan codes
// there, which are on no page.
func (t *Translator) usage(scan uint32, code uint16) input.Usage {
	u := input.Usage(scan)
	switch u.Page() {
	case input.PageKeyboard, input.PageConsumer, input.PageSystem, input.PageButton:
		if u.ID() != 0 {
			return u
		}
	}
	return t.cfg.Keys.Usage(code)
}

func (t *Translator) relative(code uint16, value int32) {
	switch code {
	case relX:
		t.dx = add(t.dx, value)
	case relY:
		t.dy = add(t.dy, value)
	case relWheelHiRes:
		t.wheel = add(t.wheel, value)
	case relHWheelHiRes:
		t.pan = add(t.pan, value)
	case relWheel:
		if !t.cfg.HiResWheel {
			t.wheel = add(t.wheel, steps(value))
		}
	case relHWheel:
		if !t.cfg.HiResHWheel {
			t.pan = add(t.pan, steps(value))
		}
	}
}

// flush emits the report.
func (t *Translator) flush(at time.Time) {
	if t.dx != 0 || t.dy != 0 {
		t.cfg.Emit(input.Event{Kind: input.KindMotion, Device: t.cfg.Device, DX: t.dx, DY: t.dy, Time: at})
		t.dx, t.dy = 0, 0
	}
	if t.moved {
		t.moved = false
		t.absolute(at)
	}
	for _, ev := range t.keys[:t.n] {
		t.cfg.Emit(ev)
	}
	t.n = 0
	if t.wheel != 0 || t.pan != 0 {
		t.cfg.Emit(input.Event{Kind: input.KindWheel, Device: t.cfg.Device, DX: t.pan, DY: t.wheel, Time: at})
		t.wheel, t.pan = 0, 0
	}
	t.scan = 0
}

func (t *Translator) absolute(at time.Time) {
	x, okX := scale(t.x, t.cfg.X)
	y, okY := scale(t.y, t.cfg.Y)
	if !okX || !okY {
		t.dropped++
		return
	}
	ev := input.Event{Kind: input.KindAbsolute, Device: t.cfg.Device, X: x, Y: y, Time: at}
	if t.cfg.Place != nil {
		ev.Screen, ev.X, ev.Y = t.cfg.Place(x, y)
	}
	t.cfg.Emit(ev)
}

// scale maps v of r to 0..65535.
func scale(v int32, r Range) (uint16, bool) {
	width := int64(r.Max) - int64(r.Min)
	if width <= 0 {
		return 0, false
	}
	at := int64(min(max(v, r.Min), r.Max)) - int64(r.Min)
	return uint16(at * math.MaxUint16 / width), true
}

// add and steps stay within what an event can say.
func add(a, b int32) int32 { return clamp(int64(a) + int64(b)) }

func steps(v int32) int32 { return clamp(int64(v) * detent) }

func clamp(v int64) int32 { return int32(min(max(v, math.MinInt32), math.MaxInt32)) }

package gamepad

import (
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// How a pad is a mouse.
const (
	// HoldStart is how long Start is held to make a pad a mouse, and a pad
	// again.
	HoldStart = 800 * time.Millisecond
	// Tick is how often Mouse.Tick is to be called while Mouse.On.
	Tick = 8 * time.Millisecond

	deadZone    = 0.15   // of a stick
	mostCounts  = 1400.0 // a second, at the edge
	mostDetents = 12.0   // of the wheel
)

// Usages that the cross of a pad types.
const (
	usageRight = input.PageKeyboard<<16 | 0x4f
	usageLeft  = input.PageKeyboard<<16 | 0x50
	usageDown  = input.PageKeyboard<<16 | 0x51
	usageUp    = input.PageKeyboard<<16 | 0x52
	usageEnter = input.PageKeyboard<<16 | 0x28
	usageEsc   = input.PageKeyboard<<16 | 0x29
)

// asMouse is what the buttons of a pad are meanwhile.
var asMouse = [...]struct {
	bit   int
	usage input.Usage
}{
	{input.PadSouth, input.ButtonLeft},
	{input.PadEast, input.ButtonRight},
	{input.PadWest, input.ButtonMiddle},
	{input.PadLeftShoulder, input.ButtonBack},
	{input.PadRightShoulder, input.ButtonForward},
	{input.PadUp, usageUp},
	{input.PadDown, usageDown},
	{input.PadLeft, usageLeft},
	{input.PadRight, usageRight},
	{input.PadNorth, usageEnter},
	{input.PadSelect, usageEsc},
}

// Mouse makes a mouse of a pad for as long as the person wants: Start held for
// HoldStart begins and ends it. The right stick moves the pointer, the left one
// turns the wheel, the buttons click, the cross are the arrow keys. Meanwhile the
// host's pad rests. It reads no clock and starts nothing; one goroutine at a time
// uses it.
type Mouse struct {
	device uint8
	emit   func(input.Event)

	on      bool
	pad     input.Pad
	start   time.Time // since when Start is held; zero: it is not, or has done its work
	last    time.Time // of Tick
	pressed [len(asMouse)]bool
	stale   uint32 // buttons that were down when it began: they mean nothing until they are up

	restX, restY, wheelX, wheelY float64
}

// NewMouse returns one that is a pad. emit gets the events of a device of that
// number.
func NewMouse(device uint8, emit func(input.Event)) *Mouse {
	return &Mouse{device: device, emit: emit}
}

// On says whether it is a mouse now: Tick is to be called then.
func (m *Mouse) On() bool { return m.on }

// Holding says when Start will have been held long enough; zero: it is not held.
// Tick is to be called then.
func (m *Mouse) Holding() time.Time {
	if m.start.IsZero() {
		return time.Time{}
	}
	return m.start.Add(HoldStart)
}

// Pad takes the pad's state and returns what the host's pad shall be: the same,
// or at rest.
func (m *Mouse) Pad(p input.Pad) input.Pad {
	now := p.Time
	was := m.pad
	m.pad = p
	const start = 1 << input.PadStart
	switch {
	case p.Buttons&start == 0:
		m.start = time.Time{}
	case was.Buttons&start == 0:
		m.start = now
	}
	m.stale &= p.Buttons
	if !p.Connected {
		m.end(now)
		return p
	}
	if !m.on {
		return p
	}
	m.buttons(now)
	return input.Pad{Slot: p.Slot, Connected: true, Time: now}
}

// Tick lets time pass, and reports whether the host's pad changes by that: Pad
// gives what to.
func (m *Mouse) Tick(now time.Time) (changed bool) {
	if !m.start.IsZero() && now.Sub(m.start) >= HoldStart {
		m.start = time.Time{}
		if m.on {
			m.end(now)
		} else {
			m.on, m.last, m.stale = true, now, m.pad.Buttons
		}
		return true
	}
	if !m.on {
		return false
	}
	dt := min(max(now.Sub(m.last), 0), 50*time.Millisecond).Seconds()
	m.last = now
	x, y := speed(m.pad.RightX, m.pad.RightY)
	if dx, dy := whole32(&m.restX, x*mostCounts*dt), whole32(&m.restY, y*mostCounts*dt); dx != 0 || dy != 0 {
		m.emit(input.Event{Kind: input.KindMotion, Device: m.device, DX: dx, DY: dy, Time: now})
	}
	x, y = speed(m.pad.LeftX, m.pad.LeftY)
	if dx, dy := whole32(&m.wheelX, x*mostDetents*120*dt), whole32(&m.wheelY, -y*mostDetents*120*dt); dx != 0 || dy != 0 {
		m.emit(input.Event{Kind: input.KindWheel, Device: m.device, DX: dx, DY: dy, Time: now})
	}
	return false
}

// buttons presses and releases what the pad's buttons are.
func (m *Mouse) buttons(now time.Time) {
	for i, b := range asMouse {
		down := m.on && m.pad.Buttons&^m.stale&(1<<b.bit) != 0
		if down != m.pressed[i] {
			m.pressed[i] = down
			m.emit(input.Event{Kind: input.KindKey, Device: m.device, Usage: b.usage, Down: down, Time: now})
		}
	}
}

// end makes it a pad again, with nothing pressed.
func (m *Mouse) end(now time.Time) {
	m.on, m.start = false, time.Time{}
	m.buttons(now)
	m.restX, m.restY, m.wheelX, m.wheelY = 0, 0, 0, 0
}

// speed is how fast a stick asks for, -1..1 each way: slow near the middle, so
// that single pixels can be met.
func speed(x, y int16) (vx, vy float64) {
	fx, fy := float64(x)/math.MaxInt16, float64(y)/math.MaxInt16
	far := math.Hypot(fx, fy)
	if far <= deadZone {
		return 0, 0
	}
	v := min((far-deadZone)/(1-deadZone), 1)
	v *= v
	return fx / far * v, fy / far * v
}

// whole32 takes the whole part of what has added up.
func whole32(rest *float64, by float64) int32 {
	*rest += by
	n := math.Trunc(*rest)
	*rest -= n
	return int32(n)
}

package touchpad

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/touch"
)

// What fingers do, in milliseconds and millimetres.
const (
	tapTime    = 180 * time.Millisecond // from touch to lift
	dragTime   = 180 * time.Millisecond // from a tap to the finger that drags
	typingTime = 300 * time.Millisecond // after a key
	tapMove    = 1.5                    // a tap moves less
	jitter     = 0.25
	detent     = 6.0  // of two fingers, one detent of a wheel
	sideEdge   = 4.0  // where palms come in
	edgeLeave  = 8.0  // from which a finger is one after all
	lowerEdge  = 0.15 // of the height, where thumbs rest
	palmWidth  = 22.0
	unknown    = 100.0 // width of a pad that does not tell
)

// Pointer speed: counts for a millimetre, slow and fast.
const (
	slow, fast           = 8.0, 24.0
	slowSpeed, fastSpeed = 20.0, 200.0 // mm/s
)

// Types and codes of linux/input-event-codes.h.
const (
	evKey     = 0x01
	btnLeft   = 0x110
	btnRight  = 0x111
	btnMiddle = 0x112
)

// Config is what a Pad needs.
type Config struct {
	Number uint8 // of the device
	Device touch.Device
	// Emit gets motion, wheel and buttons. It must not block.
	Emit func(input.Event)
}

// finger is what is known of one since it touched.
type finger struct {
	down    bool
	id      uint8
	ignored bool // a palm, a thumb, or while typing
	side    bool // came in at a side: a palm until it leaves
	moved   bool // further than jitter
	since   time.Time
	x0, y0  float64 // where it came down, mm
	x, y    float64
}

// Pad is a touchpad.
type Pad struct {
	cfg           Config
	slots         *touch.Slots
	x, y          scale
	width, height float64
	major         scale
	ownRight      bool
	typed         atomic.Int64 // ns since 1970, when a key was pressed

	mu      sync.Mutex // guards below, and is held over Emit
	fingers [touch.MaxFingers]finger
	count   int // fingers that count
	at      time.Time

	restX, restY   float64     // of motion, below a count
	wheelX, wheelY float64     // of a detent
	button         input.Usage // that the pad's button holds; 0: none
	physical       bool

	gesture struct {
		most  int // fingers at once
		since time.Time
		moved bool
		spoil bool // it is no tap any more
	}
	tapped  input.Usage // that a tap holds; 0: none
	drags   bool        // a finger came back: it is held until that lifts
	release *time.Timer
}

// scale turns an axis into millimetres.
type scale struct{ min, perMM float64 }

func (s scale) mm(v int32) float64 {
	if s.perMM <= 0 {
		return 0
	}
	return (float64(v) - s.min) / s.perMM
}

// New returns a pad that nobody touches.
func New(cfg Config) *Pad {
	p := &Pad{cfg: cfg, slots: touch.NewSlots(cfg.Device)}
	find := func(codes ...uint16) touch.Axis {
		for _, c := range codes {
			for _, a := range cfg.Device.Axes {
				if a.Code == c {
					return a
				}
			}
		}
		return touch.Axis{}
	}
	x, y := find(0x35, 0x00), find(0x36, 0x01)
	p.x, p.width = measure(x, unknown)
	p.y, p.height = measure(y, p.width*0.6)
	if x.Resolution <= 0 && p.x.perMM > 0 { // one scale: squares stay squares
		p.y = scale{float64(y.Min), p.x.perMM}
		p.height = max(float64(y.Max)-float64(y.Min), 0) / p.y.perMM
	}
	p.major = scale{0, p.x.perMM}
	for _, k := range cfg.Device.Keys {
		p.ownRight = p.ownRight || k == btnRight
	}
	return p
}

func measure(a touch.Axis, size float64) (s scale, mm float64) {
	width := float64(a.Max) - float64(a.Min)
	if width <= 0 {
		return scale{}, 0
	}
	s = scale{float64(a.Min), width / size}
	if a.Resolution > 0 {
		s.perMM = float64(a.Resolution)
	}
	return s, width / s.perMM
}

// Typed says that a key was pressed at that time; any goroutine.
func (p *Pad) Typed(at time.Time) { p.typed.Store(at.UnixNano()) }

// Release lets go of everything: the pad was unplugged.
func (p *Pad) Release(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
	p.letGo()
	p.press(p.button, false)
	p.button = 0
	p.fingers = [touch.MaxFingers]finger{}
}

// Event takes one event of the device.
func (p *Pad) Event(kind, code uint16, value int32, at time.Time) {
	if kind == evKey && value != 2 {
		switch code {
		case btnLeft, btnRight, btnMiddle:
			p.mu.Lock()
			p.at = at
			p.click(code, value != 0)
			p.mu.Unlock()
			return
		}
	}
	if !p.slots.Event(kind, code, value) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report(at)
}

// report compares the fingers with what they were; p.mu is held.
func (p *Pad) report(at time.Time) {
	dt := at.Sub(p.at).Seconds()
	p.at = at
	was := p.count
	var dx, dy, most float64
	p.count = 0
	for i := range p.fingers {
		f, now := &p.fingers[i], &p.slots.Fingers[i]
		if f.down && (!now.Down || f.id != now.ID) {
			*f = finger{}
		}
		if !now.Down {
			continue
		}
		x, y := p.x.mm(now.X), p.y.mm(now.Y)
		if !f.down {
			p.touched(f, now, x, y)
		}
		mx, my := p.move(f, now, x, y)
		if f.ignored {
			continue
		}
		p.count++
		if d := math.Hypot(mx, my); d > most { // one that presses stands still, one moves
			most, dx, dy = d, mx, my
		}
	}
	p.taps(was)
	switch {
	case p.count == 0 || p.count != was: // a finger that comes or goes moves the others
	case p.count == 1 || p.button != 0 || p.drags:
		p.point(dx, dy, dt)
	case p.count == 2:
		p.scroll(dx, dy)
	}
}

// touched begins a finger and judges it by where it came down.
func (p *Pad) touched(f *finger, now *touch.Finger, x, y float64) {
	*f = finger{down: true, id: now.ID, since: p.at, x0: x, y0: y, x: x, y: y}
	typing := p.at.Sub(time.Unix(0, p.typed.Load()))
	f.side = p.width > 4*sideEdge && (x < sideEdge || x > p.width-sideEdge)
	thumb := p.height > 0 && y > p.height*(1-lowerEdge) && p.others(f) > 0
	f.ignored = f.side || thumb || typing.Abs() < typingTime // clocks of two devices differ a little
}

// others is how many fingers are down that count, beside one.
func (p *Pad) others(but *finger) (n int) {
	for i := range p.fingers {
		if f := &p.fingers[i]; f != but && f.down && !f.ignored {
			n++
		}
	}
	return n
}

// move moves a finger and returns by how much, in mm.
func (p *Pad) move(f *finger, now *touch.Finger, x, y float64) (dx, dy float64) {
	if now.Tool == input.ToolPalm || p.major.mm(now.Major) > palmWidth {
		f.ignored, f.side = true, false
	}
	if f.side && f.ignored && x > edgeLeave && x < p.width-edgeLeave {
		f.ignored, f.side = false, false
		f.x, f.y = x, y
		p.gesture.spoil = true
	}
	far := math.Hypot(x-f.x0, y-f.y0)
	if far >= tapMove && !f.ignored {
		p.gesture.moved = true
	}
	if !f.moved && far < jitter {
		return 0, 0
	}
	f.moved = true
	dx, dy = x-f.x, y-f.y
	f.x, f.y = x, y
	return dx, dy
}

// point moves the pointer.
func (p *Pad) point(dx, dy, dt float64) {
	if dx == 0 && dy == 0 {
		return
	}
	gain := slow
	if dt > 0 {
		speed := math.Hypot(dx, dy) / dt
		gain += (fast - slow) * min(max((speed-slowSpeed)/(fastSpeed-slowSpeed), 0), 1)
	}
	p.restX += dx * gain
	p.restY += dy * gain
	x, y := math.Trunc(p.restX), math.Trunc(p.restY)
	p.restX -= x
	p.restY -= y
	if x != 0 || y != 0 {
		p.emit(input.Event{Kind: input.KindMotion, DX: int32(x), DY: int32(y)})
	}
}

// scroll turns the wheel: the page follows the finger down, so the wheel turns
// towards the person.
func (p *Pad) scroll(dx, dy float64) {
	p.wheelX += dx * 120 / detent
	p.wheelY -= dy * 120 / detent
	x, y := math.Trunc(p.wheelX), math.Trunc(p.wheelY)
	p.wheelX -= x
	p.wheelY -= y
	if x != 0 || y != 0 {
		p.emit(input.Event{Kind: input.KindWheel, DX: int32(x), DY: int32(y)})
	}
}

// taps follows fingers that come and go; was is how many there were.
func (p *Pad) taps(was int) {
	g := &p.gesture
	if was == 0 && p.count > 0 {
		g.most, g.since, g.moved, g.spoil = 0, p.at, false, p.button != 0 || p.physical
		if p.tapped != 0 { // a finger came back: it drags
			p.drags = p.release.Stop() || p.drags
		}
		p.wheelX, p.wheelY = 0, 0
	}
	g.most = max(g.most, p.count)
	if was == 0 || p.count > 0 {
		return
	}
	tap := !g.moved && !g.spoil && p.at.Sub(g.since) < tapTime
	if p.drags {
		p.letGo()
		if !tap {
			return
		}
		// A tap, and another: a double click.
	}
	if tap && g.most <= 3 {
		p.tap([...]input.Usage{0, input.ButtonLeft, input.ButtonRight, input.ButtonMiddle}[g.most])
	}
}

// tap presses a button and lets go of it later, unless a finger comes back.
func (p *Pad) tap(u input.Usage) {
	p.letGo()
	p.tapped = u
	p.press(u, true)
	if p.release == nil {
		p.release = time.AfterFunc(dragTime, p.afterTap)
		return
	}
	p.release.Reset(dragTime)
}

// afterTap lets go after a tap; the timer's goroutine.
func (p *Pad) afterTap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drags || p.count > 0 { // it came back just now
		p.drags = p.tapped != 0
		return
	}
	p.at = time.Now()
	p.letGo()
}

// letGo ends what a tap holds.
func (p *Pad) letGo() {
	if p.release != nil {
		p.release.Stop()
	}
	p.press(p.tapped, false)
	p.tapped, p.drags = 0, false
}

// click takes the pad's own buttons.
func (p *Pad) click(code uint16, down bool) {
	if !down {
		p.press(p.button, false)
		p.button, p.physical = 0, false
		return
	}
	p.gesture.spoil, p.physical = true, true
	p.letGo()
	u := input.ButtonLeft
	switch {
	case code == btnRight:
		u = input.ButtonRight
	case code == btnMiddle:
		u = input.ButtonMiddle
	case !p.ownRight && p.count == 2:
		u = input.ButtonRight
	case !p.ownRight && p.count == 3:
		u = input.ButtonMiddle
	}
	p.press(p.button, false)
	p.button = u
	p.press(u, true)
}

func (p *Pad) press(u input.Usage, down bool) {
	if u != 0 {
		p.emit(input.Event{Kind: input.KindKey, Usage: u, Down: down})
	}
}

func (p *Pad) emit(ev input.Event) {
	ev.Device, ev.Time = p.cfg.Number, p.at
	p.cfg.Emit(ev)
}

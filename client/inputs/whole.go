package inputs

import (
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// How many surfaces a terminal can have; those beyond are ignored.
const (
	maxTouches = 8
	maxPens    = 4
)

// wholeRepeats is with how many datagrams a state goes after the one that had
// it first (docs/PROTOCOL.md, rule 9 of the terminal).
const wholeRepeats = 3

// whole is what is to be known of a state of which only the newest counts: a
// pad's, a surface's.
type whole struct {
	used    bool // there is one
	fresh   bool // no datagram has had it
	repeats int
	at      time.Time // of its newest change
}

// news says that the state is another now.
func (w *whole) news(at time.Time) {
	w.used, w.fresh, w.repeats, w.at = true, true, wholeRepeats, at
}

type (
	padState struct {
		whole
		wire.Pad
		latch uint32 // buttons that went down and up before any datagram went
	}
	padTouchState struct {
		whole
		wire.PadTouch
	}
	motionState struct {
		whole
		wire.PadMotion
		every time.Duration // what the host wants; 0: none
	}
	touchState struct {
		whole
		wire.Touch
	}
	penState struct {
		whole
		wire.Pen
	}
)

// wholes are all states of a sender, behind Sender.mu.
type wholes struct {
	pads       [wire.MaxPads]padState
	padTouches [wire.MaxPads]padTouchState
	motions    [wire.MaxPads]motionState
	touches    [maxTouches]touchState
	pens       [maxPens]penState
	turn       int  // where the next datagram begins, so that each has its turn
	more       bool // not all had room in the last one
}

// wholeCount is how many states there can be.
const wholeCount = 3*wire.MaxPads + maxTouches + maxPens

// sampled has the host want a sample as often; 0: never, and what waits is
// nobody's any more.
func (m *motionState) sampled(every time.Duration) {
	m.every = every
	m.fresh = m.fresh && every != 0
}

// whole returns the i-th.
func (w *wholes) whole(i int) *whole {
	switch {
	case i < wire.MaxPads:
		return &w.pads[i].whole
	case i < 2*wire.MaxPads:
		return &w.padTouches[i-wire.MaxPads].whole
	case i < 3*wire.MaxPads:
		return &w.motions[i-2*wire.MaxPads].whole
	case i < 3*wire.MaxPads+maxTouches:
		return &w.touches[i-3*wire.MaxPads].whole
	}
	return &w.pens[i-3*wire.MaxPads-maxTouches].whole
}

// active reports whether the i-th counts as held.
func (w *wholes) active(i int) bool {
	switch {
	case i < wire.MaxPads:
		p := w.pads[i].Pad
		p.Age = 0
		return p.Connected && p != p.Rest()
	case i < 2*wire.MaxPads:
		return w.padTouches[i-wire.MaxPads].N > 0
	case i < 3*wire.MaxPads:
		return false
	case i < 3*wire.MaxPads+maxTouches:
		return w.touches[i-3*wire.MaxPads].N > 0
	}
	return w.pens[i-3*wire.MaxPads-maxTouches].InRange
}

// anyActive reports whether one of them counts as held.
func (w *wholes) anyActive() bool {
	for i := range wholeCount {
		if w.whole(i).used && w.active(i) {
			return true
		}
	}
	return false
}

// unsure reports whether the host may lack one that is not news any more.
func (w *wholes) unsure() bool {
	for i := range wholeCount {
		if w.whole(i).repeats > 0 {
			return true
		}
	}
	return false
}

// append puts what is due into a datagram as far as there is room; the rest
// has its turn in the next.
func (w *wholes) append(b []byte, now time.Time, snapshot bool) []byte {
	w.more = false
	begin := w.turn
	for n := range wholeCount {
		i := (begin + n) % wholeCount
		s := w.whole(i)
		if !s.used || !s.fresh && s.repeats == 0 && !(snapshot && w.lasting(i)) {
			continue
		}
		at := len(b)
		b = w.appendOne(b, i, wire.AgeOf(now.Sub(s.at)))
		if len(b) > wire.MaxDatagram {
			b = b[:at]
			if s.fresh && !w.more {
				w.more, w.turn = true, i
			}
			continue
		}
		if s.fresh {
			s.fresh = false
		} else if s.repeats > 0 {
			s.repeats--
		}
		w.unlatch(i)
	}
	return b
}

// lasting reports whether the i-th goes with every snapshot.
func (w *wholes) lasting(i int) bool {
	return w.active(i) || i < wire.MaxPads && w.pads[i].Connected
}

// unlatch has a pad whose button went up already say so next.
func (w *wholes) unlatch(i int) {
	if i < wire.MaxPads && w.pads[i].latch != 0 {
		w.pads[i].latch, w.pads[i].fresh, w.more = 0, true, true
	}
}

func (w *wholes) appendOne(b []byte, i int, age wire.Age) []byte {
	switch {
	case i < wire.MaxPads:
		p := w.pads[i].Pad
		p.Age = age
		p.Buttons |= w.pads[i].latch
		return wire.AppendPad(b, p)
	case i < 2*wire.MaxPads:
		t := w.padTouches[i-wire.MaxPads].PadTouch
		t.Age = age
		return wire.AppendPadTouch(b, t)
	case i < 3*wire.MaxPads:
		m := w.motions[i-2*wire.MaxPads].PadMotion
		m.Age = age
		return wire.AppendPadMotion(b, m)
	case i < 3*wire.MaxPads+maxTouches:
		t := &w.touches[i-3*wire.MaxPads].Touch
		t.Age = age
		return wire.AppendTouch(b, t)
	}
	p := w.pens[i-3*wire.MaxPads-maxTouches].Pen
	p.Age = age
	return wire.AppendPen(b, p)
}

// rest has all come to rest: pads stay plugged in, contacts lift.
func (w *wholes) rest(now time.Time) {
	for i := range w.pads {
		p := &w.pads[i]
		if r := p.Rest(); p.used && p.Pad != r {
			p.Pad, p.latch = r, 0
			p.news(now)
		}
	}
	for i := range w.padTouches {
		if t := &w.padTouches[i]; t.used && t.N > 0 {
			t.N = 0
			t.news(now)
		}
	}
	for i := range w.touches {
		if t := &w.touches[i]; t.used && t.N > 0 {
			t.N = 0
			t.news(now)
		}
	}
	for i := range w.pens {
		if p := &w.pens[i]; p.used && p.InRange {
			p.Pen = wire.Pen{Device: p.Device, Screen: p.Screen}
			p.news(now)
		}
	}
}

// Pad takes the whole state of a game pad. A button that goes down is sent at
// once, and is seen by the host however soon it goes up. It never blocks and
// allocates nothing; so do the other methods for whole states.
func (s *Sender) Pad(p input.Pad) {
	if p.Slot >= wire.MaxPads {
		return
	}
	next := wire.Pad{
		Pad: p.Slot, Connected: p.Connected, Buttons: p.Buttons,
		LeftX: p.LeftX, LeftY: p.LeftY, RightX: p.RightX, RightY: p.RightY,
		LeftTrigger: p.LeftTrigger, RightTrigger: p.RightTrigger,
	}
	s.mu.Lock()
	s.stats.Events++
	if !s.focused || !p.Connected {
		next = next.Rest()
	}
	at := &s.wholes.pads[p.Slot]
	if at.Pad == next && at.used || !at.used && !next.Connected {
		s.mu.Unlock()
		return
	}
	if at.fresh {
		at.latch |= at.Buttons &^ next.Buttons
	}
	if !next.Connected {
		at.latch = 0
	}
	urgent := at.Connected != next.Connected || at.Buttons != next.Buttons
	at.Pad = next
	at.news(orNow(p.Time))
	s.wholeChanged(urgent)
}

// PadTouch takes all that touches a pad's touchpad.
func (s *Sender) PadTouch(t input.PadTouch) {
	if t.Slot >= wire.MaxPads {
		return
	}
	s.mu.Lock()
	s.stats.Events++
	at := &s.wholes.padTouches[t.Slot]
	if !s.focused || !at.used && t.N == 0 {
		s.mu.Unlock()
		return
	}
	urgent := at.N != t.N
	at.PadTouch = wire.PadTouch{Pad: t.Slot, N: min(t.N, uint8(len(t.Contacts))), Contacts: t.Contacts}
	at.news(orNow(t.Time))
	s.wholeChanged(urgent)
}

// PadMotion takes a sample of a pad's sensors. It goes as often as the host
// wants it; nothing repeats it, the next one follows.
func (s *Sender) PadMotion(m input.PadMotion) {
	if m.Slot >= wire.MaxPads {
		return
	}
	now := orNow(m.Time)
	s.mu.Lock()
	at := &s.wholes.motions[m.Slot]
	if !s.focused || at.every == 0 || now.Sub(at.at) < at.every-at.every/8 {
		s.mu.Unlock()
		return
	}
	s.stats.Events++
	at.PadMotion = wire.PadMotion{
		Pad: m.Slot, AccelX: m.AccelX, AccelY: m.AccelY, AccelZ: m.AccelZ, GyroX: m.GyroX, GyroY: m.GyroY, GyroZ: m.GyroZ,
	}
	at.news(now)
	at.repeats = 0
	s.wholeChanged(false)
}

// Touch takes all that touches a touch screen that lies over a screen.
func (s *Sender) Touch(screen uint8, t *input.Touch) {
	s.mu.Lock()
	s.stats.Events++
	at := s.wholes.touch(t.Device, t.N > 0)
	if !s.focused || at == nil || at.N == 0 && t.N == 0 {
		s.mu.Unlock()
		return
	}
	n := min(t.N, input.MaxContacts)
	urgent := at.N != n
	at.Touch = wire.Touch{Device: t.Device, N: n, Screen: screen, Contacts: t.Contacts}
	at.news(orNow(t.Time))
	s.wholeChanged(urgent)
}

// Pen takes the whole state of a pen over a screen.
func (s *Sender) Pen(screen uint8, p input.Pen) {
	s.mu.Lock()
	s.stats.Events++
	at := s.wholes.pen(p.Device, p.InRange)
	if !s.focused || at == nil || !at.InRange && !p.InRange {
		s.mu.Unlock()
		return
	}
	urgent := at.InRange != p.InRange || at.Touching != p.Touching || at.Buttons != p.Buttons
	at.Pen = wire.Pen{
		Device: p.Device, InRange: p.InRange, Touching: p.Touching, Eraser: p.Eraser, Screen: screen,
		X: p.X, Y: p.Y, Pressure: p.Pressure, TiltX: p.TiltX, TiltY: p.TiltY,
		Rotation: p.Rotation, Distance: p.Distance, Buttons: p.Buttons,
	}
	at.news(orNow(p.Time))
	s.wholeChanged(urgent)
}

// touch finds a device's state, or makes one if there is room.
func (w *wholes) touch(device uint8, create bool) *touchState {
	for i := range w.touches {
		if t := &w.touches[i]; t.used && t.Device == device {
			return t
		}
	}
	for i := range w.touches {
		if t := &w.touches[i]; create && (!t.used || t.N == 0 && !t.fresh && t.repeats == 0) {
			*t = touchState{}
			return t
		}
	}
	return nil
}

// pen does the same for pens.
func (w *wholes) pen(device uint8, create bool) *penState {
	for i := range w.pens {
		if p := &w.pens[i]; p.used && p.Device == device {
			return p
		}
	}
	for i := range w.pens {
		if p := &w.pens[i]; create && (!p.used || !p.InRange && !p.fresh && p.repeats == 0) {
			*p = penState{}
			return p
		}
	}
	return nil
}

// unplugged lifts what a device had on its surface.
func (w *wholes) unplugged(device uint8, now time.Time) (changed bool) {
	if t := w.touch(device, false); t != nil && t.N > 0 {
		t.N = 0
		t.news(now)
		changed = true
	}
	if p := w.pen(device, false); p != nil && p.InRange {
		p.Pen = wire.Pen{Device: device, Screen: p.Screen}
		p.news(now)
		changed = true
	}
	return changed
}

// wholeChanged unlocks s.mu and has the change sent, at once if it is urgent.
func (s *Sender) wholeChanged(urgent bool) {
	wake := urgent || !s.moved
	s.moved = true
	s.flush = s.flush || urgent
	s.mu.Unlock()
	if urgent {
		s.sendNow(time.Now())
	}
	if wake {
		s.wakeRun()
	}
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

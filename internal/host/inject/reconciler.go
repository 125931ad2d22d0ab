package inject

import (
	"slices"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// maxHeld bounds what a broken terminal can press.
const maxHeld = 256

// reconciler is the state machine of the protocol: what has been applied and
// what is held. It is driven by one goroutine and reads no clock.
type reconciler struct {
	inject Injector
	mark   func(id uint16)
	stats  *counters

	started bool   // epoch and seq are known
	focused bool   // the datagram being applied is meant for us
	counted bool   // so is next
	based   bool   // so is applied
	epoch   uint16 // of the terminal
	seq     uint32 // highest applied
	heard   uint32 // highest of ours that the terminal had then
	next    uint32 // id of the transition wanted next
	applied totals
	screen  position // where the pointer was last put
	held    []wire.Key
	pads    pads
	surface surfaces

	in content // the datagram being applied

	out        []byte // scratch for answers
	outSeq     uint32
	ledsUnsure bool
	ledSeq     uint32 // the datagram that last told of the lamps
}

// totals is the part of wire.Pointer that adds up.
type totals struct{ x, y, v, h uint32 }

// position is an absolute one.
type position struct {
	known  bool
	screen uint8
	x, y   uint16
}

// content is what one datagram says, whatever the order of its records.
type content struct {
	pointer    totals
	hasPointer bool
	position   position
	first      uint32
	events     []wire.Transition
	keys       wire.Keys
	hasKeys    bool
	pads       *pads
	surfaces   *surfaces
}

func (r *reconciler) init(inject Injector, stats *counters) {
	r.inject, r.stats, r.mark = inject, stats, func(uint16) {}
	r.pads.init(inject)
	r.surface.init(inject)
	r.in.pads, r.in.surfaces = &r.pads, &r.surface
	r.held = make([]wire.Key, 0, maxHeld)
	r.in.events = make([]wire.Transition, 0, wire.MaxEvents)
	r.in.keys.Held = make([]wire.Key, 0, maxHeld)
	r.out = make([]byte, 0, wire.MaxDatagram)
}

// apply takes one datagram and reports whether it asks for an answer.
func (r *reconciler) apply(d wire.Datagram) (answer bool, err error) {
	fresh, err := r.admit(d.Header)
	if err != nil || !fresh {
		return false, err
	}
	r.in.read(d)
	r.begin()
	r.focused = d.Flags&wire.FlagFocused != 0 && d.Flags&wire.FlagGoodbye == 0
	if err := r.applyContent(); err != nil {
		return false, err
	}
	if !r.focused {
		err = r.releaseAll()
	} else if r.in.hasKeys && r.counted && r.in.keys.LastEvent == r.next-1 {
		err = r.reconcile(r.in.keys.Held)
	}
	return len(r.in.events) > 0 || d.Flags&wire.FlagSnapshot != 0, err
}

// admit applies the rules of epoch and sequence number.
func (r *reconciler) admit(h wire.Header) (fresh bool, err error) {
	switch {
	case !r.started:
		r.started, r.epoch = true, h.Epoch
	case wire.Newer16(r.epoch, h.Epoch) || !wire.Newer32(h.Seq, r.seq):
		r.stats.old.Add(1)
		return false, nil
	case h.Epoch != r.epoch:
		r.epoch = h.Epoch
		err = r.releaseAll()
	}
	r.seq, r.heard = h.Seq, h.Ack
	if r.ledsUnsure && !wire.Newer32(r.ledSeq, h.Ack) {
		r.ledsUnsure = false
	}
	r.stats.datagrams.Add(1)
	return true, err
}

// begin sets what the first datagrams decide, and follows a terminal that gave
// up on transitions: it repeats all that it has not, so what it does not
// repeat will never come.
func (r *reconciler) begin() {
	in := &r.in
	oldest, known := in.first, len(in.events) > 0
	if !known && in.hasKeys {
		oldest, known = in.keys.LastEvent+1, true
	}
	switch {
	case !known:
	case !r.counted:
		r.next, r.counted = oldest, true
	case wire.Newer32(oldest, r.next):
		r.stats.givenUp.Add(uint64(oldest - r.next))
		r.next = oldest
	}
	if !r.based && in.hasPointer {
		r.based = true
		r.applied = in.pointer
		if len(in.events) > 0 && !in.events[0].Absolute {
			// The motion since the oldest transition is still to be made.
			r.applied = in.pointer.nearest(in.events[0])
		}
	}
}

func (r *reconciler) applyContent() error {
	for i, t := range r.in.events {
		if id := r.in.first + uint32(i); id == r.next {
			if err := r.transit(t); err != nil {
				return err
			}
			r.next++
			r.stats.events.Add(1)
		}
	}
	if r.in.hasPointer {
		if err := r.moveTo(r.in.pointer); err != nil {
			return err
		}
	}
	if r.in.position.known {
		if err := r.put(r.in.position); err != nil {
			return err
		}
	}
	if err := r.syncAfter(r.pads.apply(r.focused)); err != nil {
		return err
	}
	return r.syncAfter(r.surface.apply(r.focused))
}

// syncAfter ends a change of pads or surfaces.
func (r *reconciler) syncAfter(changed bool, err error) error {
	if err != nil || !changed {
		return err
	}
	return r.inject.Sync()
}

// transit applies one transition where the pointer was when it happened.
func (r *reconciler) transit(t wire.Transition) error {
	if r.based {
		if err := r.moveTo(r.applied.nearest(t)); err != nil {
			return err
		}
	}
	if t.Absolute {
		if err := r.put(position{true, t.Screen, t.X, t.Y}); err != nil {
			return err
		}
	}
	return r.press(t.Key, t.Down)
}

// press changes one key unless it is so already.
func (r *reconciler) press(k wire.Key, down bool) error {
	at := slices.Index(r.held, k)
	if (at >= 0) == down || down && len(r.held) == maxHeld {
		return nil
	}
	u, ok := k.Usage()
	if !ok {
		return nil
	}
	if down {
		r.held = append(r.held, k)
	} else {
		r.held = slices.Delete(r.held, at, at+1)
	}
	if u.Page() == input.PageMarker { // of ours, not of the operating system
		if down {
			r.mark(u.ID())
		}
		return nil
	}
	if err := r.inject.Key(u, down); err != nil {
		return err
	}
	return r.inject.Sync()
}

// moveTo makes the motion and the wheel steps between applied and to.
func (r *reconciler) moveTo(to totals) error {
	dx, dy := int32(to.x-r.applied.x), int32(to.y-r.applied.y)
	dv, dh := int32(to.v-r.applied.v), int32(to.h-r.applied.h)
	r.applied = to
	if dx|dy|dv|dh == 0 {
		return nil
	}
	if dx|dy != 0 {
		r.screen.known = false // wherever that leads
		if err := r.inject.Motion(dx, dy); err != nil {
			return err
		}
	}
	if dv|dh != 0 {
		if err := r.inject.Wheel(dv, dh); err != nil {
			return err
		}
	}
	return r.inject.Sync()
}

// put places the pointer unless it is there already.
func (r *reconciler) put(p position) error {
	if p == r.screen {
		return nil
	}
	r.screen = p
	if err := r.inject.Absolute(p.screen, p.x, p.y); err != nil {
		return err
	}
	return r.inject.Sync()
}

// reconcile makes what is held equal to what the terminal holds.
func (r *reconciler) reconcile(keys []wire.Key) error {
	for i := len(r.held) - 1; i >= 0; i-- {
		if k := r.held[i]; !slices.Contains(keys, k) {
			if err := r.press(k, false); err != nil {
				return err
			}
		}
	}
	for _, k := range keys {
		if err := r.press(k, true); err != nil {
			return err
		}
	}
	return nil
}

// releaseAll lets go of everything, the latest first.
func (r *reconciler) releaseAll() error {
	if err := r.reconcile(nil); err != nil {
		return err
	}
	if err := r.syncAfter(r.pads.rest()); err != nil {
		return err
	}
	return r.syncAfter(r.surface.rest())
}

// read collects the records of d. Devices other than 0 are of later versions.
func (c *content) read(d wire.Datagram) {
	*c = content{events: c.events[:0], keys: wire.Keys{Held: c.keys.Held[:0]}, pads: c.pads, surfaces: c.surfaces}
	c.pads.begin()
	c.surfaces.begin()
	for rec, ok := d.Next(); ok; rec, ok = d.Next() {
		switch rec.Type {
		case wire.RecordPointer:
			c.readPointer(rec)
		case wire.RecordPointerAbs:
			if p, ok := rec.PointerAbs(); ok && p.Device == 0 && p.InRange {
				c.position = position{true, p.Screen, p.X, p.Y}
			}
		case wire.RecordEvents:
			c.readEvents(rec)
		case wire.RecordPad:
			c.pads.read(rec)
		case wire.RecordTouch, wire.RecordPen, wire.RecordPadTouch, wire.RecordPadMotion:
			c.surfaces.read(rec)
		case wire.RecordKeys:
			if k, ok := rec.Keys(c.keys.Held); ok && k.Device == 0 {
				c.keys, c.hasKeys = k, true
			}
		}
	}
}

func (c *content) readPointer(rec wire.Record) {
	if p, ok := rec.Pointer(); ok && p.Device == 0 {
		c.pointer, c.hasPointer = totals{p.X, p.Y, p.WheelV, p.WheelH}, true
	}
}

// readEvents appends a run; one that does not continue the last is ignored.
func (c *content) readEvents(rec wire.Record) {
	e, ok := rec.Events(c.events)
	if !ok || len(c.events) > 0 && e.First != c.first+uint32(len(c.events)) {
		return
	}
	if len(c.events) == 0 {
		c.first = e.First
	}
	c.events = e.List
}

// nearest returns the totals nearest to t whose low bits are those of e. The
// horizontal wheel has none and stays.
func (t totals) nearest(e wire.Transition) totals {
	t.v = near(t.v, e.Wheel)
	if !e.Absolute {
		t.x, t.y = near(t.x, e.X), near(t.y, e.Y)
	}
	return t
}

// near returns the number nearest to total whose low 16 bits are low.
func near(total uint32, low uint16) uint32 {
	return total + uint32(int32(int16(low-uint16(total))))
}

package evdev

// Codes of multi-touch axes (linux/input-event-codes.h).
const (
	absMTSlot       = 0x2f
	absMTFirst      = 0x30 // ABS_MT_TOUCH_MAJOR
	absMTLast       = 0x3d // ABS_MT_TOOL_Y
	absMTTrackingID = 0x39
)

// maxSlots is how many fingers of a device are followed; those beyond it are
// not given out.
const maxSlots = 32

// state is what a device's events have said so far.
type state struct {
	keys, switches, leds Set
	abs                  [absCount]int32
	slot                 int32
	slots                [maxSlots][absMTLast - absMTFirst + 1]int32
}

// reset makes s the state of a device that has said nothing: no finger is
// down.
func (s *state) reset() {
	*s = state{}
	for i := range s.slots {
		s.slots[i][absMTTrackingID-absMTFirst] = -1
	}
}

// follow applies an event, and reports whether it is to be given out.
func (s *state) follow(ev *Event) bool {
	switch ev.Type {
	case Key:
		s.keys.put(ev.Code, ev.Value != 0)
	case Switch:
		s.switches.put(ev.Code, ev.Value != 0)
	case LED:
		s.leds.put(ev.Code, ev.Value != 0)
	case Abs:
		return s.followAbs(ev)
	}
	return true
}

func (s *state) followAbs(ev *Event) bool {
	switch {
	case ev.Code == absMTSlot:
		s.slot = ev.Value
		return ev.Value >= 0 && ev.Value < maxSlots
	case ev.Code >= absMTFirst && ev.Code <= absMTLast:
		if s.slot < 0 || s.slot >= maxSlots {
			return false
		}
		s.slots[s.slot][ev.Code-absMTFirst] = ev.Value
	case ev.Code < absCount:
		s.abs[ev.Code] = ev.Value
	}
	return true
}

func (s *Set) put(code uint16, in bool) {
	if in {
		s.Add(code)
	} else {
		s.Remove(code)
	}
}

// differences appends the events that lead from s to now, and a report's end
// if there are any.
func (s *state) differences(to []Event, now *state, caps *Caps) []Event {
	n := len(to)
	to = setDifferences(to, Key, &s.keys, &now.keys)
	to = setDifferences(to, Switch, &s.switches, &now.switches)
	to = setDifferences(to, LED, &s.leds, &now.leds)
	caps.Abs.All(func(code uint16) bool {
		if code >= absMTSlot && code <= absMTLast {
			return true
		}
		if code < absCount && s.abs[code] != now.abs[code] {
			to = append(to, Event{Type: Abs, Code: code, Value: now.abs[code]})
		}
		return true
	})
	if caps.Abs.Has(absMTSlot) {
		to = s.slotDifferences(to, now)
	}
	if len(to) > n {
		to = append(to, Event{Type: Syn, Code: SynReport})
	}
	return to
}

func setDifferences(to []Event, kind uint16, before, now *Set) []Event {
	for i := range before {
		for code, w := uint16(i*64), before[i]^now[i]; w != 0; code, w = code+1, w>>1 {
			if w&1 == 0 {
				continue
			}
			value := int32(0)
			if now.Has(code) {
				value = 1
			}
			to = append(to, Event{Type: kind, Code: code, Value: value})
		}
	}
	return to
}

// slotDifferences names each slot before what is new in it, and leaves the
// device's current slot current.
func (s *state) slotDifferences(to []Event, now *state) []Event {
	at := s.slot
	for i := range s.slots {
		for j := range s.slots[i] {
			if s.slots[i][j] == now.slots[i][j] {
				continue
			}
			if at != int32(i) {
				at = int32(i)
				to = append(to, Event{Type: Abs, Code: absMTSlot, Value: at})
			}
			to = append(to, Event{Type: Abs, Code: absMTFirst + uint16(j), Value: now.slots[i][j]})
		}
	}
	if at != now.slot {
		to = append(to, Event{Type: Abs, Code: absMTSlot, Value: now.slot})
	}
	return to
}

package inputs

import (
	"slices"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// state is what the person has done. All of it is behind Sender.mu.
type state struct {
	focused  bool
	epoch    uint16
	newEpoch bool // no datagram has shown it yet

	pointer  wire.Pointer // totals; Age and Buttons are filled in on sending
	motionAt time.Time
	absolute bool // position counts: the pointer was last moved absolutely
	position wire.PointerAbs

	held    []hold       // in the order of pressing, at most wire.MaxKeys
	pending []transition // not acknowledged, at most wire.MaxEvents
	firstID uint32       // id of pending[0], or of the next transition

	transitions []wire.Transition // scratch
	keys        []wire.Key        // scratch
}

// hold is one key that one device holds down. Two keyboards may hold the same
// key; the host sees it go up when the last lets go.
type hold struct {
	key    wire.Key
	device uint8
}

type transition struct {
	wire.Transition
	at   time.Time
	sent bool
}

// Handle takes one event. It never blocks and never allocates once the sender
// has warmed up.
func (s *Sender) Handle(ev input.Event) {
	if ev.Time.IsZero() {
		ev.Time = time.Now()
	}
	s.mu.Lock()
	s.stats.Events++
	wake := s.applyLocked(ev)
	s.mu.Unlock()
	if !wake {
		return
	}
	if ev.Kind == input.KindKey {
		s.sendNow(time.Now())
	}
	s.wakeRun() // there may be more to send, and there is to repeat
}

// Focus says whether the person's input is for the host. Losing it releases
// everything; without it events are ignored.
func (s *Sender) Focus(focused bool) {
	s.mu.Lock()
	if s.focused && !focused {
		s.releaseLocked(time.Now())
	}
	s.focused = focused
	s.flush = true
	s.mu.Unlock()
	s.wakeRun()
}

// ReleaseAll lets go of everything on the host: for hot-keys, an overlay, a
// device that was unplugged, suspend. Keys still pressed count again only
// after they have been pressed again; devices must not report auto-repeat as
// presses.
func (s *Sender) ReleaseAll() {
	s.mu.Lock()
	s.releaseLocked(time.Now())
	s.mu.Unlock()
	s.wakeRun()
}

// Unplugged lets go of what a device holds: it is gone. What others hold as
// well stays down.
func (s *Sender) Unplugged(device uint8) {
	now := time.Now()
	s.mu.Lock()
	wake := false
	for i := len(s.held) - 1; i >= 0; i-- {
		h := s.held[i]
		if u, ok := h.key.Usage(); ok && h.device == device {
			wake = s.applyKeyLocked(input.Event{Kind: input.KindKey, Device: device, Usage: u, Time: now}) || wake
		}
	}
	if s.wholes.unplugged(device, now) {
		s.flush, wake = true, true
	}
	s.mu.Unlock()
	if wake {
		s.wakeRun()
	}
}

// Reconnected prepares the sender for a new channel, whose host knows nothing:
// transitions of the old one are forgotten, everything is let go.
func (s *Sender) Reconnected() {
	s.mu.Lock()
	s.releaseLocked(time.Now())
	s.giveUpLocked()
	s.peerSeq, s.rtt, s.loss, s.motionUnsure, s.hasSpot = 0, 0, loss{}, false, false
	for i := range s.wholes.motions {
		s.wholes.motions[i].sampled(0)
	}
	s.mu.Unlock()
	s.wakeRun()
}

// applyLocked reports whether Run must look again.
func (s *Sender) applyLocked(ev input.Event) (wake bool) {
	if !s.focused {
		s.stats.Ignored++
		return false
	}
	switch ev.Kind {
	case input.KindKey:
		return s.applyKeyLocked(ev)
	case input.KindMotion:
		s.absolute = false
		s.pointer.X += uint32(ev.DX)
		s.pointer.Y += uint32(ev.DY)
	case input.KindWheel:
		s.pointer.WheelH += uint32(ev.DX)
		s.pointer.WheelV += uint32(ev.DY)
	case input.KindAbsolute:
		s.absolute = true
		s.position = wire.PointerAbs{InRange: true, Screen: ev.Screen, X: ev.X, Y: ev.Y}
	default:
		s.stats.Ignored++
		return false
	}
	s.motionAt = ev.Time
	wake = !s.moved // else Run already knows
	s.moved = true
	return wake
}

// applyKeyLocked drops what changes nothing: auto-repeat, a second device on
// the same key, an up of what is not held.
func (s *Sender) applyKeyLocked(ev input.Event) (wake bool) {
	key, ok := wire.PackKey(ev.Usage)
	h := hold{key, ev.Device}
	at := slices.Index(s.held, h)
	if !ok || (at >= 0) == ev.Down || ev.Down && len(s.held) == wire.MaxKeys {
		s.stats.Ignored++
		return false
	}
	shared := slices.ContainsFunc(s.held, func(o hold) bool { return o.key == key && o != h })
	if ev.Down {
		s.held = append(s.held, h)
	} else {
		s.held = slices.Delete(s.held, at, at+1)
	}
	if shared {
		return false
	}
	s.transitLocked(key, ev.Down, ev.Time)
	return true
}

// transitLocked queues a transition at the pointer's present place.
func (s *Sender) transitLocked(key wire.Key, down bool, at time.Time) {
	if len(s.pending) == wire.MaxEvents {
		s.giveUpLocked()
	}
	t := wire.Transition{
		Down: down, Key: key,
		X: uint16(s.pointer.X), Y: uint16(s.pointer.Y), Wheel: uint16(s.pointer.WheelV),
	}
	if s.absolute {
		t.Absolute, t.Screen, t.X, t.Y = true, s.position.Screen, s.position.X, s.position.Y
	}
	s.pending = append(s.pending, transition{Transition: t, at: at})
	s.flush = true
}

// giveUpLocked forgets transitions that nobody acknowledges. The host learns
// what is held from KEYS.
func (s *Sender) giveUpLocked() {
	s.stats.GivenUp += uint64(len(s.pending))
	s.firstID += uint32(len(s.pending))
	s.pending = s.pending[:0]
	s.bumpLocked()
}

// releaseLocked ends the epoch: everything held goes up, as transitions, so
// that what was typed before still arrives in order, and by the new epoch.
func (s *Sender) releaseLocked(now time.Time) {
	for i, h := range s.held {
		if !slices.ContainsFunc(s.held[:i], func(o hold) bool { return o.key == h.key }) {
			s.transitLocked(h.key, false, now)
		}
	}
	s.held = s.held[:0]
	s.wholes.rest(now)
	s.bumpLocked()
}

func (s *Sender) bumpLocked() {
	s.epoch++
	s.newEpoch = true
	s.flush = true
}

// heldKeysLocked returns the keys of held, ascending and each once.
func (s *Sender) heldKeysLocked() []wire.Key {
	s.keys = s.keys[:0]
	for _, h := range s.held {
		s.keys = append(s.keys, h.key)
	}
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys)
	return s.keys
}

func (s *Sender) buttonsLocked() (bits uint32) {
	for _, h := range s.held {
		if u, ok := h.key.Usage(); ok && u.Page() == input.PageButton && u.ID() >= 1 && u.ID() <= 32 {
			bits |= 1 << (u.ID() - 1)
		}
	}
	return bits
}

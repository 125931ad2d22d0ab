package inputs

import (
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// dueLocked returns when the next datagram is to be written; a time in the
// past means now.
func (s *Sender) dueLocked(slow bool) time.Time {
	if s.flush || s.snapshot.IsZero() {
		return time.Time{}
	}
	due := s.snapshot.Add(wire.SnapshotIdle)
	if len(s.held) > 0 || s.wholes.anyActive() {
		due = s.snapshot.Add(wire.SnapshotHeld)
	}
	if s.repeatsWantedLocked() {
		due = earlier(due, s.sent.Add(repeatDelay(s.repeats)))
	}
	if s.moved {
		interval := s.intervalLocked()
		if slow {
			interval = slowInterval
		}
		due = earlier(due, s.sent.Add(interval))
	}
	return due
}

// repeatsWantedLocked reports whether the host may lack something that is not
// news any more.
func (s *Sender) repeatsWantedLocked() bool {
	return len(s.pending) > 0 || s.motionUnsure && !s.moved && s.repeats < tailRepeats || s.wholes.unsure()
}

// repeatDelay returns how long after the n-th repeat the next one follows:
// 8, 8, 16 and then every 32 ms.
func repeatDelay(n int) time.Duration {
	switch n {
	case 0, 1:
		return 8 * time.Millisecond
	case 2:
		return 16 * time.Millisecond
	}
	return 32 * time.Millisecond
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// buildLocked puts the next datagram into buf and its new events into news.
func (s *Sender) buildLocked(now time.Time) {
	repeat := !s.flush && !s.moved
	s.seq++
	s.stats.Datagrams++
	if s.moved {
		s.motionUnsure, s.motionSeq = true, s.seq
	}
	h := wire.Header{Epoch: s.epoch, Seq: s.seq, Time: s.clock.Microseconds(now), Ack: s.peerSeq}
	if s.focused {
		h.Flags |= wire.FlagFocused
	}
	snapshot := repeat || s.snapshotWantedLocked(now)
	if snapshot {
		h.Flags |= wire.FlagSnapshot
	}
	b := wire.AppendHeader(s.buf[:0], h)
	b = s.appendPointerLocked(b, now)
	b = s.appendEventsLocked(b, now)
	if snapshot {
		b = s.appendKeysLocked(b)
		s.snapshot = now
	}
	b = s.wholes.append(b, now, snapshot)
	s.buf = b
	s.sent, s.flush, s.moved = now, false, s.wholes.more
	if repeat {
		s.repeats++
	} else {
		s.repeats = 0
	}
}

// snapshotWantedLocked reports whether KEYS is due with a datagram that goes
// now anyway.
func (s *Sender) snapshotWantedLocked(now time.Time) bool {
	return s.newEpoch || now.Sub(s.snapshot) >= wire.SnapshotHeld
}

func (s *Sender) appendPointerLocked(b []byte, now time.Time) []byte {
	p := s.pointer
	p.Age = wire.AgeOf(now.Sub(s.motionAt))
	p.Buttons = s.buttonsLocked()
	b = wire.AppendPointer(b, p)
	if s.absolute {
		a := s.position
		a.Age, a.Buttons = p.Age, p.Buttons
		b = wire.AppendPointerAbs(b, a)
	}
	return b
}

func (s *Sender) appendEventsLocked(b []byte, now time.Time) []byte {
	s.news = s.news[:0]
	if len(s.pending) == 0 {
		return b
	}
	s.transitions = s.transitions[:0]
	for i := range s.pending {
		p := &s.pending[i]
		p.Age = wire.AgeOf(now.Sub(p.at))
		if !p.sent {
			p.sent = true
			s.news = append(s.news, p.at)
		}
		s.transitions = append(s.transitions, p.Transition)
	}
	return wire.AppendEvents(b, wire.Events{First: s.firstID, List: s.transitions})
}

func (s *Sender) appendKeysLocked(b []byte) []byte {
	s.newEpoch = false
	last := s.firstID + uint32(len(s.pending)) - 1
	return wire.AppendKeys(b, wire.Keys{LastEvent: last, Held: s.heldKeysLocked()})
}

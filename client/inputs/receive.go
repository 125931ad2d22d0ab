package inputs

import (
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// maxRTT bounds what a broken peer can make us believe.
const maxRTT = 10 * time.Second

// Datagram takes a datagram of the host: what it has, how long the way is,
// which lamps to light, where its pointer is. It does not keep b. One goroutine
// calls it.
func (s *Sender) Datagram(b []byte) {
	now := time.Now()
	d, err := wire.ParseDatagram(b)
	s.mu.Lock()
	if err != nil {
		s.stats.Malformed++
		s.mu.Unlock()
		return
	}
	before := s.leds
	newest := wire.Newer32(d.Seq, s.peerSeq)
	spot, moved := s.takeLocked(d, now)
	leds := s.leds
	s.mu.Unlock()
	if newest && s.cfg.OnFeedback != nil {
		s.feedBack(d)
	}
	if leds != before && s.cfg.OnLEDs != nil {
		s.cfg.OnLEDs(leds)
	}
	if moved && s.cfg.OnPointer != nil {
		s.cfg.OnPointer(spot)
	}
}

// takeLocked returns where the host's pointer is if that is news.
func (s *Sender) takeLocked(d wire.Datagram, now time.Time) (spot wire.PointerAt, moved bool) {
	newest := wire.Newer32(d.Seq, s.peerSeq)
	if newest {
		if s.peerSeq != 0 {
			s.loss.count(d.Seq - s.peerSeq)
		}
		s.peerSeq = d.Seq
	}
	if !wire.Newer32(s.motionSeq, d.Ack) && !wire.Newer32(d.Ack, s.seq) {
		s.motionUnsure = false
	}
	for r, ok := d.Next(); ok; r, ok = d.Next() {
		if a, ok := r.Ack(); ok {
			s.ackLocked(a, now)
		} else if l, ok := r.LEDs(); ok && newest {
			s.leds = l.Lit
		} else if p, ok := r.PointerAt(); ok && newest && s.spotLocked(p) {
			spot, moved = p, true
		} else if m, ok := r.MotionRate(); ok && newest && m.Pad < wire.MaxPads {
			s.wholes.motions[m.Pad].sampled(every(m.Hertz))
		}
	}
	return spot, moved
}

// mostMotion is how often a pad's motion goes at most, in Hz.
const mostMotion = 1000

// every is the time between two samples of so many a second, 0 of none.
func every(hertz uint16) time.Duration {
	if hertz == 0 {
		return 0
	}
	return time.Second / time.Duration(min(hertz, mostMotion))
}

// feedBack hands on what pads are to feel and show.
func (s *Sender) feedBack(d wire.Datagram) {
	for r, ok := d.Next(); ok; r, ok = d.Next() {
		var f Feedback
		switch r.Type {
		case wire.RecordRumble:
			f.Rumble, ok = r.Rumble()
		case wire.RecordRGB:
			f.RGB, ok = r.RGB()
		case wire.RecordTriggers:
			f.Triggers, ok = r.Triggers()
		case wire.RecordMotionRate:
			f.MotionRate, ok = r.MotionRate()
		default:
			continue
		}
		if ok {
			f.Type = r.Type
			s.cfg.OnFeedback(f)
		}
	}
}

// loss counts what of the host's datagrams got lost, which is all that is
// known of the way; it is behind Sender.mu.
type loss struct {
	expected, got uint32
	rate          float64 // of the last lossWindow, 0 to 1
}

// lossWindow is how many datagrams a rate is of.
const lossWindow = 64

// count takes one that came after so many.
func (l *loss) count(step uint32) {
	l.expected += min(step, lossWindow)
	l.got++
	if l.expected >= lossWindow {
		l.rate = 1 - float64(l.got)/float64(l.expected)
		l.expected, l.got = 0, 0
	}
}

// Intervals of motion, and what they go by.
const (
	usualInterval = 2 * time.Millisecond
	nearInterval  = time.Millisecond     // costs a near host nothing
	lossyInterval = 4 * time.Millisecond // leaves room for what is sent again
	nearRTT       = 3 * time.Millisecond
	lossyRate     = 0.02
)

// intervalLocked is the least time between two datagrams of motion.
func (s *Sender) intervalLocked() time.Duration {
	switch {
	case s.cfg.Interval > 0:
		return s.cfg.Interval
	case s.loss.rate > lossyRate:
		return lossyInterval
	case s.rtt > 0 && s.rtt < nearRTT:
		return nearInterval
	}
	return usualInterval
}

// spotLocked notes where the host's pointer is and reports whether that is
// news: only the newest counts, and the host repeats it.
func (s *Sender) spotLocked(p wire.PointerAt) bool {
	p.Age = 0
	if s.hasSpot && p == s.spot {
		return false
	}
	s.spot, s.hasSpot = p, true
	s.stats.Pointers++
	return true
}

// ackLocked forgets the transitions that the host has. An answer overtaken by
// a later one is still true.
func (s *Sender) ackLocked(a wire.Ack, now time.Time) {
	if n := a.Next - s.firstID; n <= uint32(len(s.pending)) {
		s.pending = s.pending[:copy(s.pending, s.pending[n:])]
		s.firstID = a.Next
	}
	passed := time.Duration(s.clock.Microseconds(now)-a.Echo) * time.Microsecond
	rtt := passed - a.Hold
	if rtt < 0 || rtt > maxRTT {
		return
	}
	if s.rtt == 0 {
		s.rtt = rtt
		return
	}
	s.rtt += (rtt - s.rtt) / 8
}

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
	spot, moved := s.takeLocked(d, now)
	leds := s.leds
	s.mu.Unlock()
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
		}
	}
	return spot, moved
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

package congestion

import "time"

const (
	silenceFirst = 500 * time.Millisecond // without feedback at the very beginning
	silenceSlack = 50 * time.Millisecond
	silenceHalf  = 100 * time.Millisecond // the rate halves each time
	silenceFloor = 1.0 / 20               // of the rate before, what is still sent to find the end
	tickLate     = 60 * time.Millisecond  // a longer pause of ticks is the host's own
	lagMost      = time.Second            // of what a peer's feedback is late at times
	lagMemory    = 30 * time.Second
)

// silence watches for feedback that does not come. While it lasts the rate
// halves every silenceHalf; when it ends the rate is most of what it was, and
// what was lost in it is not counted, since it says nothing about rates. Where
// nothing was lost, it was the peer that was silent: it is given more time then.
type silence struct {
	waiting bool          // something was sent since the last feedback
	since   time.Duration // when, or the last feedback if that is later
	heard   bool          // there has been feedback
	last    time.Duration // when
	gap     time.Duration // mean distance of feedback
	lag     time.Duration // how much longer the path was said to be silent and was not
	ticked  time.Duration // last
	factor  float64       // of the rate, below 1 while silent; 0 means 1

	from, to time.Duration // Sent of the packets of the last silence
}

func (s *silence) sent(at time.Duration) {
	if !s.waiting {
		s.waiting, s.since = true, at
	}
}

// patience is how long no feedback is nothing special.
func (s *silence) patience(rtt time.Duration) time.Duration {
	if !s.heard {
		return silenceFirst
	}
	return rtt + 2*max(s.gap, 20*time.Millisecond) + silenceSlack + s.lag
}

// tick sets factor. Time in which the host was not let run does not count:
// feedback may have come in it.
func (s *silence) tick(at, rtt time.Duration) {
	paused := at - s.ticked
	s.ticked = at
	if !s.waiting {
		return
	}
	if paused > tickLate && s.factor == 0 {
		s.since = min(s.since+paused, at)
	}
	over := at - s.since - s.patience(rtt)
	if over < 0 {
		return
	}
	if s.factor == 0 {
		s.from = s.since - rtt - s.gap
		s.factor = 1
	}
	s.factor = 0.5
	for ; over >= silenceHalf && s.factor > silenceFloor; over -= silenceHalf {
		s.factor /= 2
	}
	s.factor = max(s.factor, silenceFloor)
	s.to = at
}

// end takes feedback and reports whether it ends a silence of the path: carried
// says that what was sent in it has arrived.
func (s *silence) end(at, rtt time.Duration, carried bool) bool {
	was := s.factor != 0
	s.lag -= time.Duration(float64(s.lag) * min((at-s.last).Seconds()/lagMemory.Seconds(), 1))
	switch {
	case was && carried:
		s.lag = min(s.lag+max(at-s.since-s.patience(rtt), 0), lagMost)
		s.from, s.to = 0, 0
	case was:
		s.to = at
	case s.heard:
		s.gap += (bound(at-s.last, 0, time.Second) - s.gap) / 4
	}
	if !s.heard {
		s.gap = 50 * time.Millisecond
	}
	s.heard, s.last, s.waiting, s.factor = true, at, false, 0
	return was && !carried
}

// covers reports whether a packet was sent in the last silence.
func (s *silence) covers(sent time.Duration) bool { return sent >= s.from && sent < s.to }

package audio

import "time"

const (
	// How much sound is watched before the queue is corrected, and how much when
	// it is far too long.
	watchFor   = 250 * time.Millisecond
	watchFarOf = 50 * time.Millisecond
	farTooLong = 20 * time.Millisecond
	// How long the queue has to do well until it may be shorter.
	calmFor = 10 * time.Second
	// How much of the queue is never touched while it does well.
	reserve = 5 * time.Millisecond
)

// correction is what is to be done to the queue's length.
type correction int8

const (
	stay    correction = iota
	shorten            // by cutLength
	lengthen
)

// level decides how long the queue shall be, by what was left of it when each
// piece came, and whether it is to be corrected. Jitter shows in the least that
// was left; a host's clock that is not ours, in the least or the most.
type level struct {
	least, most time.Duration // bounds of target
	target      time.Duration // what the queue shall hold after a piece

	lowest, highest time.Duration // left before a piece, since watched was reset
	watched         time.Duration // sound that came meanwhile
	calm            time.Duration // sound that came since the queue did badly
	calmLowest      time.Duration // the least that was left in that
}

// want is what the queue shall hold after a piece of that length: long pieces
// need more, because the next one is as far away.
func (l *level) want(length time.Duration) time.Duration { return max(l.target, length+reserve) }

// reset begins to watch a queue that was just filled.
func (l *level) reset() { l.watched, l.calm = 0, 0 }

// ranDry raises the target: the queue was empty when a piece came.
func (l *level) ranDry() {
	l.target = min(l.target+cutLength, l.most)
	l.reset()
}

// piece notes what was left of the queue when a piece of that length came.
func (l *level) piece(left, length time.Duration) correction {
	if l.watched == 0 {
		l.lowest, l.highest = left, left
	}
	if l.calm == 0 {
		l.calmLowest = left
	}
	l.lowest, l.highest, l.calmLowest = min(l.lowest, left), max(l.highest, left), min(l.calmLowest, left)
	l.watched += length
	l.calm += length
	excess := l.lowest + length - l.want(length)
	if l.watched < watchFor && (l.watched < watchFarOf || excess < farTooLong) {
		return stay
	}
	l.watched = 0
	l.relax()
	switch {
	case excess >= cutLength:
		l.calm = 0
		return shorten
	case l.want(length)-l.highest-length >= cutLength:
		l.calm = 0
		return lengthen
	}
	return stay
}

// relax lowers the target when the queue would have done as well with less.
func (l *level) relax() {
	if l.calm < calmFor {
		return
	}
	if l.calmLowest >= reserve+cutLength && l.target-cutLength >= l.least {
		l.target -= cutLength
	}
	l.calm = 0
}

package inject

import "time"

// effect is a force feedback effect of a program, as far as a pad's two motors
// can follow (struct ff_effect of linux/input.h).
type effect struct {
	low, high uint16        // strong_magnitude and weak_magnitude
	length    time.Duration // 0: until it is stopped
	delay     time.Duration
	begun     time.Time // zero: it is not played
	times     int       // left, the one that runs included
}

// maxEffects is how many effects a pad keeps, as programs are told.
const maxEffects = 16

// fullGain is the gain at which effects are as strong as they say.
const fullGain = 0xffff

// effects are those of one pad. One goroutine uses them.
type effects struct {
	all  [maxEffects]effect
	gain uint16
}

// upload takes an effect; one that runs goes on with its new strength.
func (e *effects) upload(id int, f effect) bool {
	if id < 0 || id >= maxEffects {
		return false
	}
	f.begun, f.times = e.all[id].begun, e.all[id].times
	e.all[id] = f
	return true
}

func (e *effects) erase(id int) {
	if id >= 0 && id < maxEffects {
		e.all[id] = effect{}
	}
}

// play starts an effect so many times; 0 stops it.
func (e *effects) play(id int, times int32, now time.Time) {
	if id < 0 || id >= maxEffects {
		return
	}
	f := &e.all[id]
	f.begun, f.times = time.Time{}, 0
	if times > 0 {
		f.begun, f.times = now, int(times)
	}
}

// strength is how strong both motors turn now, and when that may change by
// itself; zero: it does not.
func (e *effects) strength(now time.Time) (low, high uint16, next time.Time) {
	var sumLow, sumHigh uint64
	for i := range e.all {
		f := &e.all[i]
		if f.begun.IsZero() {
			continue
		}
		at := f.follow(now)
		if f.begun.IsZero() {
			continue
		}
		if at.on {
			sumLow += uint64(f.low)
			sumHigh += uint64(f.high)
		}
		if !at.until.IsZero() && (next.IsZero() || at.until.Before(next)) {
			next = at.until
		}
	}
	gained := func(sum uint64) uint16 { return uint16(min(sum, 0xffff) * uint64(e.gain) / fullGain) }
	return gained(sumLow), gained(sumHigh), next
}

type phase struct {
	on    bool
	until time.Time // zero: for ever
}

// follow brings an effect to now: it waits, runs, or is over.
func (f *effect) follow(now time.Time) phase {
	for {
		start := f.begun.Add(f.delay)
		switch {
		case now.Before(start):
			return phase{false, start}
		case f.length == 0:
			return phase{true, time.Time{}}
		case now.Before(start.Add(f.length)):
			return phase{true, start.Add(f.length)}
		}
		if f.times--; f.times <= 0 {
			f.begun = time.Time{}
			return phase{}
		}
		f.begun = start.Add(f.length)
	}
}

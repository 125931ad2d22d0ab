package inject

import (
	"fmt"
	"testing"
	"time"
)

// TestEffects plays effects in virtual time: length, delay, repetition, gain,
// several at once, a change while one runs.
func TestEffects(t *testing.T) {
	begin := time.Unix(100, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	e := effects{gain: fullGain}
	check := func(ms int, low, high uint16, next int) {
		t.Helper()
		gotLow, gotHigh, until := e.strength(at(ms))
		got := -1
		if !until.IsZero() {
			got = int(until.Sub(begin).Milliseconds())
		}
		if gotLow != low || gotHigh != high || got != next {
			t.Errorf("at %d ms: %d, %d until %d; want %d, %d until %d", ms, gotLow, gotHigh, got, low, high, next)
		}
	}
	check(0, 0, 0, -1)
	if !e.upload(0, effect{low: 1000, high: 2000, length: 100 * time.Millisecond, delay: 50 * time.Millisecond}) || e.upload(maxEffects, effect{}) || e.upload(-1, effect{}) {
		t.Error("upload takes what it must not, or not what it must")
	}
	e.play(0, 2, at(0))
	check(10, 0, 0, 50)
	check(60, 1000, 2000, 150)
	check(160, 0, 0, 200)
	check(210, 1000, 2000, 300)
	check(310, 0, 0, -1)
	e.play(0, 1, at(400))
	e.upload(1, effect{low: 60000, high: 60000})
	e.play(1, 1, at(400))
	check(460, 61000, 62000, 550)
	check(600, 60000, 60000, -1)
	e.gain = 0x8000
	check(600, 30000, 30000, -1)
	e.upload(1, effect{low: 500})
	e.gain = fullGain
	check(700, 500, 0, -1)
	e.play(1, 0, at(800))
	check(800, 0, 0, -1)
	e.play(1, 1, at(900))
	e.erase(1)
	e.erase(99)
	e.play(99, 1, at(900))
	check(901, 0, 0, -1)
}

// FuzzEffects proves that following effects ends.
func FuzzEffects(f *testing.F) {
	f.Add(uint16(0), uint16(0), int32(1<<30), int64(1<<40))
	f.Add(uint16(1), uint16(0), int32(100), int64(5000))
	f.Fuzz(func(t *testing.T, length, delay uint16, times int32, later int64) {
		e := effects{gain: fullGain}
		e.upload(3, effect{low: 1, length: time.Duration(length) * time.Millisecond, delay: time.Duration(delay) * time.Millisecond})
		e.play(3, times, time.Unix(0, 0))
		low, _, next := e.strength(time.Unix(0, later&(1<<36-1)))
		if low > 1 || !next.IsZero() && next.Before(time.Unix(0, later&(1<<36-1))) {
			t.Error(fmt.Sprint(low, next))
		}
	})
}

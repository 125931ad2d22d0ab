package mode

import (
	"cmp"
	"math"
	"math/bits"
	"time"
)

// Rate is an exact rate in Hz: 60000/1001 is not 60. The zero value is no rate.
type Rate struct{ Num, Den uint64 }

// NewRate returns num/den Hz in lowest terms, no rate where either is 0.
func NewRate(num, den uint64) Rate {
	if num == 0 || den == 0 {
		return Rate{}
	}
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	return Rate{num / a, den / a}
}

// Hz is the rate of n cycles a second.
func Hz(n uint64) Rate { return NewRate(n, 1) }

// FromMilliHz is the rate of n cycles in 1000 seconds.
func FromMilliHz(n uint32) Rate { return NewRate(uint64(n), 1000) }

// Known says whether r is a rate.
func (r Rate) Known() bool { return r.Num > 0 && r.Den > 0 }

// Float is r in Hz, 0 for no rate.
func (r Rate) Float() float64 {
	if !r.Known() {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// Period is the time of one cycle, rounded to 1 ns; 0 for no rate.
func (r Rate) Period() time.Duration {
	if !r.Known() {
		return 0
	}
	return time.Duration(r.scaled(uint64(time.Second), r.Den, r.Num))
}

// MilliHz is r in 1/1000 Hz, rounded.
func (r Rate) MilliHz() uint32 {
	if !r.Known() {
		return 0
	}
	return uint32(min(r.scaled(1000, r.Num, r.Den), math.MaxUint32))
}

// scaled is a*b/c, rounded, at most the highest positive int64.
func (Rate) scaled(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	lo, carry := bits.Add64(lo, c/2, 0)
	hi += carry
	if hi >= c {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, c)
	return min(q, math.MaxInt64)
}

// Compare is -1, 0 or 1 as r is lower than o, the same or higher, exactly; no
// rate is lowest.
func (r Rate) Compare(o Rate) int {
	if !r.Known() || !o.Known() {
		return cmp.Compare(b2i(r.Known()), b2i(o.Known()))
	}
	h1, l1 := bits.Mul64(r.Num, o.Den)
	h2, l2 := bits.Mul64(o.Num, r.Den)
	return cmp.Or(cmp.Compare(h1, h2), cmp.Compare(l1, l2))
}

// Divided is r/k, no rate for a k below 1.
func (r Rate) Divided(k int) Rate {
	if k < 1 || !r.Known() {
		return Rate{}
	}
	if hi, _ := bits.Mul64(r.Den, uint64(k)); hi != 0 {
		return Rate{}
	}
	return NewRate(r.Num, r.Den*uint64(k))
}

// Multiple says how many cycles of r last one of a slower stream, at least 1,
// and by what part of it that is wrong: 0 when stream divides r. Without either
// rate it is 0, 0.
func (r Rate) Multiple(stream Rate) (k int, wrong float64) {
	if !r.Known() || !stream.Known() {
		return 0, 0
	}
	times := r.Float() / stream.Float()
	whole := max(math.Round(times), 1)
	return int(min(whole, math.MaxInt32)), math.Abs(times/whole - 1)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

package linktest

import (
	"math"
	"math/rand/v2"
	"time"
)

// window is how many frames make 100 ms: within any so many that follow each
// other a [Shape] never gives more bytes than the rate. So it is for one more,
// which a receiver sees within 100 ms when the first came a little late.
const window = int(100 * time.Millisecond / FrameInterval)

// Sizes of frames, as parts of the mean. Encoders with a small buffer spread
// about like this; floor keeps every frame visible.
const (
	floorSize = 0.25
	ceilSize  = 2.5
	spread    = 0.35 // of the logarithm
	drawMean  = 1.45 // above 1, because the bound over a window takes away
	sceneOdds = 30   // one frame in so many is a change of scene
	sceneSize = 2.2
)

// Shape makes the sizes of video frames for a rate: most near the mean, some
// much larger, and never more than the rate within any 100 ms. The same seed
// gives the same sizes. One goroutine uses it.
type Shape struct {
	mean float64         // bytes on the line
	last [window]float64 // newest first, as parts of the mean
	owed float64         // bytes that rounding left
	rng  *rand.Rand
}

// NewShape returns the frames of a step. What pings cost is taken off the rate.
func NewShape(rateBps int, seed uint64) *Shape {
	return &Shape{
		mean: float64(rateBps-pingShare) / 8 / FrameRate,
		rng:  rand.New(rand.NewPCG(seed, uint64(rateBps))),
	}
}

// Next returns how many bytes the next frame has on the line, headers included.
func (s *Shape) Next() int {
	x := math.Exp(s.rng.NormFloat64()*spread-spread*spread/2) * drawMean
	if s.rng.IntN(sceneOdds) == 0 {
		x *= sceneSize
	}
	x = min(max(x, floorSize), ceilSize)
	x = min(x, s.room(window), s.room(window+1))
	copy(s.last[1:], s.last[:])
	s.last[0] = x
	s.owed += x * s.mean
	n := math.Floor(s.owed)
	s.owed -= n
	return int(n)
}

// room is how much the next frame may have so that it and those before it are
// within the mean over every n frames: whatever the last k had, this one and the
// rest of the n, of at least floorSize each, must fit.
func (s *Shape) room(n int) float64 {
	least, sum := math.Inf(1), 0.0
	for k := range n {
		rest := float64(n-1-k) * floorSize
		least = min(least, float64(n)-rest-sum)
		if k < n-1 {
			sum += s.last[k]
		}
	}
	return least
}

// Split cuts a frame of so many bytes on the line into packets: full payloads
// and the size of the last one. A rest too small for a packet of its own is left
// out, so a frame never costs more than it has.
func Split(bytes int) (full, last int) {
	const whole = PayloadSize + Overhead
	full = bytes / whole
	if last = bytes%whole - Overhead; last < PacketHeader {
		last = 0
	}
	return full, last
}

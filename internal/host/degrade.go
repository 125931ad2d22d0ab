package host

import (
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// Bounds of what a slow path does to pictures. A change is a keyframe, which a
// slow path feels, so they are rare: down when it is needed, up when it has
// been possible for a while.
const (
	maxLevel = 8 // a sixteenth of the load
	// A rate is too low when it is below this share of what pictures need,
	// and enough for better ones from that share on.
	tooLow, enough = 0.8, 1.25
	lowFor         = time.Second
	enoughFor      = 3 * time.Second
	changeInterval = 2 * time.Second
	// starved is a share at which nothing is waited for.
	starved    = 0.4
	starvedFor = 400 * time.Millisecond
)

// bitsPerMacroblock is what a moving desktop needs to be readable, in coded
// bits for 16x16 pixels. It was found with the test card and zero-latency
// encoders: below it they miss their rate.
func bitsPerMacroblock(c media.Codec) float64 {
	if c == media.CodecHEVC {
		return 5
	}
	return 8
}

// degrader makes a screen's pictures rarer and then smaller while the path has
// too little for them. Level n is the load divided by 2^(n/2). One goroutine
// owns it.
type degrader struct {
	level   int
	changed time.Time
	low     time.Time // since when the rate is too low; zero: it is not
	high    time.Time // since when it would do for a better level
}

// part is the share of the load at a level.
func part(level int) float64 { return math.Pow(2, -float64(level)/2) }

// follow takes the rate that the path gives, in bits per second, and the rate
// that the screen would have without the path, for pictures of so much load
// (macroblocks per second). It reports whether the level changed. Only the path
// degrades pictures: who configured a low rate gets what was configured.
func (d *degrader) follow(now time.Time, codec media.Codec, load float64, bps, without int) bool {
	need := min(load*bitsPerMacroblock(codec), float64(without))
	if need <= 0 {
		return false
	}
	have := float64(bps)
	at := have / (need * part(d.level))
	if at >= tooLow {
		d.low = time.Time{}
	} else if d.low.IsZero() {
		d.low = now
	}
	if d.level == 0 || have < enough*need*part(d.level-1) {
		d.high = time.Time{}
	} else if d.high.IsZero() {
		d.high = now
	}
	switch {
	case d.worse(now, at):
		return d.set(now, levelFor(have/need))
	case !d.high.IsZero() && now.Sub(d.high) >= enoughFor && now.Sub(d.changed) >= changeInterval:
		return d.set(now, levelFor(have/need/enough))
	}
	return false
}

// wait forgets how long the rate has been as it is.
func (d *degrader) wait() { d.low, d.high = time.Time{}, time.Time{} }

// worse reports whether it is time to go down.
func (d *degrader) worse(now time.Time, at float64) bool {
	if d.low.IsZero() {
		return false
	}
	wait := lowFor
	if at < starved {
		wait = starvedFor
	}
	return now.Sub(d.low) >= wait && now.Sub(d.changed) >= changeInterval
}

func (d *degrader) set(now time.Time, level int) bool {
	was := d.level
	d.level, d.low, d.high = level, time.Time{}, time.Time{}
	if level != was {
		d.changed = now
	}
	return level != was
}

// levelFor is the best level that a share of the need is enough for.
func levelFor(share float64) int {
	if share >= 1 {
		return 0
	}
	return min(int(math.Ceil(-2*math.Log2(share)-1e-9)), maxLevel)
}

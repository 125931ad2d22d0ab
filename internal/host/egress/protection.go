package egress

import (
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
)

// Bounds of forward error correction, as shares of a picture's packets.
const (
	maxFECShare = 0.5
	lossOn      = 0.003  // from this loss on
	lossOff     = 0.0015 // down to this
	// queueing is a delay from which losses are taken to be the queue's, for
	// which less must be sent, not more. It may be known a while after them.
	queueing  = 25 * time.Millisecond
	queueTime = 250 * time.Millisecond
	// lossTime is what a loss is a mean over.
	lossTime = 2 * time.Second
	// fecRelease is how much of an excess goes each tick: half in 0.7 s.
	fecRelease = 0.025
)

// protection decides how much FEC pictures get.
type protection struct {
	share float64 // of the packets of a picture; 0: none
	run   float64 // mean length of a loss

	// Packets that were reported: counts as they stood when this spell and the
	// one before began, and decaying sums of those before, without spells that
	// had a queue.
	spell               time.Duration // when it began
	excused             time.Duration // losses until then are of a path that broke down
	now, before         reports
	losses, runs, total float64
}

// reports counts packets in feedback: lost, in so many runs, of all.
type reports struct{ lost, runs, all uint64 }

// follow takes the path's newest estimate and how many packets were reported,
// once a tick. More is given at once, less slowly: losses come in bursts.
func (p *protection) follow(at time.Duration, e congestion.Estimate, r reports) {
	keep := math.Exp(-tickInterval.Seconds() / lossTime.Seconds())
	p.losses, p.runs, p.total = p.losses*keep, p.runs*keep, p.total*keep
	switch {
	case e.QueueDelay > queueing, at < p.excused:
		p.spell, p.now, p.before = at, r, r
	case at-p.spell >= queueTime:
		// A packet that was late after all may make it fewer.
		p.losses = max(p.losses+float64(int64(p.now.lost-p.before.lost)), 0)
		p.runs += float64(p.now.runs - p.before.runs)
		p.total += float64(p.now.all - p.before.all)
		p.spell, p.before, p.now = at, p.now, r
	}
	loss := 0.0
	if p.total >= 1 {
		loss = p.losses / p.total
	}
	p.run = max(p.losses/max(p.runs, 1), 1)
	switch want := fecShare(loss, e.RTT); {
	case loss < lossOff:
		p.share = 0
	case want > p.share:
		p.share = want
	default:
		p.share += (want - p.share) * fecRelease
	}
}

// breakdown is told that the path has become much slower: what is lost now and
// in a moment is what its queue could not take.
func (p *protection) breakdown(at time.Duration) {
	p.excused = at + time.Second
	p.before = p.now
}

// fecShare is the share of repair packets for a loss. A repetition is as good
// where the round trip is short, and costs only what was lost; at 60 ms it
// comes three pictures late.
func fecShare(loss float64, rtt time.Duration) float64 {
	if loss < lossOn {
		return 0
	}
	late := min(max((rtt.Seconds()-0.005)/0.055, 0), 1)
	return min(loss*(1.5+4.5*late), maxFECShare)
}

// repairs returns how many repair packets a frame of so many gets: its share,
// one and a half times that for a keyframe, which everything after refers to;
// as many as a loss is long, so that one is covered, but for that no more than
// twice its share; at least one, at most half as many as there are packets.
func (p *protection) repairs(packets int, keyframe bool) int {
	if p.share == 0 || packets == 0 {
		return 0
	}
	share := p.share
	if keyframe {
		share = min(share*1.5, maxFECShare)
	}
	n := int(math.Ceil(share * float64(packets)))
	n = max(n, min(int(math.Round(p.run)), 2*n))
	return max(min(n, (packets+1)/2), 1)
}

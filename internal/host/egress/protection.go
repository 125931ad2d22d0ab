package egress

import (
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
)

// Bounds of forward error correction, as shares of a picture's packets.
const (
	maxFECShare = 0.5
	leastFEC    = 0.01 // while there is any: one packet for each picture
	// From this loss on, and where a repetition comes late. Losses are seldom
	// there, but each stops the picture for a round trip, many times a minute.
	lossOn, lossOnLate = 0.003, 0.0003
	fecHold            = 5 * time.Second // without such a loss, until there is none
	// fecRelease is how much of an excess goes each tick: half in 0.7 s.
	fecRelease = 0.025
)

// protection decides how much FEC pictures get.
type protection struct {
	share float64 // of the packets of a picture; 0: none
	run   float64 // mean length of a loss
	held  time.Duration
}

// follow takes the path's newest estimate, once a tick. More is given at once,
// less slowly: losses come in bursts.
func (p *protection) follow(e congestion.Estimate) {
	p.run = e.LossRun
	want := fecShare(e.Loss, e.RTT)
	p.held -= tickInterval
	if want > 0 {
		p.held = fecHold
	}
	switch {
	case p.held <= 0:
		p.share, p.held = 0, 0
	case want > p.share:
		p.share = want
	default:
		p.share += (max(want, leastFEC) - p.share) * fecRelease
	}
}

// late is how much too late a repetition comes, 0..1: at 60 ms by three
// pictures.
func late(rtt time.Duration) float64 { return min(max((rtt.Seconds()-0.005)/0.055, 0), 1) }

// fecShare is the share of repair packets for a loss. A repetition is as good
// where the round trip is short, and costs only what was lost.
func fecShare(loss float64, rtt time.Duration) float64 {
	late := late(rtt)
	if loss < lossOn+(lossOnLate-lossOn)*late {
		return 0
	}
	return min(max(loss*(1.5+4.5*late), leastFEC), maxFECShare)
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

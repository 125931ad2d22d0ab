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
	// fecRelease is how much of an excess goes each tick: half in 0.7 s.
	fecRelease = 0.025
)

// protection decides how much FEC pictures get.
type protection struct {
	share float64 // of the packets of a picture; 0: none
	run   float64 // mean length of a loss
}

// follow takes the path's newest estimate, once a tick. More is given at once,
// less slowly: losses come in bursts.
func (p *protection) follow(e congestion.Estimate) {
	p.run = e.LossRun
	switch want := fecShare(e.Loss, e.RTT); {
	case e.Loss < lossOff:
		p.share = 0
	case want > p.share:
		p.share = want
	default:
		p.share += (want - p.share) * fecRelease
	}
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

package congestion

import (
	"time"
)

const (
	probeFactor  = 2.0                   // times the target
	probeSpan    = 10 * time.Millisecond // of a cluster
	probeLeast   = 6                     // packets
	probeMost    = 64
	probeSlowest = 1_000_000 // bit/s: slower clusters would take too long
	probePacket  = 1200      // bytes, about
	probeIdle    = 300 * time.Millisecond
	probeTimeout = 200 * time.Millisecond // until it was sent
	probeRest    = time.Second            // after one that found nothing
	probeFast    = 10_000_000             // bit/s: above it clusters are large
	probeRestBig = 4 * time.Second        // and rarer
	probeRenew   = 5 * time.Second        // what was measured so long ago is measured again
)

// prober asks for clusters where the media make no trains from which more
// could be learned: at the beginning, at low rates, and while the picture
// needs little.
type prober struct {
	id      uint16
	waiting bool // for the result of id
	asked   time.Duration
	bps     float64
	next    time.Duration
	worked  bool // the last one showed that there is more
	trains  int  // trains.total when it was asked
}

// ask is Controller.Probe.
func (p *prober) ask(c *Controller, at time.Duration) (Probe, bool) {
	if !p.due(c, at) {
		return Probe{}, false
	}
	factor := probeFactor
	if c.rate.phase != ramping {
		factor = 1.5
	}
	bps := min(max(factor*c.rate.target, probeSlowest), 1.1*c.useful()/unproven)
	p.id++
	if p.id == 0 {
		p.id = 1
	}
	p.waiting, p.asked, p.bps, p.trains = true, at, bps, c.trains.total
	packets := bound(int(bps*probeSpan.Seconds()/8/probePacket)+1, probeLeast, probeMost)
	return Probe{ID: p.id, Bps: int(bps), Packets: packets}, true
}

// due reports whether a cluster would help now.
func (p *prober) due(c *Controller, at time.Duration) bool {
	r := &c.rate
	switch {
	case p.waiting && at-p.asked < probeTimeout+2*c.rtt+c.quiet.gap:
		return false
	case p.waiting:
		p.fail(c, at)
		return false
	case at < p.next, c.quiet.factor != 0, r.phase == draining, r.isHigh,
		c.losses.test.pending, r.policed > 0:
		return false
	}
	if t, ok := c.trains.newest(); ok && !p.worked && at-t.end < probeIdle+c.rtt+c.quiet.gap {
		return false // the media probe by themselves
	}
	return r.target < 0.95*c.useful() || at-r.proven > probeRenew
}

// heard looks for the result of the last cluster among the trains.
func (p *prober) heard(c *Controller, at time.Duration) {
	t, ok := c.trains.newest()
	if !p.waiting || !ok || t.probe != p.id || c.trains.total == p.trains {
		return
	}
	if t.slope < 0.1 && t.rateBps > 0.7*p.bps {
		p.waiting, p.worked, p.next = false, true, at
		return
	}
	p.fail(c, at)
}

// fail ends a cluster that showed no more than was known.
func (p *prober) fail(c *Controller, at time.Duration) {
	p.waiting, p.worked = false, false
	p.next = at + probeRest
	if c.rate.target > probeFast {
		p.next = at + probeRestBig
	}
}

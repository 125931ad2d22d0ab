package congestion

import "time"

// testLoss runs the loss test.
func (c *Controller) testLoss(at time.Duration) {
	l, r := &c.losses, &c.rate
	if t := &l.test; t.pending {
		if c.path.newest <= t.to && at < t.to+c.rtt+time.Second {
			return
		}
		if limited, done := l.verdict(at); done && limited {
			// What chance took had passed the limit.
			r.policed, r.policedAt = t.carried/(1-min(l.inherent, 0.5)), at
			r.capacity = min(r.capacity, r.policed)
			r.target = min(r.target, utilization*r.policed)
			r.phase = steady
		}
		return
	}
	if at < l.test.next || r.isHigh || !l.unexplained() {
		return
	}
	carried := c.in.rate(c.path.arrived, 300*time.Millisecond)
	if carried <= 0 {
		return
	}
	if r.phase == ramping && l.short.value() < 0.15 {
		return
	}
	if read := c.trains.read(c.path.newest, r.epoch); read.trains > 0 {
		carried = max(carried, read.capacityBps*(1-read.loss))
	}
	l.begin(at, r.target, carried)
}

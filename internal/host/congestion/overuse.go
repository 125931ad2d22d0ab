package congestion

import "time"

// overused looks for a queue that we make, and acts on it.
func (r *rate) overused(c *Controller, at time.Duration, read reading) bool {
	r.least = min(r.least, c.path.queue)
	r.waited = c.path.last - c.path.lowest()
	if at-r.compared >= risingSpan {
		if r.waited > r.waitedThen+10*time.Millisecond {
			r.rising++
		} else {
			r.rising = 0
		}
		r.waitedThen, r.compared = r.waited, at
	}
	if carried, ok := r.collapsed(c); ok {
		r.fall(c, at, carried)
		return true
	}
	if r.phase == draining || c.path.queue <= r.limit(c) {
		r.isHigh = false
		return false
	}
	if !r.isHigh {
		r.isHigh, r.high = true, c.path.newest
	}
	if r.ended > 0 && c.path.newest < r.ended+queueWindow {
		return false // what is seen was sent before the drain ended
	}
	lasts := c.path.newest - r.high
	// Trains say whether it can be ours. They overtake nobody but are faster
	// than the mean, so they get more than their share where others send.
	enough, ours := 250*time.Millisecond+100*c.path.noise, 1.0
	if r.shared || c.path.noise < calm {
		ours = 1.1
	}
	if read.saturated() && read.sureBps() < ours*r.target {
		enough = 30 * time.Millisecond
	}
	if c.path.queue > 2*r.limit(c) {
		enough = queueWindow
	}
	if lasts < enough {
		return false
	}
	if !r.foreign(c, at) {
		r.yield(c, at, read)
	}
	return true
}

// collapsed looks for proof that the path has become far slower than the
// target, so that not a moment is lost: a train whose delay rose steadily, not
// in one step, a delay that rises from feedback to feedback, or a queue that
// overflows.
func (r *rate) collapsed(c *Controller) (carried float64, ok bool) {
	rate := r.target
	if r.phase == draining {
		rate = r.serving
	}
	late := r.waited > r.limit(c)+5*time.Millisecond
	if f, ok := c.tail.filling(); ok && late && c.path.noise < tailNoise && f.end > r.epoch && f.bps < 0.85*rate {
		return f.bps, c.backlog(r.last, f.bps) > r.limit(c)+5*time.Millisecond
	}
	overflows := c.path.queue > r.limit(c) && c.losses.unexplained() && c.losses.short.value() > 0.1
	if r.phase == draining && c.path.newest > r.drained || r.rising < 2 && !overflows || r.waited < r.limit(c)+30*time.Millisecond {
		return 0, false
	}
	carried = c.in.rate(c.path.arrived, 100*time.Millisecond)
	return carried, carried > 0 && carried < 0.8*rate && c.backlog(r.last, carried) > r.limit(c)+30*time.Millisecond
}

// fall follows a collapse of the path.
func (r *rate) fall(c *Controller, at time.Duration, carried float64) {
	r.capacity, r.shared = carried, false
	c.losses.queued = at + fellApart
	r.drain(c, at, carried, back*carried)
}

// yield follows a standing queue.
func (r *rate) yield(c *Controller, at time.Duration, read reading) {
	// What chance took after the bottleneck has been carried as well.
	carried := c.in.rate(c.path.arrived, 400*time.Millisecond) / (1 - min(c.losses.long.value(), 0.12))
	if read.trains > 0 {
		carried = min(carried, read.capacityBps)
	}
	if c.out.rate(at, 300*time.Millisecond) < 0.8*r.target {
		carried = max(carried, 0.9*r.target) // we did not ask for more
	}
	carried = min(carried, 1.1*r.target)
	if r.ended > 0 && at-r.ended < time.Second {
		carried = max(carried, 0.9*r.target) // too early to know
	}
	if r.shared {
		r.part = max(r.part-shareCut, shareLeast)
	}
	r.shared, r.sharedAt = true, at
	if read.saturated() {
		r.capacity = read.capacityBps
	}
	r.drain(c, at, carried, min(back*carried, 0.97*r.target))
}

// drain begins to send less than the path carries until its queue is gone.
func (r *rate) drain(c *Controller, at time.Duration, carried, after float64) {
	c.losses.excuse(at)
	r.serving = max(carried, float64(c.cfg.MinBps))
	r.target = bound(after, float64(c.cfg.MinBps), c.max)
	if r.phase != draining {
		r.drained, r.before, r.least = at, c.path.queue, c.path.queue
	}
	r.phase, r.isHigh, r.passed = draining, false, 0
	wait := c.backlog(at, r.serving).Seconds() / (1 - r.drainShare(c))
	r.drainBy = at + time.Duration(min(2*wait, drainEnd.Seconds())*float64(time.Second)) + c.rtt + c.quiet.gap + 100*time.Millisecond
}

// foreign reports that the queue is not ours: drain after drain it is still
// there. The path has become longer, or a flow that fills buffers keeps it
// full, and going down further would only make room for it. The queue is then
// taken as part of the path, and somewhat more of it is put up with for a while.
func (r *rate) foreign(c *Controller, at time.Duration) bool {
	if r.ended == 0 || at-r.ended > drainEnd || r.least < r.before*6/10 {
		r.stubborn = 0
		return false
	}
	r.stubborn++
	if r.stubborn < stubbornMost {
		return false
	}
	r.stubborn, r.isHigh = 0, false
	r.tolerated = min(c.path.queue/2, tolerance)
	c.path.accept()
	return true
}

// serve corrects what the path carries by what arrives of the packets that were
// sent before the drain, while the queue is long enough to keep it busy. What
// was sent since says nothing but our own rate.
func (r *rate) serve(c *Controller) {
	if c.path.queue < r.limit(c)+20*time.Millisecond || c.path.newest > r.drained {
		return
	}
	if in := c.in.rate(c.path.arrived, 100*time.Millisecond); in < r.serving {
		r.serving = max(in, float64(c.cfg.MinBps))
		r.capacity = min(r.capacity, r.serving/0.7)
		r.target = min(r.target, r.serving)
	}
}

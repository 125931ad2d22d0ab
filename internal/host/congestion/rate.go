package congestion

import (
	"math"
	"time"
)

// phase of a rate.
type phase uint8

const (
	ramping  phase = iota // the path has never been full: every train may double the rate
	steady                // near the capacity
	draining              // below it until the queue is gone
)

const (
	utilization = 0.95                   // of the capacity, as long as nobody shares the path
	unproven    = 0.9                    // of what trains have shown to pass
	growth      = 150 * time.Millisecond // towards that
	shrinking   = 300 * time.Millisecond

	sharing     = 0.86                   // of the capacity that trains see, after a queue that others may have made
	shareCut    = 0.04                   // less after each further one, because trains that never meet see too much
	shareLeast  = 0.66                   // but not below
	shareBack   = 0.01                   // more per second
	shareBonus  = 400_000                // bit/s more, so that flows whose trains always meet become equal as well
	settling    = 400 * time.Millisecond // towards that
	sharedFor   = 10 * time.Second
	sharedLeast = 2 * time.Second // even if all trains pass

	pushBps   = 500_000 // per second: the search for more where no trains tell
	pushShare = 0.15    // per second, of the target: likewise, on slow paths

	paceRamp    = 2.0  // times the target
	paceSteady  = 1.2  // times the capacity
	paceStep    = 1.15 // more for each round in which trains passed unhindered
	paceMost    = 4.0  // times the target
	paceLeast   = 1.25 // times the target
	pacePoliced = 1.03 // times the target, where the path has no queue to speak of

	queueLimit = 5 * time.Millisecond  // standing queue that is too much, on a path without jitter
	queueMost  = 15 * time.Millisecond // likewise, on one with much of it
	risingSpan = 40 * time.Millisecond
	calm       = 2500 * time.Microsecond // noise below which a path has no jitter to speak of

	back       = 0.92                   // of what was carried, after a queue
	drainSpan  = 250 * time.Millisecond // a queue is to be gone in
	drainLeast = 0.25                   // of the capacity that is sent meanwhile
	drainMost  = 0.85
	drainEnd   = 3 * time.Second

	stubbornMost = 3                     // drains without effect prove that a queue is not ours
	tolerance    = 30 * time.Millisecond // of it, at most
	toleranceFor = 10 * time.Second
)

// rate is the target and what it is derived from, in bit/s. All times are of
// the sender's clock.
type rate struct {
	phase    phase
	target   float64
	capacity float64 // what trains have shown last
	shared   bool    // the last overuse was not ours alone
	sharedAt time.Duration
	part     float64 // of the capacity that is ours while shared
	passed   int     // rounds of trains that passed unhindered
	counted  int     // trains.total at the last round
	last     time.Duration
	epoch    time.Duration // trains sent before are of another path

	high       time.Duration // Sent since which the queue is too long
	isHigh     bool
	waited     time.Duration // of the newest packet, at the last feedback
	rising     int           // times in a row, risingSpan apart, at which it was far more than before
	compared   time.Duration // the last of them
	waitedThen time.Duration // what was waited then
	serving    float64       // what the path carries while draining
	drained    time.Duration // when it began
	drainBy    time.Duration // when it should have worked
	before     time.Duration // the standing queue then
	least      time.Duration // the shortest since
	stubborn   int           // drains in a row that left the queue as it was
	ended      time.Duration // when the last one ended
	tolerated  time.Duration // standing queue of others that is put up with

	policed   float64 // where a limit without queue drops, 0: not known
	policedAt time.Duration
	proven    time.Duration
}

func (r *rate) begin(start float64) {
	*r = rate{target: start, capacity: start / unproven, part: sharing}
}

// now is the rate to send at this moment.
func (r *rate) now(c *Controller) float64 {
	t := r.target
	switch {
	case r.phase == draining:
		t = min(t, r.serving*r.drainShare(c))
	case c.losses.test.running:
		t = min(t, c.losses.test.rateBps)
	}
	if f := c.quiet.factor; f != 0 {
		t *= f
	}
	return t
}

// drainShare is the share of the capacity that leaves the queue drainSpan.
func (r *rate) drainShare(c *Controller) float64 {
	return bound(1-c.backlog(r.last, r.serving).Seconds()/drainSpan.Seconds(), drainLeast, drainMost)
}

// pacing is the rate at which packets leave.
func (r *rate) pacing(c *Controller) float64 {
	t := r.now(c)
	switch {
	case c.quiet.factor != 0:
		return t * paceLeast
	case r.phase == draining:
		return max(t*paceLeast, r.serving/2)
	case c.losses.test.running, r.policed > 0:
		return t * pacePoliced
	case r.phase == ramping:
		return t * paceRamp
	}
	p := paceSteady
	for i := 0; i < min(r.passed, 4) && !r.shared; i++ {
		p *= paceStep
	}
	return bound(p*r.capacity, paceLeast*t, paceMost*t)
}

// limit is the standing queue that is too much.
func (r *rate) limit(c *Controller) time.Duration {
	return min(queueLimit+2*c.path.noise, queueMost) + r.tolerated
}

// backlog is how long a packet that is sent now would wait in the queue: what
// the newest reported packet waited, and what was sent since, less what the
// path has carried since.
func (c *Controller) backlog(at time.Duration, serving float64) time.Duration {
	if !c.path.known || serving <= 0 {
		return 0
	}
	waited := max(c.path.last-c.path.lowest(), 0)
	since := float64(c.out.since(c.path.newest)) * 8 / serving
	return bound(waited+time.Duration(since*float64(time.Second))-(at-c.path.newest), 0, time.Minute)
}

// decide follows feedback in which something was received.
func (c *Controller) decide(at time.Duration) {
	r := &c.rate
	dt := bound(at-r.last, 0, 100*time.Millisecond)
	r.last = at
	c.probe.heard(c, at)
	r.tolerated -= time.Duration(float64(r.tolerated) * dt.Seconds() / toleranceFor.Seconds())
	fresh := c.trains.total != r.counted
	r.counted = c.trains.total
	read := c.trains.read(c.path.newest, r.epoch)
	if fresh && r.phase != draining {
		r.learn(c, at, read)
	}
	over := r.overused(c, at, read)
	c.path.measure(r.phase != draining)
	switch {
	case over:
	case r.phase == draining:
		r.serve(c)
	default:
		c.testLoss(at)
		c.losses.settle(dt)
		r.grow(c, at, dt)
	}
}

// learn takes the capacity from the trains.
func (r *rate) learn(c *Controller, at time.Duration, read reading) {
	if read.trains == 0 {
		return
	}
	// Packets that were lost have used the path if chance took them; those
	// that a full path took have not. Beyond what is tolerated assume that.
	m := read.capacityBps
	lossy := read.loss > max(0.13, c.losses.inherent+0.05)+2*c.losses.deviation(read.loss, float64(read.packets))
	if lossy {
		m *= 1 - read.loss
	}
	m = min(m, paceMost*float64(c.cfg.MaxBps))
	switch {
	case read.saturated() || lossy:
		if r.phase == ramping {
			r.phase, r.capacity = steady, m
		}
		r.passed = 0
		r.capacity += 0.3 * (m - r.capacity)
		r.proven = at
	case read.clear():
		if m > r.capacity {
			r.capacity = m
		}
		if m > 1.05*r.target {
			r.passed++
		}
		r.proven = at
	}
}

// grow moves the target towards its share of the capacity.
func (r *rate) grow(c *Controller, at, dt time.Duration) {
	if at-r.sharedAt > sharedFor || at-r.sharedAt > sharedLeast && r.passed >= 6 {
		r.shared = false
	}
	r.part = min(r.part+shareBack*dt.Seconds(), sharing)
	if r.policed > 0 && at-r.policedAt > policedFor {
		r.policed *= 1 + 0.02*dt.Seconds()
	}
	limit := c.useful()
	if r.policed > 0 {
		limit = min(limit, utilization*r.policed)
	}
	goal := r.goal()
	calmNow := c.path.queue <= r.limit(c)/2 || c.losses.test.pending
	known := at-r.proven < time.Second
	switch {
	case goal < r.target:
		if known && r.policed == 0 {
			r.target += (goal - r.target) * (1 - math.Exp(-dt.Seconds()/shrinking.Seconds()))
		}
	case !calmNow || r.target >= limit:
	case known && r.phase == ramping:
		r.target = min(goal, limit)
	case known:
		slow := growth
		if r.shared {
			slow = settling
		}
		r.target += (min(goal, limit) - r.target) * (1 - math.Exp(-dt.Seconds()/slow.Seconds()))
	case r.policed == 0 && c.out.rate(at, 300*time.Millisecond) > 0.8*r.target:
		r.target = min(r.target+min(pushBps, pushShare*r.target)*dt.Seconds(), limit)
	}
}

// goal is the share of the capacity that is used. Where several flows of this
// kind meet, each with trains of 1.25 times its target, a train of flow i gets
// C*1.25*Ti / (1.25*Ti + the others' T), and if each takes the same part u of
// what its trains get, there is one point of rest, at which all are equal; with
// u = 0.88 two of them then send 0.98*C.
func (r *rate) goal() float64 {
	switch {
	case r.shared:
		return r.part*r.capacity + min(shareBonus, 0.3*r.target)
	case r.phase == ramping, r.passed > 0:
		return unproven * r.capacity
	}
	return utilization * r.capacity
}

// advance lets time pass.
func (c *Controller) advance(at time.Duration) {
	c.quiet.tick(at, c.rtt)
	r := &c.rate
	if r.phase == draining {
		r.last = max(r.last, at)
		switch {
		case at <= r.drained:
		case at > r.drainBy, c.backlog(at, r.serving) < 2*time.Millisecond:
			r.phase, r.ended, r.epoch = steady, at, r.drained
		}
	}
	if t := &c.losses.test; t.running && at > t.to {
		t.running = false
	}
}

// resume follows the first feedback after a silence, most of which was carried
// or not.
func (c *Controller) resume(at time.Duration, carried bool) {
	if !c.quiet.end(at, c.rtt, carried) {
		return
	}
	r := &c.rate
	c.losses.cancel()
	r.epoch, r.ended = at, at
	r.passed = 0
	if r.phase == draining {
		r.phase = steady
	}
	r.target = max(0.75*r.target, float64(c.cfg.MinBps))
}

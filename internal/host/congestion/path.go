package congestion

import "time"

const (
	baseBuckets = 12                    // of a second each: how long the lowest delay is remembered
	baseSpan    = time.Second           // of one bucket
	queueWindow = 60 * time.Millisecond // of sending, whose lowest delay is the standing queue
	clockJump   = 5 * time.Second       // a one-way delay that changes by this is another clock
	farAway     = time.Duration(1) << 60
	windowMax   = 1024
)

// path measures one-way delay: the lowest of the last seconds is the path
// without a queue, what the lowest of the last queueWindow is above it is the
// standing queue. A minimum is used because jitter, bunched arrivals and the
// queue that a frame makes for its own packets only ever add to delay.
//
// The two clocks are not the same and drift apart by up to 100 ppm; over the
// 12 s of memory that is 1.2 ms at most, far below any threshold.
type path struct {
	known   bool
	last    time.Duration // newest one-way delay, offset of the clocks included
	newest  time.Duration // Sent of the newest packet received
	arrived time.Duration // Received of it

	base   [baseBuckets]time.Duration
	bucket int           // in base, that is filled now
	until  time.Duration // Sent at which the next one begins

	// The monotone queue of a sliding minimum: delays ascending, oldest first.
	window      [windowMax]delayAt
	first, size int

	queue  time.Duration // standing, as of the last packet
	noise  time.Duration // mean change of queue from one queueWindow to the next
	prev   time.Duration // queue at the last measurement
	looked time.Duration // Sent of the newest packet then

	measured int // times, up to 16
}

type delayAt struct{ sent, delay time.Duration }

// oneWay is the delay of a packet, with the unknown offset of the clocks,
// bounded so that no sum of two overflows.
func oneWay(p Packet) time.Duration {
	return bound(p.Received, -farAway, farAway) - bound(p.Sent, -farAway, farAway)
}

// add takes a received packet and reports false if the receiver's clock has
// jumped, in which case everything before it was forgotten.
func (d *path) add(p Packet) bool {
	delay := oneWay(p)
	same := true
	if d.known && (delay-d.last > clockJump || d.last-delay > clockJump) {
		*d = path{noise: d.noise, measured: d.measured}
		same = false
	}
	if !d.known {
		d.known = true
		d.newest, d.arrived = p.Sent, p.Received
		d.rebase(delay)
	}
	d.last = delay
	if p.Sent >= d.newest {
		d.newest, d.arrived = p.Sent, p.Received
	}
	d.remember(p.Sent, delay)
	d.slide(delayAt{p.Sent, delay})
	d.queue = max(d.window[d.first].delay-d.lowest(), 0)
	return same
}

// remember puts a delay into the bucket of its second.
func (d *path) remember(sent, delay time.Duration) {
	if sent-d.until > baseBuckets*baseSpan {
		// Nothing was heard for longer than the memory: what is known stays
		// in the oldest bucket and goes with the next.
		low := d.lowest()
		d.rebase(low)
		d.until = sent
	}
	for sent >= d.until {
		d.bucket = (d.bucket + 1) % baseBuckets
		d.base[d.bucket] = delay
		d.until += baseSpan
	}
	d.base[d.bucket] = min(d.base[d.bucket], delay)
}

// slide moves the window of the standing queue to its newest packet.
func (d *path) slide(x delayAt) {
	if d.size > 0 && x.sent < d.newest-queueWindow {
		return
	}
	for d.size > 0 && d.window[(d.first+d.size-1)%windowMax].delay >= x.delay {
		d.size--
	}
	if d.size == windowMax {
		d.first, d.size = (d.first+1)%windowMax, d.size-1
	}
	d.window[(d.first+d.size)%windowMax] = x
	d.size++
	for d.size > 1 && d.window[d.first].sent < d.newest-queueWindow {
		d.first, d.size = (d.first+1)%windowMax, d.size-1
	}
}

// lowest is the delay of the path without a queue.
func (d *path) lowest() time.Duration {
	low := d.base[0]
	for _, b := range d.base[1:] {
		low = min(low, b)
	}
	return low
}

// rebase takes a delay as that of the empty path: at the beginning, after a
// change of route, and where somebody else's queue does not go away.
func (d *path) rebase(delay time.Duration) {
	for i := range d.base {
		d.base[i] = delay
	}
	d.until = d.newest + baseSpan
	d.queue = 0
}

// accept takes the standing queue as part of the path.
func (d *path) accept() {
	if d.size > 0 {
		d.rebase(d.window[d.first].delay)
	}
}

// measure learns how much the standing queue varies by itself, from one
// queueWindow to the next however often feedback comes; quiet: nothing is done
// about it now.
func (d *path) measure(quiet bool) {
	if d.newest < d.looked+queueWindow*3/4 {
		return
	}
	d.looked = d.newest
	change := d.queue - d.prev
	d.prev = d.queue
	if change < 0 {
		change = -change
	}
	if !quiet {
		return
	}
	d.measured = min(d.measured+1, 16)
	d.noise += (min(change, 20*time.Millisecond) - d.noise) / time.Duration(max(d.measured, 4))
}

// bound is x within low and high.
func bound[T int | time.Duration | float64](x, low, high T) T { return max(low, min(x, high)) }

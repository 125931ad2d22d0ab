package egress

import "time"

// bucketTime is how much may leave back to back at the path's pace after a wait
// that lasted too long: the pace is kept although sleeps overshoot.
const bucketTime = 5 * time.Millisecond

// burstTime is how much may leave back to back otherwise, at the beginning of a
// frame: what leaves in a burst measures nothing, and fills the path's queue.
const burstTime = time.Millisecond

// minBucket is what a bucket holds at least, in bytes: two full packets.
const minBucket = 2 * (MaxPayload + packetOverhead)

// clusterLag is how far a cluster may fall behind its rate and catch up: what
// a sleep overshoots. More is lost, or its packets would leave in a burst.
const clusterLag = 2 * time.Millisecond

// pacer says when a packet may leave so that the path's pace is kept over
// bucketTime: a bucket whose level is what left lately and that leaks at the
// pace, but for burstTime no further while nothing waits. A cluster, which probes for more, has a rate of its own instead. Times
// are since the sender's epoch. It belongs to Run's goroutine.
type pacer struct {
	bps   int // 0: no limit
	level float64
	at    time.Duration // when level was true
	rests bool          // nothing has waited since then

	cluster cluster
}

// cluster is a group of packets that probes the path at a rate above the
// present one (congestion.Probe).
type cluster struct {
	id   uint16
	bps  int
	left int           // packets
	next time.Duration // when the next is due
}

// setPace changes the pace; what left before still counts, as far as the
// bucket of the new pace holds it.
func (p *pacer) setPace(now time.Duration, bps int) {
	p.leak(now)
	p.bps = bps
	p.level = min(p.level, p.size())
}

// probe begins a cluster.
func (p *pacer) probe(now time.Duration, c cluster) {
	c.next = now
	p.cluster = c
}

// probing reports whether a cluster is being sent.
func (p *pacer) probing() bool { return p.cluster.left > 0 }

// id is the cluster that a packet which leaves now belongs to, 0 for none.
func (p *pacer) id() uint16 {
	if !p.probing() {
		return 0
	}
	return p.cluster.id
}

func (p *pacer) size() float64 {
	return max(float64(p.bps)/8*bucketTime.Seconds(), minBucket)
}

func (p *pacer) leak(now time.Duration) {
	if d := now - p.at; d > 0 {
		p.level = max(p.level-float64(p.bps)/8*d.Seconds(), 0)
	}
	p.at = now
}

// rest is told that nothing waits.
func (p *pacer) rest() { p.rests = true }

// may reports whether a packet may leave now and, if not, how long it waits.
func (p *pacer) may(now time.Duration) (bool, time.Duration) {
	switch {
	case p.probing():
		return now >= p.cluster.next, max(p.cluster.next-now, 0)
	case p.bps == 0:
		return true, 0
	}
	p.leak(now)
	if p.rests {
		p.rests = false
		p.level = max(p.level, p.size()-max(float64(p.bps)/8*burstTime.Seconds(), minBucket))
	}
	over := p.level + MaxPayload + packetOverhead - p.size()
	if over <= 0 {
		return true, 0
	}
	// Shorter sleeps overshoot by more than they are long.
	return false, max(time.Duration(over*8/float64(p.bps)*float64(time.Second)), paceStep)
}

// took counts a packet that leaves now, one that asked no leave too.
func (p *pacer) took(now time.Duration, size int) {
	if p.bps > 0 {
		p.leak(now)
		p.level += float64(size)
	}
}

// tookCluster counts a packet of the cluster; the bucket does not see it, so
// that what follows the cluster does not wait for it.
func (p *pacer) tookCluster(now time.Duration, size int) {
	c := &p.cluster
	c.left--
	c.next = max(c.next, now-clusterLag) + time.Duration(float64(size)*8/float64(c.bps)*float64(time.Second))
}

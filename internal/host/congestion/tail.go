package congestion

import (
	"math"
	"time"
)

const (
	tailPackets = 128                    // that are remembered; a power of two
	tailGap     = 40 * time.Millisecond  // a longer pause of the sender ends the tail
	tailSpan    = 150 * time.Millisecond // of arrival, likewise
	tailLevel   = 500 * time.Microsecond // delays that differ by less are the same

	fillPackets = 6 // fewer prove nothing
	fillRise    = 8 * time.Millisecond
	rateLeast   = 4 // packets that tell the rate of a queue that grows
	rateRise    = 6 * time.Millisecond
	fillSlope   = 0.4                  // of delay over sending time, at least
	fillSteady  = 0.75                 // share of packets that waited longer than some before
	tailNoise   = 4 * time.Millisecond // of a path whose delays rise like this by themselves
)

// tail is the newest packets that were received, in the order in which they
// were sent. It finds a path that has just become slow as soon as a few packets
// show it, however they left: what arrives while a queue grows arrives at the
// rate of the path.
type tail struct {
	ring [tailPackets]tailed
	n    uint64 // ever added
}

type tailed struct {
	sent, received time.Duration
	size           int
}

func (p *tailed) delay() time.Duration { return p.received - p.sent }

func (t *tail) add(p Packet) {
	x := tailed{p.Sent, bound(p.Received, -farAway, farAway), p.Size}
	if t.n > 0 && x.sent < t.back(0).sent {
		return // late, and says nothing of now
	}
	t.ring[t.n%tailPackets] = x
	t.n++
}

// back is the packet that was received i before the newest.
func (t *tail) back(i int) *tailed { return &t.ring[(t.n-1-uint64(i))%tailPackets] }

// filling is a queue that grows.
type filling struct {
	bps float64       // that left it meanwhile: what the path carries
	end time.Duration // Sent of the newest packet in it
}

// filling reports whether the delay of the newest packets has risen, and so
// steadily that a queue must have grown under them. A radio's pause, or a host or a
// terminal that was not let run, is one step. The rate is the lowest of all
// spans that end with the newest packet: others begin before the path became slow.
func (t *tail) filling() (f filling, ok bool) {
	n, bytes, since := int(min(t.n, tailPackets)), 0, 0
	if n == 0 {
		return f, false
	}
	b := t.back(0)
	f.end = b.sent
	lowest, least, step := math.Inf(1), math.Inf(1), time.Duration(0)
	for i := 1; i < n; i++ {
		a := t.back(i)
		if t.back(i-1).sent-a.sent > tailGap || b.received-a.received > tailSpan {
			break
		}
		bytes += t.back(i - 1).size
		rise := b.delay() - a.delay()
		step = max(step, t.back(i-1).delay()-a.delay())
		if i < rateLeast || rise < rateRise || step > rise/2 || rise.Seconds() < fillSlope*(b.sent-a.sent).Seconds() {
			continue
		}
		bps := float64(bytes) * 8 / (b.received - a.received).Seconds()
		least = min(least, bps)
		if i >= fillPackets && rise >= fillRise && bps < lowest {
			lowest, since = bps, i
		}
	}
	f.bps = least
	return f, since > 0 && t.steady(since)
}

// steady reports whether most of the newest packets, from the one that was n
// before the newest on, waited longer than those a little before them.
func (t *tail) steady(n int) bool {
	apart, up := max(n/4, 2), 0
	for i := 0; i+apart <= n; i++ {
		p, q := t.back(i), t.back(i+apart)
		if p.delay()-q.delay() > (p.sent-q.sent)/10+tailLevel {
			up++
		}
	}
	return float64(up) >= fillSteady*float64(n-apart+1)
}

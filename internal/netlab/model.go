package netlab

import (
	"math/rand/v2"
	"time"
)

// ModelStats counts what a [Model] did. Every packet is either among those
// that arrived or in exactly one of the Lost fields.
type ModelStats struct {
	Packets   uint64 `json:"packets"` // that came to the link
	Bytes     uint64 `json:"bytes"`   // of them
	Arrived   uint64 `json:"arrived"` // of them, copies not counted
	LostOne   uint64 `json:"lost_random"`
	LostBurst uint64 `json:"lost_burst"`
	LostQueue uint64 `json:"lost_queue"`
	LostDown  uint64 `json:"lost_down"`
	Reordered uint64 `json:"reordered"`
	Copies    uint64 `json:"copies"`
	// QueueHigh is the longest that a packet which arrived had to wait in
	// the queue, its own transmission included, in nanoseconds.
	QueueHigh time.Duration `json:"queue_high_ns"`
}

// Lost is the sum of all losses.
func (s ModelStats) Lost() uint64 { return s.LostOne + s.LostBurst + s.LostQueue + s.LostDown }

// Model is one direction of a link in virtual time. It has no clock and draws
// from its seed only, so the same calls give the same results. Each
// impairment has a sequence of its own: with the same seed the same packets
// are lost whatever the delay, the rate or the jitter are.
//
// A packet passes, in this order: Down, queue and rate, burst loss, random
// loss, delay and jitter, reordering, duplication. Conditions may change at any
// time; packets that were already taken keep their arrival.
//
// A Model belongs to one goroutine.
type Model struct {
	c            Conditions
	enter, leave float64 // of the burst chain

	burst, loss, jitter, reorder, double *rand.Rand

	bad      bool          // state of the burst chain
	free     time.Duration // when the link has sent all it has taken
	extra    int64         // the jitter now, in parts of a million of Jitter
	until    time.Duration // until then
	last     time.Duration // the latest arrival in order
	now      time.Duration // the latest time given
	hasExtra bool
	stats    ModelStats
}

// NewModel returns a link with conditions c, which should have passed Check.
func NewModel(seed uint64, c Conditions) *Model {
	source := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6e65746c61620000+n)) }
	m := &Model{burst: source(1), loss: source(2), jitter: source(3), reorder: source(4), double: source(5)}
	m.Set(c)
	return m
}

// Set changes the conditions for the packets that follow.
func (m *Model) Set(c Conditions) {
	m.c = c
	m.enter, m.leave = c.Burst.chances()
}

// Conditions returns what was set.
func (m *Model) Conditions() Conditions { return m.c }

// Stats returns the counts so far.
func (m *Model) Stats() ModelStats { return m.stats }

// Backlog is how long a packet that came at the given time would wait before the link
// begins to send it.
func (m *Model) Backlog(at time.Duration) time.Duration { return max(m.free-at, 0) }

// Packet sends a packet of size bytes at the given time and returns when it
// arrives: n of arrivals count, none if it is lost, two if it is duplicated.
// Times count from any common beginning; one before the last call's is taken
// to be that.
func (m *Model) Packet(at time.Duration, size int) (arrivals [2]time.Duration, n int) {
	at = max(at, m.now)
	m.now = at
	m.stats.Packets++
	m.stats.Bytes += uint64(max(size, 0))
	// Both are drawn for every packet, so that nothing shifts them.
	burst, single := m.chain(), m.loss.Float64() < m.c.Loss
	if m.c.Down {
		m.stats.LostDown++
		return arrivals, 0
	}
	sent, ok := m.transmit(at, size)
	if !ok {
		m.stats.LostQueue++
		return arrivals, 0
	}
	switch {
	case burst:
		m.stats.LostBurst++
		return arrivals, 0
	case single:
		m.stats.LostOne++
		return arrivals, 0
	}
	m.stats.Arrived++
	m.stats.QueueHigh = max(m.stats.QueueHigh, sent-at)
	arrivals[0] = m.arrival(at, sent)
	if m.double.Float64() < m.c.Duplicate {
		m.stats.Copies++
		arrivals[1] = arrivals[0] + m.within(m.double, copySpan)
		return arrivals, 2
	}
	return arrivals, 1
}

// transmit takes a packet into the queue and returns when its last bit is sent.
func (m *Model) transmit(at time.Duration, size int) (time.Duration, bool) {
	if m.c.RateBps <= 0 {
		// What a limit before this one holds still goes first.
		return max(m.free, at), true
	}
	queue := m.c.Queue
	if queue == 0 {
		queue = DefaultQueue
	}
	takes := time.Duration(int64(max(size, 0)) * 8 * int64(time.Second) / int64(m.c.RateBps))
	if wait := m.free - at; wait > 0 && wait+takes > queue {
		return 0, false
	}
	m.free = max(m.free, at) + takes
	return m.free, true
}

// chain moves the Gilbert-Elliott chain by one packet and reports whether it
// is in a burst.
func (m *Model) chain() bool {
	draw := m.burst.Float64()
	if m.bad {
		m.bad = draw >= m.leave
	} else {
		m.bad = draw < m.enter
	}
	return m.bad
}

// arrival adds delay, jitter and reordering to a packet whose last bit left
// at the time sent.
func (m *Model) arrival(at, sent time.Duration) time.Duration {
	t := sent + m.c.Delay + m.wander(at)
	late := m.reorder.Float64() < m.c.Reorder
	if late {
		m.stats.Reordered++
		return max(t, m.last) + m.within(m.reorder, reorderSpan)
	}
	m.last = max(t, m.last)
	return m.last
}

// wander is the jitter at a time.
func (m *Model) wander(at time.Duration) time.Duration {
	if m.c.Jitter <= 0 {
		return 0
	}
	for !m.hasExtra || at >= m.until {
		if !m.hasExtra || at-m.until > time.Minute {
			m.until = at // the first packet, or the first after a long silence
		}
		m.hasExtra = true
		m.extra = m.jitter.Int64N(1_000_001)
		m.until += time.Duration(m.jitter.ExpFloat64()*float64(jitterHold)) + 1
	}
	return time.Duration(int64(m.c.Jitter) / 1000 * m.extra / 1000)
}

// within draws a time above 0 and up to span.
func (*Model) within(r *rand.Rand, span time.Duration) time.Duration {
	return time.Duration(1 + r.Int64N(int64(span)))
}

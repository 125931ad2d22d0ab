package netlab

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Overhead is what [Net] and [Relay] add to the size of a datagram before it
// meets a rate limit: an IPv4 and a UDP header (RFC 791, RFC 768), in bytes.
const Overhead = 28

// DefaultQueue is how much a rate limit holds where Conditions.Queue is 0.
const DefaultQueue = 100 * time.Millisecond

const (
	jitterHold  = 30 * time.Millisecond // mean time that one value of the jitter lasts
	reorderSpan = 5 * time.Millisecond  // a reordered packet is late by up to this
	copySpan    = time.Millisecond      // a copy follows its packet within this
)

// Burst is a Gilbert-Elliott channel that loses everything in its bad state:
// both states last a geometrically distributed number of packets.
type Burst struct {
	Share   float64 // of all packets lost in bursts in the long run, 0 to 0.9
	MeanLen float64 // packets a burst loses on average, 1 or more; 0: 1
}

// Conditions is what one direction of a link does to packets. The zero value
// does nothing: everything arrives at once.
type Conditions struct {
	// Loss is the share of packets that are lost one by one, independently,
	// after the queue: they have used the link.
	Loss float64
	// Burst loses packets in a row, besides Loss.
	Burst Burst
	// Delay is added to every packet.
	Delay time.Duration
	// Jitter is added on top: a value between 0 and Jitter, uniformly
	// distributed, that stays for an exponentially distributed time with a
	// mean of 30 ms. It keeps the order of packets: one that would overtake
	// arrives together with the one before it.
	Jitter time.Duration
	// Reorder is the share of packets that are late by up to 5 ms more,
	// uniformly distributed, and are overtaken by those behind them.
	Reorder float64
	// Duplicate is the share of packets that arrive twice, the second time
	// within 1 ms of the first.
	Duplicate float64
	// RateBps is what the link carries in bit/s; 0: without limit.
	RateBps int
	// Queue is how long the queue before the limit can be, as time at the
	// rate; a packet for which it is too full is dropped (drop-tail). An
	// idle link takes a packet of any size. 0: DefaultQueue.
	Queue time.Duration
	// Down loses everything that is sent. What is on its way arrives.
	Down bool
}

// Check returns an error that names the first value out of its range.
func (c Conditions) Check() error {
	share := func(name string, v, limit float64) error {
		if !(v >= 0 && v <= limit) { // written so that NaN fails
			return fmt.Errorf("%s is a share between 0 and %v, not %v", name, limit, v)
		}
		return nil
	}
	length := func(name string, d time.Duration) error {
		if d < 0 || d > time.Minute {
			return fmt.Errorf("%s is between 0 and 1m, not %v", name, d)
		}
		return nil
	}
	err := errors.Join(
		share("loss", c.Loss, 1), share("burst", c.Burst.Share, 0.9),
		share("reorder", c.Reorder, 1), share("duplicate", c.Duplicate, 1),
		length("delay", c.Delay), length("jitter", c.Jitter), length("queue", c.Queue),
	)
	switch {
	case err != nil:
	case c.Burst.MeanLen != 0 && !(c.Burst.MeanLen >= 1 && c.Burst.MeanLen <= 1e6):
		err = fmt.Errorf("burst length is between 1 and 1000000 packets, not %v", c.Burst.MeanLen)
	case c.RateBps < 0 || c.RateBps > 100_000_000_000:
		err = fmt.Errorf("rate is between 0 and 100 Gb/s, not %d b/s", c.RateBps)
	}
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) {
		return all.Unwrap()[0]
	}
	return err
}

// chances of the Gilbert-Elliott chain: into and out of the bad state, per
// packet, so that bad lasts MeanLen packets and has Share of them.
func (b Burst) chances() (enter, leave float64) {
	if b.Share <= 0 {
		return 0, 1
	}
	leave = 1 / max(b.MeanLen, 1)
	return math.Min(leave*b.Share/(1-b.Share), 1), leave
}

package congestion

import "time"

// Defaults of Config.
const (
	DefaultStartBps = 6_000_000
	DefaultMinBps   = 300_000
	DefaultMaxBps   = 100_000_000
)

const (
	leastBps = 10_000          // MinBps is not below
	mostBps  = 10_000_000_000  // MaxBps is not above
	mostRTT  = 5 * time.Second // a longer round trip is not believed
	mostSize = 1 << 16         // of a packet, likewise
)

// Config bounds a Controller. The zero value of a field means its default.
type Config struct {
	StartBps int // first target; what was last known of this network is a good one
	MinBps   int // the target never goes below
	MaxBps   int // the target never goes above
}

// Packet is what transport-wide feedback says of one packet that was sent.
type Packet struct {
	Sent time.Duration // when it left, on the clock of Sent, Feedback, Probe and Tick
	// Received is when it arrived, by the receiver's clock, of which only
	// differences mean anything. Unwrap the 24 bits of the reference time
	// before; if that fails and it jumps, the Controller starts its delay
	// estimate anew.
	Received time.Duration
	Lost     bool   // not received so far; Received means nothing
	Again    bool   // it was given before, as lost
	Size     int    // bytes on the wire, with RTP, SRTP tag, UDP and IP headers, as Sent was told
	Probe    uint16 // ID of the Probe it was sent for; 0 for every other packet
}

// Probe asks for a cluster of packets at a rate above the present one.
type Probe struct {
	ID      uint16 // marks the cluster's packets, in Packet.Probe; never 0
	Bps     int    // the cluster leaves at this rate, whatever PacingBps says, without bursts
	Packets int    // as many as this, of the size of a full packet: media where it waits, padding for the rest
}

// Estimate is what the path is thought to be good for.
type Estimate struct {
	TargetBps  int           // all that may be sent, repairs, FEC, sound and headers included, on average over a few frames
	PacingBps  int           // packets leave at this rate; a burst should be 1 ms of it at most
	Loss       float64       // share of packets lost, 0..1, smoothed over about 2 s, without what queues could not take: what FEC has to cover
	LossRun    float64       // mean number of packets lost in a row, likewise, at least 1
	QueueDelay time.Duration // how long every packet waits in the path's queue; what a frame adds for its own packets is not in it
	RTT        time.Duration // smoothed; 0 unknown
	// Silent says that feedback which used to come does not come: TargetBps says
	// more about that than about the path.
	Silent bool
}

// Controller is the estimate for one path. One goroutine owns it; no method
// blocks, starts anything or allocates.
type Controller struct {
	cfg         Config
	max, wanted float64 // bit/s; wanted 0: unknown

	path   path
	trains trains
	tail   tail
	losses losses
	out    meter // bytes by Sent
	in     meter // bytes received by Received
	rtt    time.Duration

	rate  rate
	quiet silence
	probe prober
}

// New returns a Controller that starts at cfg.StartBps. Bounds that contradict
// each other are moved: MaxBps to MinBps, StartBps between them.
func New(cfg Config) *Controller {
	or := func(x, fallback int) int {
		if x <= 0 {
			return fallback
		}
		return x
	}
	cfg.MinBps = bound(or(cfg.MinBps, DefaultMinBps), leastBps, mostBps)
	cfg.MaxBps = bound(or(cfg.MaxBps, DefaultMaxBps), cfg.MinBps, mostBps)
	cfg.StartBps = bound(or(cfg.StartBps, DefaultStartBps), cfg.MinBps, cfg.MaxBps)
	c := &Controller{cfg: cfg, max: float64(cfg.MaxBps)}
	c.rate.begin(float64(cfg.StartBps))
	c.losses.test.rest = testRest / 2
	return c
}

// Sent is told of every packet that leaves with a transport-wide number:
// pictures, sound, repairs, FEC and padding.
func (c *Controller) Sent(at time.Duration, size int) {
	c.quiet.sent(at)
	c.out.add(at, bound(size, 0, mostSize))
}

// SetMax sets the upper bound for all that is sent: the receiver's (REMB) or
// the host's own. It replaces the one before; Config.MaxBps and MinBps still
// hold. 0 or less takes it back.
func (c *Controller) SetMax(bps int) {
	if bps <= 0 {
		bps = c.cfg.MaxBps
	}
	c.max = float64(bound(bps, c.cfg.MinBps, c.cfg.MaxBps))
	c.rate.target = min(c.rate.target, c.max)
}

// SetWanted says what the encoders would use at most, FEC and repairs
// included. Rates well above it are not probed for. 0 or less: unknown, probe
// up to the maximum.
func (c *Controller) SetWanted(bps int) { c.wanted = float64(bound(bps, 0, mostBps)) }

// useful is the rate above which nothing needs to be known.
func (c *Controller) useful() float64 {
	if c.wanted <= 0 {
		return c.max
	}
	return bound(1.25*c.wanted, float64(c.cfg.MinBps), c.max)
}

// Feedback is told what one feedback message said, at its arrival. Packets are
// in the order in which they were sent and each is given once; one that was
// given as lost may be given again as received, marked so, and is then no loss.
// rtt is the newest round trip measured, 0 where there is none. packets stays the
// caller's.
func (c *Controller) Feedback(at, rtt time.Duration, packets []Packet) {
	if rtt > 0 {
		rtt = min(rtt, mostRTT)
		if c.rtt == 0 {
			c.rtt = rtt
		}
		c.rtt += (rtt - c.rtt) / 8
	}
	if len(packets) == 0 {
		return
	}
	c.advance(at)
	heard, lost := 0, 0
	for i := range packets {
		if packets[i].Lost {
			lost++
		} else {
			heard++
		}
	}
	if heard > 0 {
		c.resume(at, lost < heard/4)
	}
	c.losses.fade(at)
	pacing := int(c.rate.pacing(c))
	for _, p := range packets {
		c.take(at, p, pacing)
	}
	c.losses.spell(at, c.path.queue)
	if heard == 0 {
		return
	}
	// What followed an open train would have been reported by now.
	if c.trains.opened && at-c.trains.lastSent > c.rtt+c.quiet.gap+5*time.Millisecond {
		c.trains.close()
	}
	c.decide(at)
}

// take counts one packet; pacing is the rate now, in bit/s.
func (c *Controller) take(at time.Duration, p Packet, pacing int) {
	// Nothing is reported before it was sent, and nothing after so long.
	p.Sent = bound(p.Sent, at-time.Minute, at)
	p.Size = bound(p.Size, 0, mostSize)
	if !c.quiet.covers(p.Sent) {
		c.losses.add(p)
	}
	if !p.Lost {
		if !c.path.add(p) {
			c.trains.forget()
			c.tail = tail{}
			c.in = meter{}
		}
		c.tail.add(p)
		c.in.add(bound(p.Received, -farAway, farAway), p.Size)
	}
	c.trains.add(p, pacing)
}

// Tick lets time pass where no feedback comes; call it every 10 to 50 ms.
func (c *Controller) Tick(at time.Duration) { c.advance(at) }

// Probe returns a cluster to send now, if there is one due. Ask after each
// Feedback and Tick; it is cheap. A cluster that is not sent within 200 ms, or
// of which nothing is heard, counts as failed.
func (c *Controller) Probe(at time.Duration) (Probe, bool) { return c.probe.ask(c, at) }

// Estimate returns what is thought now; ask after each Feedback and Tick.
func (c *Controller) Estimate() Estimate {
	target := bound(c.rate.now(c), float64(c.cfg.MinBps), c.max)
	return Estimate{
		TargetBps:  int(target),
		PacingBps:  int(max(c.rate.pacing(c), target)),
		Loss:       c.losses.long.value(),
		LossRun:    c.losses.run(),
		QueueDelay: min(c.path.queue, time.Minute),
		RTT:        c.rtt,
		Silent:     c.quiet.factor != 0,
	}
}

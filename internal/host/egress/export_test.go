package egress

import (
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/media"
)

// Packetize returns copies of the payloads of one access unit.
func Packetize(codec media.Codec, au []byte) ([][]byte, error) {
	p, err := newPacketizer(codec)
	if err != nil {
		return nil, err
	}
	var c collector
	p.packetize(au, &c)
	return c.payloads, nil
}

type collector struct {
	buf      [MaxPayload]byte
	payloads [][]byte
}

func (c *collector) open() []byte { return c.buf[:] }
func (c *collector) seal(n int)   { c.payloads = append(c.payloads, append([]byte(nil), c.buf[:n]...)) }

// HistorySize is how many packets a screen remembers.
const HistorySize = historySize

// Arrival is what a report says of one packet.
type Arrival struct {
	Seq      uint16
	Received time.Duration // by the receiver's clock
	Lost     bool
	Probe    uint16
}

// Feedback reads transport-wide feedback about packets that were all sent.
type Feedback struct{ f feedback }

// NewFeedback returns one to which nothing was reported.
func NewFeedback() *Feedback {
	return &Feedback{feedback{news: make([]congestion.Packet, 0, feedbackSize)}}
}

// Sent notes a packet; its size is its number, so that reports can be told.
func (f *Feedback) Sent(seq uint16, at time.Duration) { f.f.sent(seq, at, int(seq), seq) }

// Read takes a message without its header and SSRCs.
func (f *Feedback) Read(b []byte) (all []Arrival) {
	f.f.received(b, time.Hour)
	for _, p := range f.f.news {
		all = append(all, Arrival{uint16(p.Size), p.Received, p.Lost, p.Probe})
	}
	return all
}

// Counts returns packets reported and lost.
func (f *Feedback) Counts() (reported, lost uint64) { return f.f.reported, f.f.lost }

// FECShare is the share of repair packets for a loss and a round trip.
func FECShare(loss float64, rtt time.Duration) float64 { return fecShare(loss, rtt) }

// Protection decides how much FEC pictures get.
type Protection struct{ p protection }

// Follow lets a tick pass.
func (p *Protection) Follow(rtt time.Duration, loss, run float64) {
	p.p.follow(congestion.Estimate{RTT: rtt, Loss: loss, LossRun: run})
}

// Share is what is aimed at.
func (p *Protection) Share() float64 { return p.p.share }

// Repairs is what a frame gets.
func (p *Protection) Repairs(packets int, keyframe bool) int { return p.p.repairs(packets, keyframe) }

// Pacer says when packets may leave.
type Pacer struct{ p pacer }

// SetPace changes the pace.
func (p *Pacer) SetPace(now time.Duration, bps int) { p.p.setPace(now, bps) }

// Probe begins a cluster.
func (p *Pacer) Probe(now time.Duration, id uint16, bps, packets int) {
	p.p.probe(now, cluster{id: id, bps: bps, left: packets})
}

// Next sends one packet of that size when it may leave, and returns when, and
// for which cluster.
func (p *Pacer) Next(now time.Duration, size int) (at time.Duration, id uint16) {
	for {
		ok, wait := p.p.may(now)
		if ok {
			break
		}
		now += max(wait, 1)
	}
	if id = p.p.id(); id != 0 {
		p.p.tookCluster(now, size)
	} else {
		p.p.took(now, size)
	}
	return now, id
}

// Protect gives pictures that share of FEC; without a controller it stays.
func (s *Sender) Protect(share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steering.protect.share = share
}

// Flush takes back what was not sent, as at a breakdown of the path.
func (s *Sender) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.videos {
		v.flushLocked(time.Now())
	}
}

// CopiesFor is how many copies of sound a share of lost packets is worth.
var CopiesFor = copiesFor

// SetLoss says what share of packets is lost; without a controller it stays.
func (s *Sender) SetLoss(share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steering.estimate.Loss = share
}

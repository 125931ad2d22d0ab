package egress

import (
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
)

// packetOverhead is what a packet is longer on the wire than its payload, in
// bytes: RTP header and transport-wide number (12 + 8), the tag of SRTP's GCM
// (16), UDP (8) and IPv4 (20).
const packetOverhead = 64

// maxWire is a full packet on the wire.
const maxWire = MaxPayload + packetOverhead

// kind is what a packet is for, in the order of urgency.
type kind uint8

const (
	kindSound kind = iota
	kindRepair
	kindFEC
	kindPicture
	kindPadding
	numKinds
)

const (
	// tickInterval is how often the controller lets time pass.
	tickInterval = 25 * time.Millisecond
	// meterTime is what shares of the rate are smoothed over.
	meterTime = 500 * time.Millisecond
	// reserve is left for input, control and RTCP, in bits per second.
	reserve = 50_000
	// mostRepairs is the share of the target that repairs can take from
	// pictures before they are encoded.
	mostRepairs = 0.3
	// leastPictures is what pictures get however little there is.
	leastPictures = 100_000
)

// steering knows how fast the path is and what of it is for pictures. It is
// guarded by the Sender's mutex.
type steering struct {
	controller *congestion.Controller // nil: the peer sends no transport feedback, nothing is limited
	estimate   congestion.Estimate
	heard      bool // feedback has come
	heardAt    time.Duration
	confirmed  congestion.Estimate // as the newest feedback left it
	look       bool                // a cluster may be due
	next       time.Duration
	last       time.Duration // of the meters
	bytes      [numKinds]float64
	rate       [numKinds]float64 // bits per second on the wire
	payload    float64           // of pictures, since last
	fill       float64           // share of payload in pictures' packets
	wanted     int               // bits per second of coded pictures, all screens
	protect    protection
	high       int              // highest target of late, for breakdown
	highUntil  time.Duration    // high counts until then
	totals     [numKinds]uint64 // bytes on the wire
}

// startLocked makes the controller, at the first negotiation.
func (t *steering) startLocked(cfg congestion.Config) {
	if t.controller == nil {
		t.controller = congestion.New(cfg)
		t.estimate = t.controller.Estimate()
		t.fill = float64(MaxPayload) / maxWire
		t.look = true
		t.wantLocked()
	}
}

// sentLocked counts a packet of so many bytes of payload.
func (t *steering) sentLocked(at time.Duration, k kind, payload int) {
	size := payload + packetOverhead
	t.totals[k] += uint64(size)
	if t.controller == nil {
		return
	}
	t.bytes[k] += float64(size)
	if k == kindPicture {
		t.payload += float64(payload)
	}
	t.controller.Sent(at, size)
}

// event is what feedback says beside rates.
type event uint8

const (
	nothingNew event = iota
	// broken: the path is so much slower than a moment ago that what was sent
	// stands in its queue.
	broken
	// back: the path carries packets again after a silence.
	back
)

// silence is how long feedback is away until what waits is not worth sending.
const silence = 200 * time.Millisecond

// feedbackLocked takes feedback and reports what it says of the path.
func (t *steering) feedbackLocked(at, rtt time.Duration, news []congestion.Packet) event {
	if t.controller == nil {
		return nothingNew
	}
	was := t.estimate.Silent && at-t.heardAt > silence
	t.heard, t.heardAt = true, at
	t.controller.Feedback(at, rtt, news)
	t.estimate = t.controller.Estimate()
	t.confirmed = t.estimate
	t.look = true
	switch {
	case t.breakdownLocked(at):
		return broken
	case was && !t.estimate.Silent:
		return back
	}
	return nothingNew
}

// A breakdown is a fall of the target below this share of the highest of late.
const (
	breakdownShare = 0.6
	breakdownTime  = 500 * time.Millisecond
)

func (t *steering) breakdownLocked(at time.Duration) bool {
	target := t.estimate.TargetBps
	if target >= t.high || at > t.highUntil {
		t.high, t.highUntil = target, at+breakdownTime
		return false
	}
	if float64(target) >= breakdownShare*float64(t.high) {
		return false
	}
	t.high, t.highUntil = target, at+breakdownTime
	return true
}

// tickLocked lets time pass and reports when it wants to be called again. A peer
// that never sent feedback is no path that went silent.
func (t *steering) tickLocked(at time.Duration) (next time.Duration) {
	if t.controller == nil {
		return idle
	}
	if at < t.next {
		return t.next - at
	}
	t.next = at + tickInterval
	t.meterLocked(at)
	if t.heard {
		t.controller.Tick(at)
		t.look = true
	}
	t.estimate = t.controller.Estimate()
	t.protect.follow(t.estimate)
	t.wantLocked()
	return tickInterval
}

// meterLocked brings the rates up to date.
func (t *steering) meterLocked(at time.Duration) {
	d := at - t.last
	if d <= 0 {
		return
	}
	t.last = at
	part := min(d.Seconds()/meterTime.Seconds(), 1)
	if t.bytes[kindPicture] > 0 {
		t.fill += (t.payload/t.bytes[kindPicture] - t.fill) * part
	}
	for k := range t.bytes {
		t.rate[k] += (t.bytes[k]*8/d.Seconds() - t.rate[k]) * part
		t.bytes[k] = 0
	}
	t.payload = 0
}

// fecShareLocked is the FEC that a picture's packets bring with them: what is
// wanted, or what small frames really take.
func (t *steering) fecShareLocked() float64 {
	share := t.protect.share
	if share == 0 {
		return 0
	}
	if p := t.rate[kindPicture]; p > leastPictures {
		share = max(share, t.rate[kindFEC]/p)
	}
	return min(share, maxFECShare)
}

// othersLocked is what is not pictures and their FEC.
func (t *steering) othersLocked() float64 {
	repairs := min(t.rate[kindRepair], mostRepairs*float64(t.estimate.TargetBps))
	return t.rate[kindSound] + repairs + reserve
}

// picturesLocked is what all encoders together may make, in bits of coded
// pictures per second; 0: no limit is known.
func (t *steering) picturesLocked() int {
	if t.controller == nil {
		return 0
	}
	if t.estimate.Silent {
		// What comes after a silence is for the path as it was before.
		return t.forPicturesLocked(t.confirmed.TargetBps)
	}
	return t.forPicturesLocked(t.estimate.TargetBps)
}

func (t *steering) forPicturesLocked(target int) int {
	wire := (float64(target) - t.othersLocked()) / (1 + t.fecShareLocked())
	return max(int(wire*t.fill), leastPictures)
}

// wantLocked tells the controller what the encoders could use: the reverse of
// picturesLocked.
func (t *steering) wantLocked() {
	if t.controller == nil || t.wanted == 0 {
		return
	}
	wire := float64(t.wanted) / max(t.fill, 0.5) * (1 + t.fecShareLocked())
	t.controller.SetWanted(int(wire + t.othersLocked()))
}

// SetBounds says what may be sent at most, everything counted (0: no bound but
// the path's), and what all encoders together would make if the path took it,
// in bits per second. Any goroutine may call it.
func (s *Sender) SetBounds(most, wanted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = most
	s.steering.high = 0 // what is asked for is no breakdown
	if c := s.steering.controller; c != nil {
		c.SetMax(most)
	}
	s.steering.wanted = wanted
	s.steering.wantLocked()
}

// PictureBps is what the path has for coded pictures, all screens together, in
// bits per second: less sound, repairs, FEC and headers. It is 0 while nothing
// is known of the path, because the peer sends no transport feedback. Any
// goroutine may call it.
func (s *Sender) PictureBps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steering.picturesLocked()
}

// Silent reports whether feedback that used to come does not come. Any
// goroutine may call it.
func (s *Sender) Silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steering.estimate.Silent
}

// steer lets the controller work and takes over what it says: Run's goroutine
// calls it before each packet. It returns when it wants to be called again.
func (s *Sender) steer(now time.Time) time.Duration {
	at := now.Sub(s.epoch)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.steering
	ticked := at >= t.next
	next := t.tickLocked(at)
	if t.controller == nil {
		return next
	}
	if ticked && t.heard && s.cfg.QueueDelay != nil {
		s.cfg.QueueDelay.Record(t.estimate.QueueDelay)
	}
	if bps := t.estimate.PacingBps; bps != s.pacer.bps {
		s.pacer.setPace(at, bps)
	}
	if t.look && !s.pacer.probing() && s.paddedLocked() != nil {
		t.look = false
		if p, ok := t.controller.Probe(at); ok && p.Bps > 0 && p.Packets > 0 {
			s.pacer.probe(at, cluster{id: p.ID, bps: p.Bps, left: min(p.Packets, maxCluster)})
			s.probes++
		}
	}
	return next
}

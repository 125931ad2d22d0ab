package receive

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// Reports builds receiver reports (RFC 3550, 6.4.2) about the sources added
// to it. Its methods and those of its sources may be called from any goroutine.
type Reports struct {
	sender uint32

	mu      sync.Mutex
	sources []*Source
}

// NewReports returns a builder whose reports come from the SSRC sender.
func NewReports(sender uint32) *Reports { return &Reports{sender: sender} }

// maxSources is how many blocks one report has room for (RFC 3550, 6.4.1).
const maxSources = 31

// Add returns a new source with RTP time in clockRate Hz. Its SSRC is that of
// its packets. Sources beyond the 31st are not reported.
func (r *Reports) Add(clockRate uint32) *Source {
	s := &Source{clockRate: clockRate}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources = append(r.sources, s)
	return s
}

// SenderReport notes when the host's report came, for the host's round trip time.
func (r *Reports) SenderReport(now time.Time, sr *rtcp.SenderReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sources {
		s.senderReport(now, sr.SSRC, sr.NTPTime)
	}
}

// SSRCs returns those of the sources that packets came from.
func (r *Reports) SSRCs() []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []uint32
	for _, s := range r.sources {
		if ssrc, ok := s.known(); ok {
			all = append(all, ssrc)
		}
	}
	return all
}

// ReceiverReport returns the report of now, and nil before any packet came.
func (r *Reports) ReceiverReport(now time.Time) *rtcp.ReceiverReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	rr := &rtcp.ReceiverReport{SSRC: r.sender}
	for _, s := range r.sources[:min(len(r.sources), maxSources)] {
		if block, ok := s.report(now); ok {
			rr.Reports = append(rr.Reports, block)
		}
	}
	if len(rr.Reports) == 0 {
		return nil
	}
	return rr
}

// How sequence numbers are taken for reports (RFC 3550, A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Source is the reception of one SSRC, kept as in RFC 3550, A.1, A.3 and A.8.
// A nil Source ignores packets.
type Source struct {
	clockRate uint32

	mu       sync.Mutex
	started  bool
	ssrc     uint32
	epoch    time.Time
	base     int64 // extended numbers
	highest  int64
	badNext  int64 // what proves a new sequence space
	received int64

	expectedPrior, receivedPrior int64

	lastTime uint32
	lastAt   int64   // arrival in RTP units
	jitter   float64 // in RTP units

	srKnown bool
	srNTP   uint32 // middle 32 bits
	srAt    time.Time
}

// Packet notes a packet of the source, read at now.
func (s *Source) Packet(now time.Time, ssrc uint32, seq uint16, rtpTime uint32) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || ssrc != s.ssrc {
		s.begin(now, ssrc, seq)
	} else if !s.follow(seq) {
		return
	}
	s.received++
	s.jitters(now, rtpTime)
}

func (s *Source) known() (ssrc uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ssrc, s.started
}

func (s *Source) begin(now time.Time, ssrc uint32, seq uint16) {
	s.started, s.ssrc, s.epoch = true, ssrc, now
	s.base = 1<<16 | int64(seq)
	s.highest = s.base
	s.received, s.expectedPrior, s.receivedPrior = 0, 0, 0
	s.jitter, s.lastAt, s.srKnown, s.badNext = 0, -1, false, -1
}

// follow moves the highest number on and says whether seq belongs to the
// sequence space. Two in sequence far away begin a new one.
func (s *Source) follow(seq uint16) bool {
	ext := s.highest + int64(int16(seq-uint16(s.highest)))
	switch {
	case ext > s.highest && ext-s.highest < maxDropout:
		s.highest = ext
	case ext <= s.highest && s.highest-ext <= maxMisorder:
	case ext == s.badNext:
		s.highest = (s.highest>>16+1)<<16 | int64(seq)
		s.base, s.received, s.expectedPrior, s.receivedPrior = s.highest, 0, 0, 0
	default:
		s.badNext = ext + 1
		return false
	}
	s.badNext = -1
	return true
}

// jitters smooths the difference of spacings, RFC 3550, 6.4.1.
func (s *Source) jitters(now time.Time, rtpTime uint32) {
	at := int64(now.Sub(s.epoch)) / 1000 * int64(s.clockRate) / 1_000_000
	if s.lastAt >= 0 {
		d := (at - s.lastAt) - int64(int32(rtpTime-s.lastTime))
		s.jitter += (float64(max(d, -d)) - s.jitter) / 16
	}
	s.lastAt, s.lastTime = max(at, 0), rtpTime
}

func (s *Source) senderReport(now time.Time, ssrc uint32, ntp uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started && s.ssrc == ssrc {
		s.srKnown, s.srNTP, s.srAt = true, uint32(ntp>>16), now
	}
}

// report returns the block of now and begins the next interval.
func (s *Source) report(now time.Time) (b rtcp.ReceptionReport, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		return b, false
	}
	expected := s.highest - s.base + 1
	lost := expected - s.received
	b = rtcp.ReceptionReport{
		SSRC:               s.ssrc,
		LastSequenceNumber: uint32(s.highest - 1<<16),
		TotalLost:          uint32(min(max(lost, 0), 0x7fffff)),
		Jitter:             uint32(s.jitter),
	}
	interval := expected - s.expectedPrior
	if missed := interval - (s.received - s.receivedPrior); interval > 0 && missed > 0 {
		b.FractionLost = uint8(min(missed<<8/interval, 255))
	}
	s.expectedPrior, s.receivedPrior = expected, s.received
	if s.srKnown {
		b.LastSenderReport = s.srNTP
		b.Delay = uint32(now.Sub(s.srAt).Seconds() * 65536)
	}
	return b, true
}

package egress

import (
	"time"

	"github.com/pion/rtcp"
)

// keyframeInterval is the least time between keyframes that the peer gets by
// asking. Requests that come sooner are for the one already on its way.
const keyframeInterval = 100 * time.Millisecond

// HandleRTCP takes one compound packet that pion read for the screen's
// track. What cannot be parsed is ignored: it came from the authenticated
// peer, and the next one is near. buf stays the caller's.
func (v *Video) HandleRTCP(now time.Time, buf []byte) {
	packets, err := rtcp.Unmarshal(buf)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication:
			v.requestKeyframe(now)
		case *rtcp.FullIntraRequest:
			v.requestKeyframe(now)
		case *rtcp.TransportLayerNack:
			v.missing(now, p.Nacks)
		default:
			v.sender.handle(now, p)
		}
	}
}

// HandleRTCP takes one compound packet that pion read for the sound's track.
func (a *Audio) HandleRTCP(now time.Time, buf []byte) {
	packets, err := rtcp.Unmarshal(buf)
	if err != nil {
		return
	}
	for _, p := range packets {
		a.sender.handle(now, p)
	}
}

func (v *Video) requestKeyframe(now time.Time) {
	v.sender.mu.Lock()
	v.stats.KeyframeRequests++
	pass := now.Sub(v.lastRequest) >= keyframeInterval
	if pass {
		v.lastRequest = now
	}
	v.sender.mu.Unlock()
	if pass && v.sender.cfg.OnKeyframe != nil {
		v.sender.cfg.OnKeyframe(v.cfg.Screen)
	}
}

// missing queues repairs for what the peer has not got, unless a repair of
// the same packet is still on its way.
func (v *Video) missing(now time.Time, nacks []rtcp.NackPair) {
	s := v.sender
	at := now.Sub(s.epoch).Nanoseconds()
	s.mu.Lock()
	gate := s.rtt.resendGate().Nanoseconds()
	for _, pair := range nacks {
		pair.Range(func(seq uint16) bool {
			p := v.history.find(seq)
			if p == nil || at-p.resent < gate {
				return true
			}
			p.resent = at
			return v.repairs.push(seq)
		})
	}
	s.mu.Unlock()
	s.wakeUp()
}

// handle takes what concerns the whole session.
func (s *Sender) handle(now time.Time, p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerCC:
		s.mu.Lock()
		delay := s.feedback.received(p, now.Sub(s.epoch))
		if delay > 0 {
			s.rtt.fromFeedback(delay)
		}
		s.mu.Unlock()
	case *rtcp.ReceiverReport:
		s.readReports(now, p.Reports)
	case *rtcp.SenderReport:
		s.readReports(now, p.Reports)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		if s.cfg.OnBitrateCap != nil && p.Bitrate > 0 {
			s.cfg.OnBitrateCap(int(min(p.Bitrate, 1e9)))
		}
	}
}

// readReports takes the round trip of RFC 3550, 6.4.1: now less the time of
// our last report less how long the peer kept it, in 2^-16 s. When a report
// left we know ourselves: the wall clock may have been set since.
func (s *Sender) readReports(now time.Time, reports []rtcp.ReceptionReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range reports {
		if left, ok := s.reported.find(r.LastSenderReport); ok {
			s.rtt.fromReport(now.Sub(left) - time.Duration(r.Delay)*time.Second>>16)
		}
	}
}

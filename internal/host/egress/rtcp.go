package egress

import (
	"encoding/binary"
	"time"
)

// keyframeInterval is the least time between keyframes that the peer gets by
// asking. Requests that come sooner are for the one already on its way.
const keyframeInterval = 100 * time.Millisecond

// RTCP packet types (RFC 3550, 12.1; RFC 4585, 6.1) and the formats of
// feedback that are understood.
const (
	typeSenderReport   = 200
	typeReceiverReport = 201
	typeTransport      = 205
	typePayload        = 206

	formatNACK     = 1  // transport, RFC 4585, 6.2.1
	formatFeedback = 15 // transport, draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1
	formatPLI      = 1  // payload, RFC 4585, 6.3.1
	formatFIR      = 4  // payload, RFC 5104, 4.3.1
	formatREMB     = 15 // payload, draft-alvestrand-rmcat-remb-03, 2.2
)

// Sizes in bytes of what RTCP packets are made of.
const (
	rtcpHeader   = 4
	senderInfo   = 20 // of a sender report, after the SSRC
	reportBlock  = 24
	feedbackHead = 8 // SSRC of the sender and of the media
)

// HandleRTCP takes one compound packet of the peer, for whatever SSRC. What
// cannot be parsed is ignored: it came from the authenticated peer, and the
// next one is near. It allocates nothing and buf stays the caller's. Any
// goroutine may call it.
func (s *Sender) HandleRTCP(now time.Time, buf []byte) {
	if s.cfg.OnRTCP != nil {
		s.cfg.OnRTCP(now, buf)
	}
	for len(buf) >= rtcpHeader && buf[0]>>6 == 2 {
		n := (int(binary.BigEndian.Uint16(buf[2:])) + 1) * 4
		if n > len(buf) {
			return
		}
		body := buf[rtcpHeader:n]
		if padded := buf[0]&0x20 != 0; padded {
			if len(body) == 0 || int(body[len(body)-1]) > len(body) {
				return
			}
			body = body[:len(body)-int(body[len(body)-1])]
		}
		s.handle(now, buf[1], buf[0]&0x1f, body)
		buf = buf[n:]
	}
}

// handle takes one packet: its type, count or format, and what follows the
// first word.
func (s *Sender) handle(now time.Time, kind, format byte, body []byte) {
	switch {
	case kind == typeReceiverReport && len(body) >= 4:
		s.readReports(now, body[4:], int(format))
	case kind == typeSenderReport && len(body) >= 4+senderInfo:
		s.readReports(now, body[4+senderInfo:], int(format))
	case len(body) < feedbackHead:
	case kind == typeTransport && format == formatNACK:
		if v := s.videoOf(binary.BigEndian.Uint32(body[4:])); v != nil {
			v.missing(now, body[feedbackHead:])
		}
	case kind == typeTransport && format == formatFeedback:
		s.readFeedback(now, body[feedbackHead:])
	case kind == typePayload && format == formatPLI:
		if v := s.videoOf(binary.BigEndian.Uint32(body[4:])); v != nil {
			v.requestKeyframe(now, false)
		}
	case kind == typePayload && format == formatFIR:
		for fci := body[feedbackHead:]; len(fci) >= 8; fci = fci[8:] {
			if v := s.videoOf(binary.BigEndian.Uint32(fci)); v != nil {
				v.requestKeyframe(now, true)
			}
		}
	case kind == typePayload && format == formatREMB:
		s.readREMB(body[feedbackHead:])
	}
}

// videoOf finds the screen of a media SSRC.
func (s *Sender) videoOf(ssrc uint32) *Video {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.videos {
		if v.bound != nil && v.bound.ssrc == ssrc {
			return v
		}
	}
	return nil
}

// readREMB takes "REMB", the number of SSRCs, 6 bits of exponent and 18 bits
// of mantissa.
func (s *Sender) readREMB(b []byte) {
	if len(b) < 8 || string(b[:4]) != "REMB" || s.cfg.OnBitrateCap == nil {
		return
	}
	const most = 1_000_000_000
	exponent, mantissa := b[5]>>2, uint64(b[5]&3)<<16|uint64(b[6])<<8|uint64(b[7])
	bps := uint64(most)
	if mantissa == 0 {
		return // it says nothing
	}
	if exponent < 30 {
		bps = min(mantissa<<exponent, most)
	}
	s.cfg.OnBitrateCap(int(bps))
}

// requestKeyframe passes on that the peer wants a keyframe. With full it has
// nothing to show (FIR); else it lost a picture (PLI).
func (v *Video) requestKeyframe(now time.Time, full bool) {
	v.sender.mu.Lock()
	v.stats.KeyframeRequests++
	pass := now.Sub(v.lastRequest) >= keyframeInterval
	// Until a keyframe has arrived whole the peer cannot have anything.
	full = full || !v.keyframeArrived
	switch {
	case pass:
		v.lastRequest, v.asksAgain = now, false
	case !v.keyAt.Before(v.lastRequest) && now.Sub(v.keyAt) >= v.sender.rtt.estimate:
		// It was asked for when the keyframe had come: one was no use. Some
		// peers ask once only.
		v.asksAgain, v.asksFull = true, full
	}
	v.sender.mu.Unlock()
	if pass {
		v.passOn(full)
	} else {
		v.sender.wakeUp() // it may have to be passed on later
	}
}

// passOn has a keyframe made.
func (v *Video) passOn(full bool) {
	if f := v.sender.cfg.OnKeyframe; f != nil {
		f(v.cfg.Screen, full)
	}
}

// askAgain passes on what was asked too soon, when it is time; it returns how
// long that is still.
func (v *Video) askAgain(now time.Time) (wait time.Duration) {
	v.sender.mu.Lock()
	asks, full := v.asksAgain, v.asksFull
	wait = v.lastRequest.Add(keyframeInterval).Sub(now)
	pass := asks && wait <= 0
	if pass {
		v.lastRequest, v.asksAgain = now, false
	}
	v.sender.mu.Unlock()
	if pass {
		v.passOn(full)
	}
	if pass || !asks {
		return idle
	}
	return wait
}

// missing queues repairs for what the peer has not got (pairs of packet number
// and bitmask), unless a repair of the same packet is still on its way.
func (v *Video) missing(now time.Time, pairs []byte) {
	s := v.sender
	at := now.Sub(s.epoch).Nanoseconds()
	s.mu.Lock()
	gate := s.rtt.resendGate().Nanoseconds()
	for ; len(pairs) >= 4; pairs = pairs[4:] {
		first, mask := binary.BigEndian.Uint16(pairs), binary.BigEndian.Uint16(pairs[2:])
		v.wantLocked(first, at, gate)
		for i := uint16(1); mask != 0; i, mask = i+1, mask>>1 {
			if mask&1 != 0 {
				v.wantLocked(first+i, at, gate)
			}
		}
	}
	hopeless := v.hopelessLocked(now)
	s.mu.Unlock()
	if hopeless {
		v.passOn(true)
	}
	s.wakeUp()
}

// wantLocked queues the repair of one packet.
func (v *Video) wantLocked(seq uint16, at, gate int64) {
	p := v.history.find(seq)
	if p == nil || p.seq < v.givenUp || at-p.resent < gate {
		return
	}
	if v.repairs.push(seq) {
		p.resent = at
	}
}

// readReports takes the round trip of RFC 3550, 6.4.1: now less the time of
// our last report less how long the peer kept it, in 2^-16 s. When a report
// left we know ourselves: the wall clock may have been set since.
func (s *Sender) readReports(now time.Time, blocks []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; n > 0 && len(blocks) >= reportBlock; n, blocks = n-1, blocks[reportBlock:] {
		lsr, kept := binary.BigEndian.Uint32(blocks[16:]), binary.BigEndian.Uint32(blocks[20:])
		if left, ok := s.reported.find(lsr); ok {
			s.rtt.fromReport(now.Sub(left) - time.Duration(kept)*time.Second>>16)
		}
	}
}

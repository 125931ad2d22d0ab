package egress

import (
	"encoding/binary"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/wire"
)

// feedbackSize is how many sent packets are remembered for transport feedback:
// more than a second at 100 Mb/s, a power of two that divides the sequence
// space.
const feedbackSize = 16384

// feedback is the send side of transport-wide congestion control
// (draft-holmer-rmcat-transport-wide-cc-extensions-01): it knows what left
// when, and turns reports into what package congestion reads.
type feedback struct {
	packets  uint64
	lost     uint64 // reported lost and not received later
	reported uint64 // reported lost or received
	any      bool   // a report has come
	ref      int64  // newest reference time, unwrapped, in 64 ms
	sentAt   [feedbackSize]sentPacket
	news     []congestion.Packet // of the report that is being read; capacity feedbackSize
}

// What is known of a sent packet.
const (
	nothingSent = iota
	onItsWay
	reportedLost
)

type sentPacket struct {
	at    time.Duration // since the sender's epoch
	seq   uint16
	probe uint16
	size  uint16 // on the wire
	state uint8
}

func (f *feedback) sent(seq uint16, at time.Duration, size int, probe uint16) {
	f.packets++
	f.sentAt[seq%feedbackSize] = sentPacket{seq: seq, state: onItsWay, size: uint16(size), probe: probe, at: at}
}

// Symbols of a packet's status.
const (
	symbolLost = iota
	symbolSmall
	symbolLarge
	symbolReserved
)

// Units of a report.
const (
	refUnit   = 64 * time.Millisecond
	deltaUnit = 250 * time.Microsecond
	refBits   = 24
)

// statuses reads the chunks of a report one symbol after another. It runs over
// no end: more is 0 when the chunks are used up.
type statuses struct {
	chunks []byte
	bits   uint16 // symbols that are left of a vector, upper bits first
	width  uint8  // of a symbol in bits; 0: a run
	symbol uint8  // of the run
	more   int    // symbols left in the chunk
}

// next returns the next symbol, false when there is none.
func (s *statuses) next() (uint8, bool) {
	if s.more == 0 && !s.chunk() {
		return 0, false
	}
	s.more--
	if s.width == 0 {
		return s.symbol, true
	}
	symbol := uint8(s.bits >> (16 - s.width))
	s.bits <<= s.width
	return symbol, true
}

// chunk begins the next chunk: a run length or one of two status vectors
// (3.1.3, 3.1.4).
func (s *statuses) chunk() bool {
	for s.more == 0 {
		if len(s.chunks) < 2 {
			return false
		}
		c := binary.BigEndian.Uint16(s.chunks)
		s.chunks = s.chunks[2:]
		switch {
		case c>>15 == 0:
			s.width, s.symbol, s.more = 0, uint8(c>>13&3), int(c&0x1fff)
		case c>>14&1 == 0:
			s.width, s.bits, s.more = 1, c<<2, 14
		default:
			s.width, s.bits, s.more = 2, c<<2, 7
		}
	}
	return true
}

// report is the head of a report (3.1), after the two SSRCs.
type report struct {
	base, count uint16
	ref         int64  // 24 bits, in 64 ms
	rest        []byte // chunks and deltas
}

const reportHead = 8

func parseReport(b []byte) (r report, ok bool) {
	if len(b) < reportHead {
		return r, false
	}
	r.base, r.count = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	r.ref = int64(b[4])<<16 | int64(b[5])<<8 | int64(b[6])
	r.rest = b[reportHead:]
	return r, r.count <= feedbackSize
}

// deltas returns where the arrival times begin: after as many chunks as the
// count needs. It checks that each time is there.
func (r *report) deltas() (at []byte, ok bool) {
	s := statuses{chunks: r.rest}
	size := 0
	for range r.count {
		symbol, ok := s.next()
		if !ok || symbol == symbolReserved {
			return nil, false
		}
		size += int(symbol) // 0, 1 and 2 bytes
	}
	return s.chunks, size <= len(s.chunks)
}

// received reads one report into f.news, in the order in which the packets
// were sent, and returns how long ago its newest received packet was sent, 0
// when it cannot tell.
func (f *feedback) received(b []byte, now time.Duration) (delay time.Duration) {
	f.news = f.news[:0]
	r, ok := parseReport(b)
	if !ok {
		return 0
	}
	times, ok := r.deltas()
	if !ok {
		return 0
	}
	clock := f.unwrap(r.ref)
	s := statuses{chunks: r.rest}
	for seq, n := r.base, r.count; n > 0; seq, n = seq+1, n-1 {
		symbol, _ := s.next()
		switch symbol {
		case symbolSmall:
			clock += time.Duration(times[0]) * deltaUnit
			times = times[1:]
		case symbolLarge:
			clock += time.Duration(int16(binary.BigEndian.Uint16(times))) * deltaUnit
			times = times[2:]
		}
		if d := f.note(seq, symbol != symbolLost, clock, now); d > 0 {
			delay = d
		}
	}
	return delay
}

// note takes what is said of one packet. What was said before says nothing
// again, but for a packet that was late rather than lost.
func (f *feedback) note(seq uint16, arrived bool, clock, now time.Duration) (delay time.Duration) {
	p := &f.sentAt[seq%feedbackSize]
	if p.seq != seq || p.state == nothingSent || p.state == reportedLost && !arrived {
		return 0
	}
	news := congestion.Packet{Sent: p.at, Received: clock, Lost: !arrived, Again: p.state == reportedLost, Size: int(p.size), Probe: p.probe}
	f.news = append(f.news, news)
	switch {
	case !arrived:
		f.reported++
		f.lost++
		p.state = reportedLost
		return 0
	case p.state == reportedLost:
		f.lost--
	default:
		f.reported++
	}
	p.state = nothingSent
	return now - p.at
}

// arrived reports whether all packets from first to last were received.
func (f *feedback) arrived(first, last uint16) bool {
	for seq := first; ; seq++ {
		if p := &f.sentAt[seq%feedbackSize]; p.seq == seq && p.state != nothingSent {
			return false
		}
		if seq == last {
			return true
		}
	}
}

// unwrap continues the 24 bits of the reference time, in either direction.
func (f *feedback) unwrap(ref int64) time.Duration {
	if !f.any {
		f.any, f.ref = true, ref
	}
	const half = 1 << (refBits - 1)
	step := (ref - f.ref) & (1<<refBits - 1)
	if step >= half {
		step -= 1 << refBits
	}
	f.ref += step
	return time.Duration(f.ref) * refUnit
}

// readFeedback takes a transport feedback message.
func (s *Sender) readFeedback(now time.Time, b []byte) {
	at := now.Sub(s.epoch)
	s.mu.Lock()
	delay := s.feedback.received(b, at)
	if delay > 0 {
		s.rtt.fromFeedback(delay)
	}
	var cut [wire.MaxScreens]bool
	if len(s.feedback.news) > 0 {
		switch s.steering.feedbackLocked(at, s.rtt.estimate, s.feedback.news) {
		case broken:
			s.breakdowns++
			for i, v := range s.videos {
				cut[i] = v.breakdownLocked(now)
			}
		case back:
			for i, v := range s.videos {
				v.flushLocked(now)
				cut[i] = true
			}
		}
		s.arrivalsLocked()
	}
	s.mu.Unlock()
	for i, v := range s.videos {
		if cut[i] {
			v.passOn(true)
		}
	}
	s.wakeUp() // a cluster may be due
}

package lane

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// Pacing as a host paces a screen: up to burst packets of a frame leave at once,
// a larger frame in equal bursts, one a paceStep, within half an interval.
const (
	burst    = 16
	paceStep = time.Millisecond
	halfWay  = int(linktest.FrameInterval / 2 / paceStep)
	// late is what a frame may be late without moving those after it: then at
	// most seven frames begin within 100 ms, which [linktest.Shape] allows for.
	late = linktest.FrameInterval / 2
)

// sending is one step on its way out.
type sending struct {
	lane   *Lane
	step   uint8
	number uint32
	sent   linktest.Sent
	first  time.Duration
	last   time.Duration
	timer  *time.Timer
}

// Send sends frames at a rate for so long. It makes up for no more than half a
// frame's time that was lost, so that the rate is not exceeded: what a busy
// processor delays beyond that, all that follows is delayed by. It returns early
// when ctx ends.
func (l *Lane) Send(ctx context.Context, step uint8, rateBps int, d time.Duration) linktest.Sent {
	s := sending{lane: l, step: step, timer: time.NewTimer(0)}
	defer s.timer.Stop()
	shape := linktest.NewShape(rateBps, uint64(step)+1)
	frames := int(d / linktest.FrameInterval)
	begin := l.now()
	next, frame := begin, 0
	for ; frame < frames && s.until(ctx, next) && l.now()-begin < d; frame++ {
		full, rest := linktest.Split(shape.Next())
		s.sent.PlannedPackets += packets(full, rest)
		span, ok := s.frame(ctx, full, rest)
		if !ok {
			break
		}
		if behind := s.last - span - next; behind > late {
			s.sent.LateFrames++
			next += behind - late
		}
		next += linktest.FrameInterval
	}
	s.sent.DurationUS = max((next - begin).Microseconds(), 1)
	s.sent.SpanUS = (s.last - s.first).Microseconds()
	for ; frame < frames; frame++ { // what there was no time for
		s.sent.PlannedPackets += packets(linktest.Split(shape.Next()))
	}
	return s.sent
}

func packets(full, rest int) int {
	if rest > 0 {
		full++
	}
	return full
}

// until waits for a moment; false when ctx ended.
func (s *sending) until(ctx context.Context, at time.Duration) bool {
	d := at - s.lane.now()
	if d <= 0 {
		return ctx.Err() == nil
	}
	s.timer.Reset(d)
	select {
	case <-s.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// frame sends a frame's packets in bursts and returns how long that was to take.
func (s *sending) frame(ctx context.Context, full, rest int) (span time.Duration, ok bool) {
	n := packets(full, rest)
	size := max((n+halfWay-1)/halfWay, burst)
	timestamp := uint32(s.lane.now() * clockRate / time.Second)
	for i := range n {
		if i > 0 && i%size == 0 && !s.until(ctx, s.last+paceStep) {
			return 0, false
		}
		payload := linktest.PayloadSize
		if i == full {
			payload = rest
		}
		s.packet(timestamp, i == n-1, payload)
	}
	return time.Duration(max(n-1, 0)/size) * paceStep, true
}

func (s *sending) packet(timestamp uint32, marker bool, payload int) {
	now := s.lane.now()
	p := linktest.Packet{Kind: linktest.KindMedia, Step: s.step, Number: s.number, Sent: now}
	if err := s.lane.track.write(timestamp, marker, payload, p.Put); err != nil {
		s.sent.Errors++ // it is lost, and counts as such
	}
	if s.number == 0 {
		s.first = now
	}
	s.last = now
	s.number++
	s.sent.Packets++
	s.sent.Bytes += payload + linktest.Overhead
}

// small sends a packet of nothing but the test's header.
func (l *Lane) small(p linktest.Packet) {
	l.sized(p, linktest.PacketHeader)
}

// sized sends a single packet; what cannot be sent is lost.
func (l *Lane) sized(p linktest.Packet, payload int) {
	_ = l.track.write(uint32(p.Sent*clockRate/time.Second), true, payload, func(b []byte) {
		p.Put(b)
		if len(b) > linktest.PacketHeader+4 { // some filling that compresses badly is not needed: SRTP is noise
			binary.BigEndian.PutUint32(b[linktest.PacketHeader:], p.Number)
		}
	})
}

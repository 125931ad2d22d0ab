package egress

import (
	"time"

	"github.com/pion/rtcp"
)

// feedbackSize is how many sent packets are remembered for transport
// feedback, which comes every 25 to 100 ms.
const feedbackSize = 4096

// feedback is the send side of transport-wide congestion control
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). It counts; the rate
// controller that will use it is not here yet.
type feedback struct {
	packets  uint64
	lost     uint64
	reported uint64
	sentAt   [feedbackSize]sentPacket
}

type sentPacket struct {
	seq  uint16
	used bool
	size int
	at   time.Duration // since the sender's epoch
}

func (f *feedback) sent(seq uint16, at time.Duration, size int) {
	f.packets++
	f.sentAt[seq%feedbackSize] = sentPacket{seq: seq, used: true, size: size, at: at}
}

// received counts one report and returns how long ago its newest received
// packet was sent, 0 when it cannot tell.
func (f *feedback) received(p *rtcp.TransportLayerCC, now time.Duration) (delay time.Duration) {
	left := int(p.PacketStatusCount)
	seq := p.BaseSequenceNumber
	count := func(symbol uint16) {
		if left == 0 {
			return
		}
		left--
		s := &f.sentAt[seq%feedbackSize]
		if s.used && s.seq == seq {
			f.reported++
			if symbol == rtcp.TypeTCCPacketNotReceived {
				f.lost++
			} else {
				delay = now - s.at
			}
			s.used = false
		}
		seq++
	}
	for _, chunk := range p.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				count(c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range c.SymbolList {
				count(symbol)
			}
		}
	}
	return delay
}

package egress

import (
	"encoding/binary"
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// MaxPayload is the largest RTP payload in bytes. With the RTP header and its
// extensions, SRTP, UDP and IPv6 a packet stays below 1300 bytes.
const MaxPayload = 1200

// payloadSink takes the payloads of one access unit, one after another.
type payloadSink interface {
	// open returns the buffer of the next payload, MaxPayload bytes, or nil
	// when there is no room; seal says how many of them were used.
	open() []byte
	seal(n int)
}

// syntax is what H.264 and H.265 payload formats differ in.
type syntax struct {
	headerLen         int  // of a NAL unit
	aggregate, frag   byte // packet types
	delimiter, filler byte // NAL unit types
}

// Packet types of RFC 6184, table 1, and RFC 7798, 4.4. Access unit
// delimiters and filler tell a receiver nothing that RTP does not.
func syntaxOf(codec media.Codec) (s syntax, ok bool) {
	switch codec {
	case media.CodecH264:
		return syntax{headerLen: 1, aggregate: 24, frag: 28, delimiter: 9, filler: 12}, true
	case media.CodecHEVC:
		return syntax{headerLen: 2, aggregate: 48, frag: 49, delimiter: 35, filler: 38}, true
	}
	return syntax{}, false
}

// packetizer cuts access units into payloads. Small NAL units that follow
// each other (parameter sets, SEI, a slice) share a packet, large ones are
// fragmented. It keeps no memory between access units but its scratch space.
type packetizer struct {
	syntax
	run     [][]byte // NAL units that go into one packet
	runSize int      // of the aggregation packet they would make
}

func newPacketizer(codec media.Codec) (*packetizer, error) {
	s, ok := syntaxOf(codec)
	if !ok {
		return nil, fmt.Errorf("packetize %v: the payload format is not known", codec)
	}
	return &packetizer{syntax: s}, nil
}

// packetize gives the payloads of au to sink and reports whether all fitted.
func (p *packetizer) packetize(au []byte, sink payloadSink) bool {
	p.reset()
	for nalu, rest := nextNALU(au); nalu != nil; nalu, rest = nextNALU(rest) {
		if len(nalu) < p.headerLen {
			continue
		}
		if t := p.naluType(nalu); t == p.delimiter || t == p.filler {
			continue
		}
		if p.runSize+2+len(nalu) > MaxPayload && !p.flush(sink) {
			return false
		}
		if len(nalu) > MaxPayload {
			if !p.fragment(nalu, sink) {
				return false
			}
			continue
		}
		p.run = append(p.run, nalu)
		p.runSize += 2 + len(nalu)
	}
	return p.flush(sink)
}

func (p *packetizer) reset() { p.run, p.runSize = p.run[:0], p.headerLen }

func (p *packetizer) naluType(nalu []byte) byte {
	if p.headerLen == 1 {
		return nalu[0] & 0x1f
	}
	return nalu[0] >> 1 & 0x3f
}

// flush sends the collected NAL units: one as it is, more as an aggregation
// packet (STAP-A: RFC 6184, 5.7.1; AP: RFC 7798, 4.4.2).
func (p *packetizer) flush(sink payloadSink) bool {
	defer p.reset()
	if len(p.run) == 0 {
		return true
	}
	buf := sink.open()
	if buf == nil {
		return false
	}
	if len(p.run) == 1 {
		sink.seal(copy(buf, p.run[0]))
		return true
	}
	p.putAggregateHeader(buf)
	n := p.headerLen
	for _, nalu := range p.run {
		binary.BigEndian.PutUint16(buf[n:], uint16(len(nalu)))
		n += 2 + copy(buf[n+2:], nalu)
	}
	sink.seal(n)
	return true
}

// putAggregateHeader writes the packet's own NAL unit header: the forbidden
// bit if any unit has it, the greatest importance in H.264, the lowest layer
// and temporal level in H.265.
func (p *packetizer) putAggregateHeader(buf []byte) {
	if p.headerLen == 1 {
		var forbidden, importance byte
		for _, nalu := range p.run {
			forbidden |= nalu[0] & 0x80
			importance = max(importance, nalu[0]&0x60)
		}
		buf[0] = forbidden | importance | p.aggregate
		return
	}
	var forbidden byte
	lowest := uint16(0x01ff) // nuh_layer_id (6 bits), nuh_temporal_id_plus1 (3 bits)
	for _, nalu := range p.run {
		forbidden |= nalu[0] & 0x80
		lowest = min(lowest, binary.BigEndian.Uint16(nalu)&0x01ff)
	}
	binary.BigEndian.PutUint16(buf, lowest)
	buf[0] |= forbidden | p.aggregate<<1
}

// fragment sends one NAL unit in pieces (FU-A: RFC 6184, 5.8; FU: RFC 7798,
// 4.4.3). The unit's own header is not repeated; it is in each piece's header.
func (p *packetizer) fragment(nalu []byte, sink payloadSink) bool {
	const start, end = 0x80, 0x40
	kind := p.naluType(nalu)
	body := nalu[p.headerLen:]
	for mark := byte(start); len(body) > 0; mark = 0 {
		buf := sink.open()
		if buf == nil {
			return false
		}
		copy(buf, nalu[:p.headerLen])
		if p.headerLen == 1 {
			buf[0] = nalu[0]&0xe0 | p.frag
		} else {
			buf[0] = nalu[0]&0x81 | p.frag<<1
		}
		n := copy(buf[p.headerLen+1:], body)
		body = body[n:]
		if len(body) == 0 {
			mark |= end
		}
		buf[p.headerLen] = mark | kind
		sink.seal(p.headerLen + 1 + n)
	}
	return true
}

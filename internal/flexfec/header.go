package flexfec

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Limits of one group and one packet.
const (
	MaxGroup  = 109  // packets that one mask spans
	MaxPacket = 1500 // bytes of a media packet, RTP header included

	fixedHeader = 12 // RFC 3550, 5.1
	recovery    = 8  // bytes of the header that are exclusive ors
	maskAt      = 18
	maxHeader   = 32
)

// Mask says which packets of a group a repair packet protects: bit i, from the
// lowest of the first word on, is the packet SN base + i. The highest is bit
// MaxGroup-1.
type Mask [2]uint64

// Has says whether packet i is in the mask.
func (m Mask) Has(i int) bool { return uint(i) < MaxGroup && m[i>>6]>>(i&63)&1 == 1 }

// With returns the mask with packet i in it.
func (m Mask) With(i int) Mask {
	if uint(i) < MaxGroup {
		m[i>>6] |= 1 << (i & 63)
	}
	return m
}

// Len returns how many packets are in the mask.
func (m Mask) Len() int { return bits.OnesCount64(m[0]) + bits.OnesCount64(m[1]) }

// last returns the last packet in the mask, -1 for none.
func (m Mask) last() int {
	if m[1] != 0 {
		return 63 + bits.Len64(m[1])
	}
	return bits.Len64(m[0]) - 1
}

func (m Mask) and(o Mask) Mask { return Mask{m[0] & o[0], m[1] & o[1]} }

// first returns the first packet in the mask and the mask without it.
func (m Mask) first() (i int, rest Mask) {
	if m[0] != 0 {
		return bits.TrailingZeros64(m[0]), Mask{m[0] & (m[0] - 1), m[1]}
	}
	return 64 + bits.TrailingZeros64(m[1]), Mask{0, m[1] & (m[1] - 1)}
}

var errHeader = errors.New("not a FlexFEC-03 repair packet")

// header is a repair packet's, without the recovery fields.
type header struct {
	ssrc uint32
	base uint16
	mask Mask
	size int // bytes of it; the repair follows
}

// parseHeader reads the header at the beginning of payload.
func parseHeader(payload []byte) (h header, err error) {
	if len(payload) < maskAt+2 || payload[0]&0xc0 != 0 || payload[8] != 1 {
		return h, errHeader
	}
	h.ssrc = binary.BigEndian.Uint32(payload[12:])
	h.base = binary.BigEndian.Uint16(payload[16:])
	part0 := binary.BigEndian.Uint16(payload[maskAt:])
	h.mask[0] = uint64(bits.Reverse16(part0 << 1))
	h.size = maskAt + 2
	if part0>>15 == 0 {
		if len(payload) < maskAt+6 {
			return h, errHeader
		}
		part1 := binary.BigEndian.Uint32(payload[maskAt+2:])
		h.mask[0] |= uint64(bits.Reverse32(part1<<1)) << 15
		h.size = maskAt + 6
		if part1>>31 == 0 {
			if len(payload) < maskAt+14 {
				return h, errHeader
			}
			part2 := bits.Reverse64(binary.BigEndian.Uint64(payload[maskAt+6:]) << 1)
			h.mask[0] |= part2 << 46
			h.mask[1] = part2 >> 18
			h.size = maskAt + 14
		}
	}
	if h.mask == (Mask{}) {
		return h, errHeader
	}
	return h, nil
}

// appendMask appends a mask in its shortest form.
func appendMask(b []byte, m Mask) []byte {
	const end16, end32, end64 = 1 << 15, 1 << 31, 1 << 63
	part0 := bits.Reverse16(uint16(m[0])&0x7fff) >> 1
	part1 := bits.Reverse32(uint32(m[0]>>15)&0x7fffffff) >> 1
	part2 := bits.Reverse64((m[0]>>46|m[1]<<18)&(1<<63-1)) >> 1
	switch last := m.last(); {
	case last < 15:
		return binary.BigEndian.AppendUint16(b, part0|end16)
	case last < 46:
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, part0), part1|end32)
	}
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, part0), part1)
	return binary.BigEndian.AppendUint64(b, part2|end64)
}

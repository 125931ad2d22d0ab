package wire

import (
	"encoding/binary"
	"errors"
)

// Redundant sound (RFC 2198): a payload carries, before its own packet, copies
// of earlier ones. Each copy has a header of four bytes, the packet itself one:
//
//	1 PT(7) timestamp offset(14) length(10) ... 0 PT(7), blocks in that order
const (
	// MimeRED is its name in SDP.
	MimeRED = "audio/red"

	redHeader     = 4
	redLastHeader = 1
	// MaxREDBlock is the longest copy in bytes.
	MaxREDBlock = 1<<10 - 1
	// MaxREDOffset is how far back a copy can be, in RTP time.
	MaxREDOffset = 1<<14 - 1
	// MaxREDBlocks bounds the blocks that are read of one payload, the packet itself included.
	MaxREDBlocks = 8
)

// REDBlock is one packet in a redundant payload.
type REDBlock struct {
	PayloadType uint8  // 7 bits
	Offset      uint16 // how much older than the payload it is, in RTP time; 0 for the packet itself
	Data        []byte // in the payload's memory
}

var errRED = errors.New("redundant payload is malformed")

// AppendRED appends a redundant payload: blocks oldest first, the last of them
// the packet itself, whose Offset is not sent. It panics on what does not fit,
// which is the caller's to check.
func AppendRED(dst []byte, blocks ...REDBlock) []byte {
	for i, b := range blocks {
		if i == len(blocks)-1 {
			dst = append(dst, b.PayloadType&0x7f)
			break
		}
		if len(b.Data) > MaxREDBlock || b.Offset > MaxREDOffset {
			panic("internal error: a redundant block does not fit")
		}
		dst = append(dst, 0x80|b.PayloadType&0x7f)
		word := uint32(b.Offset)<<10 | uint32(len(b.Data))
		dst = append(dst, byte(word>>16), byte(word>>8), byte(word))
	}
	for _, b := range blocks {
		dst = append(dst, b.Data...)
	}
	return dst
}

// ReadRED reads a redundant payload into blocks, oldest first as they came,
// the packet itself last. It fills no more than MaxREDBlocks and keeps payload.
func ReadRED(blocks *[MaxREDBlocks]REDBlock, payload []byte) (n int, err error) {
	var lengths [MaxREDBlocks]int
	rest := payload
	for {
		if n == MaxREDBlocks || len(rest) < redLastHeader {
			return 0, errRED
		}
		blocks[n] = REDBlock{PayloadType: rest[0] & 0x7f}
		if rest[0]&0x80 == 0 {
			rest = rest[redLastHeader:]
			n++
			break
		}
		if len(rest) < redHeader {
			return 0, errRED
		}
		word := binary.BigEndian.Uint32(rest)
		blocks[n].Offset, lengths[n] = uint16(word>>10&MaxREDOffset), int(word&MaxREDBlock)
		rest = rest[redHeader:]
		n++
	}
	for i := range n - 1 {
		if len(rest) < lengths[i] {
			return 0, errRED
		}
		blocks[i].Data, rest = rest[:lengths[i]], rest[lengths[i]:]
	}
	blocks[n-1].Data = rest
	return n, nil
}

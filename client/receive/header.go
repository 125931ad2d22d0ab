package receive

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// errHeader is why a packet is not RTP. One value: the cause is a broken host,
// and which field it broke is of no use to anybody.
var errHeader = errors.New("RTP header does not fit its packet")

const (
	fixedHeader   = 12     // RFC 3550, 5.1
	oneByteForm   = 0xBEDE // RFC 8285, 4.2
	twoByteForm   = 0x1000 // RFC 8285, 4.3; the low four bits are the application's
	maxPacketSize = 1500   // bytes of one slab: no host sends more than an Ethernet frame
)

// ExtIDs are the negotiated RTP header extension numbers (RFC 8285); 0 means
// that the host did not negotiate it.
type ExtIDs struct {
	TWCC           uint8 // transport-wide sequence number, on every packet
	AbsCaptureTime uint8 // host's wall clock at capture, on the first packet of a frame
	FrameTiming    uint8 // our frame number and host stages, on the last packet of a frame
	PlayoutDelay   uint8 // how long the host wants a frame held, on any packet
}

// header is what one RTP packet says. Payload aliases the packet.
type header struct {
	marker      bool
	payloadType uint8
	seq         uint16
	rtpTime     uint32
	ssrc        uint32
	ext         extensions
	payload     []byte
}

// extensions are the values of the extensions the pipeline reads.
type extensions struct {
	hasTWCC bool
	twcc    uint16
	capture uint64           // NTP, 0 when absent
	timing  wire.FrameTiming // Frame is 0 when absent
	playout playout
}

const playoutUnit = 10 * time.Millisecond

// playout is what the extension playout-delay says: how long after its capture
// a frame is to be shown, in playoutUnit.
type playout struct {
	known         bool
	least, utmost uint16
}

// parseHeader reads the header of RFC 3550, 5.1. Every length in it is the
// host's word and is checked before use.
func parseHeader(buf []byte, ids ExtIDs) (h header, err error) {
	if len(buf) < fixedHeader || buf[0]>>6 != 2 {
		return h, errHeader
	}
	h.marker = buf[1]&0x80 != 0
	h.payloadType = buf[1] & 0x7f
	h.seq = binary.BigEndian.Uint16(buf[2:])
	h.rtpTime = binary.BigEndian.Uint32(buf[4:])
	h.ssrc = binary.BigEndian.Uint32(buf[8:])

	off := fixedHeader + 4*int(buf[0]&0x0f)
	if off > len(buf) {
		return h, errHeader
	}
	rest := buf[off:]
	if buf[0]&0x10 != 0 {
		if rest, err = h.ext.read(rest, ids); err != nil {
			return h, err
		}
	}
	if buf[0]&0x20 != 0 {
		if len(rest) == 0 || int(rest[len(rest)-1]) > len(rest) || rest[len(rest)-1] == 0 {
			return h, errHeader
		}
		rest = rest[:len(rest)-int(rest[len(rest)-1])]
	}
	h.payload = rest
	return h, nil
}

// read takes the extension block from the front of buf and returns what
// follows it.
func (e *extensions) read(buf []byte, ids ExtIDs) ([]byte, error) {
	if len(buf) < 4 {
		return nil, errHeader
	}
	profile := binary.BigEndian.Uint16(buf)
	size := 4 * int(binary.BigEndian.Uint16(buf[2:]))
	if size > len(buf)-4 {
		return nil, errHeader
	}
	block, rest := buf[4:4+size], buf[4+size:]
	switch {
	case profile == oneByteForm:
		e.walk(block, ids, 1)
	case profile&0xfff0 == twoByteForm:
		e.walk(block, ids, 2)
	}
	return rest, nil
}

// walk reads the elements of a block in the one-byte or two-byte form. What
// follows an element that does not fit is ignored, as RFC 8285 asks.
func (e *extensions) walk(block []byte, ids ExtIDs, form int) {
	for len(block) >= form {
		if block[0] == 0 { // padding between elements
			block = block[1:]
			continue
		}
		id, size := block[0], 0
		if form == 1 {
			id, size = block[0]>>4, int(block[0]&0x0f)+1
			if id == 15 { // reserved: stop (RFC 8285, 4.2)
				return
			}
		} else {
			size = int(block[1])
		}
		if size > len(block)-form {
			return
		}
		e.element(id, block[form:form+size], ids)
		block = block[form+size:]
	}
}

func (e *extensions) element(id uint8, v []byte, ids ExtIDs) {
	switch {
	case id == 0:
	case id == ids.TWCC && len(v) >= 2:
		e.twcc, e.hasTWCC = binary.BigEndian.Uint16(v), true
	case id == ids.AbsCaptureTime && len(v) >= 8:
		e.capture = binary.BigEndian.Uint64(v)
	case id == ids.FrameTiming && len(v) >= wire.FrameTimingSize:
		e.timing, _ = wire.ParseFrameTiming(v) // fails on short ones only
	case id == ids.PlayoutDelay && len(v) >= 3:
		e.playout = playout{true, uint16(v[0])<<4 | uint16(v[1])>>4, uint16(v[1]&0x0f)<<8 | uint16(v[2])}
	}
}

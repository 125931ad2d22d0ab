package flexfec

import (
	"crypto/subtle"
	"encoding/binary"
)

// Mutable are the negotiated numbers of the RTP header extensions (RFC 8285)
// that are not protected because they are filled in last; 0: not negotiated.
// They are those that Chromium counts as zero.
type Mutable struct {
	TransportCC        uint8 // transport-wide sequence number
	AbsSendTime        uint8
	TransmissionOffset uint8 // urn:ietf:params:rtp-hdrext:toffset (RFC 5450)
	VideoTiming        uint8 // from its seventh byte on: what the pacer and the network fill in
}

const (
	oneByteForm  = 0xBEDE // RFC 8285, 4.2
	twoByteForm  = 0x1000 // RFC 8285, 4.3
	pacerAt      = 7      // of video-timing: flags and three times before are the encoder's
	maxMutable   = 4
	headerOfExts = 4
)

// span is a range of bytes in a packet.
type span struct{ from, to int }

// spans finds the mutable ranges of a packet. What is not RTP has none.
func (m Mutable) spans(packet []byte) (s [maxMutable]span, n int) {
	if m == (Mutable{}) || len(packet) < fixedHeader || packet[0]&0x10 == 0 {
		return s, 0
	}
	at := fixedHeader + 4*int(packet[0]&0x0f)
	if at+headerOfExts > len(packet) {
		return s, 0
	}
	profile := binary.BigEndian.Uint16(packet[at:])
	end := at + headerOfExts + 4*int(binary.BigEndian.Uint16(packet[at+2:]))
	if end > len(packet) {
		return s, 0
	}
	form := 1
	if profile&0xfff0 == twoByteForm {
		form = 2
	} else if profile != oneByteForm {
		return s, 0
	}
	for at += headerOfExts; at+form <= end && n < maxMutable; {
		if packet[at] == 0 {
			at++
			continue
		}
		id, size := packet[at], 0
		if form == 1 {
			id, size = packet[at]>>4, int(packet[at]&0x0f)+1
			if id == 15 {
				return s, n
			}
		} else {
			size = int(packet[at+1])
		}
		at += form
		if size > end-at {
			return s, n
		}
		if from, ok := m.from(id, size); ok {
			s[n] = span{at + from, at + size}
			n++
		}
		at += size
	}
	return s, n
}

// from says at which byte of an extension of size bytes the mutable part begins.
func (m Mutable) from(id uint8, size int) (from int, ok bool) {
	switch {
	case id == 0:
		return 0, false
	case id == m.TransportCC, id == m.AbsSendTime, id == m.TransmissionOffset:
		return 0, true
	case id == m.VideoTiming && size > pacerAt:
		return pacerAt, true
	}
	return 0, false
}

// mix adds a packet's recovery fields and body to head and body, which must be
// as long as the packet's at least. Adding it twice takes it out again.
func mix(head *[recovery]byte, body, packet []byte) {
	head[0] ^= packet[0] & 0x3f
	head[1] ^= packet[1]
	size := len(packet) - fixedHeader
	head[2] ^= byte(size >> 8)
	head[3] ^= byte(size)
	for i := 4; i < recovery; i++ {
		head[i] ^= packet[i]
	}
	subtle.XORBytes(body[:size], body[:size], packet[fixedHeader:])
}

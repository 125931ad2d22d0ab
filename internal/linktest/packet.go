package linktest

import (
	"encoding/binary"
	"errors"
	"time"
)

// PacketHeader is how many bytes of each test packet's RTP payload mean
// something; the rest is filling.
const PacketHeader = 24

// MaxProbe is the largest IP packet that is probed for.
const MaxProbe = 1500

// What a terminal asks the host's STUN ports with for an answer from the other
// port: the attribute CHANGE-REQUEST and its flag, in the last of four bytes
// (RFC 5780, 7.2).
const (
	ChangeRequest = 0x0003
	ChangePort    = 0x02
)

// Kind says what a test packet is for.
type Kind uint8

// Kinds of packets.
const (
	KindMedia     Kind = iota + 1 // a part of a frame, numbered from 0 in its step
	KindPing                      // answered at once by a pong
	KindPong                      // Sent is the answerer's clock, Echo the ping's Sent
	KindProbe                     // Number is the size of the whole IP packet
	KindProbeAck                  // small: the probe of that size came
	KindProbeBack                 // as large as the probe: does the way back carry it?
)

// Packet is what an RTP payload of the test says.
type Packet struct {
	Kind   Kind
	Step   uint8
	Number uint32
	Sent   time.Duration // on the sender's own clock; only differences mean anything
	Echo   time.Duration // pong: Sent of the ping
}

// Put writes p into the first PacketHeader bytes of b. Big endian: kind 1, step
// 1, reserved 2, number 4, sent 8, echo 8; times in microseconds.
func (p Packet) Put(b []byte) {
	b[0], b[1], b[2], b[3] = byte(p.Kind), p.Step, 0, 0
	binary.BigEndian.PutUint32(b[4:], p.Number)
	binary.BigEndian.PutUint64(b[8:], uint64(p.Sent.Microseconds()))
	binary.BigEndian.PutUint64(b[16:], uint64(p.Echo.Microseconds()))
}

// maxClock bounds the clocks in packets: a year, far beyond any test.
const maxClock = uint64(365 * 24 * time.Hour / time.Microsecond)

var errPacket = errors.New("not a packet of the link test")

// ParsePacket reads the payload of an RTP packet. It keeps nothing of b.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) < PacketHeader || b[0] < byte(KindMedia) || b[0] > byte(KindProbeBack) {
		return Packet{}, errPacket
	}
	sent, echo := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	if sent > maxClock || echo > maxClock {
		return Packet{}, errPacket
	}
	return Packet{
		Kind: Kind(b[0]), Step: b[1], Number: binary.BigEndian.Uint32(b[4:]),
		Sent: time.Duration(sent) * time.Microsecond,
		Echo: time.Duration(echo) * time.Microsecond,
	}, nil
}

// ParseRTP reads an RTP packet (RFC 3550, 5.1) and returns its payload's
// meaning and how many bytes the payload has, padding left out.
func ParseRTP(b []byte) (p Packet, payload int, err error) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return p, 0, errPacket
	}
	start := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 { // extension
		if len(b) < start+4 {
			return p, 0, errPacket
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 && end > 0 { // padding
		end -= int(b[end-1])
	}
	if start > end {
		return p, 0, errPacket
	}
	p, err = ParsePacket(b[start:end])
	return p, end - start, err
}

package microphone

import (
	"errors"
	"time"
)

const (
	slots      = 32  // packets that may wait
	mostBytes  = 400 // of one packet: 20 ms at 160 kb/s
	headerSize = 12  // RTP without extensions
	longest    = Rate / 50
)

// packet is one that waits for its turn. The zero value is none.
type packet struct {
	seq     uint16
	used    bool
	stamp   uint32 // of its first sample
	samples int
	n       int
	bytes   [mostBytes]byte
}

// payload of p, valid until the next packet comes.
func (p *packet) payload() []byte { return p.bytes[:p.n] }

var errRTP = errors.New("not an RTP packet of one short Opus frame")

// parseRTP reads the number, the time stamp and the payload of an RTP packet
// (RFC 3550, 5.1). The payload is part of b.
func parseRTP(b []byte) (seq uint16, stamp uint32, payload []byte, err error) {
	if len(b) < headerSize || b[0]>>6 != 2 {
		return 0, 0, nil, errRTP
	}
	seq = uint16(b[2])<<8 | uint16(b[3])
	stamp = uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
	at := headerSize + 4*int(b[0]&15)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return 0, 0, nil, errRTP
		}
		at += 4 + 4*(int(b[at+2])<<8|int(b[at+3]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if at >= end {
		return 0, 0, nil, errRTP
	}
	return seq, stamp, b[at:end], nil
}

// opusSamples returns how much sound a packet has at 48 kHz (RFC 6716, 3.1),
// 0 for one that is refused: of more than 20 ms, or empty.
func opusSamples(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	var frame int
	switch config := b[0] >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = []int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = []int{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 120 << (config & 3)
	}
	count := 1
	switch b[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(b) < 2 {
			return 0
		}
		count = int(b[1] & 63)
	}
	if n := frame * count; n <= longest {
		return n
	}
	return 0
}

// queue puts packets in order. It does no timing.
type queue struct {
	ring  [slots]packet
	next  uint16 // the number whose turn it is
	begun bool
	last  uint16 // the highest number that waits or was taken
}

// result says what became of a packet.
type result uint8

const (
	kept result = iota
	late
	again
	refused
	restarted // too far away to be of the same stream: it is the first of a new one
)

// put keeps a copy of a packet.
func (q *queue) put(seq uint16, stamp uint32, payload []byte) (r result) {
	n := opusSamples(payload)
	if n == 0 || len(payload) > mostBytes {
		return refused
	}
	ahead := int16(seq - q.next)
	switch {
	case !q.begun:
		q.begun, q.next, q.last = true, seq, seq
	case ahead >= slots || ahead < -256:
		q.clear()
		q.begun, q.next, q.last, r = true, seq, seq, restarted
	case ahead < 0:
		return late
	}
	p := &q.ring[seq%slots]
	if p.used {
		return again
	}
	p.seq, p.used, p.stamp, p.samples = seq, true, stamp, n
	p.n = copy(p.bytes[:], payload)
	if int16(seq-q.last) > 0 {
		q.last = seq
	}
	return r
}

func (q *queue) clear() {
	for i := range q.ring {
		q.ring[i].used = false
	}
	q.begun = false
}

// at returns the packet that is off places after the one whose turn it is,
// nil if it has not come.
func (q *queue) at(off int) *packet {
	p := &q.ring[(q.next+uint16(off))%slots]
	if off >= slots || !p.used || p.seq != q.next+uint16(off) {
		return nil
	}
	return p
}

// waiting is how much sound there is, holes included.
func (q *queue) waiting() (n int) {
	if !q.begun {
		return 0
	}
	length := Rate / 100
	for off := 0; off <= int(int16(q.last-q.next)) && off < slots; off++ {
		if p := q.at(off); p != nil {
			length = p.samples
		}
		n += length
	}
	return n
}

// advance gives up the place whose turn it is.
func (q *queue) advance() {
	if p := q.at(0); p != nil {
		p.used = false
	}
	q.next++
}

func samples(d time.Duration) int { return int(d * Rate / time.Second) }

package egress

import "math"

// historySize is how many packets of a screen are kept for repair: a power of
// two that divides the sequence space, 0.8 s at 100 Mb/s.
const historySize = 8192

// Places of a packet in its frame.
const (
	firstOfFrame = 1 << iota
	lastOfFrame
	numPlaces = 1 << 2
)

// osnSize is the original sequence number that starts a retransmission's
// payload (RFC 4588, 4). Each slot keeps it in front of the payload, so a
// repair is the same bytes from two bytes earlier.
const osnSize = 2

// never is a time before every other.
const never = math.MinInt64 / 2

// packet is one slot of a screen's history.
type packet struct {
	seq     uint64 // extended sequence number: its low 16 bits are on the wire
	rtpTime uint32
	twcc    uint16 // transport-wide number it was first sent with
	place   uint8
	size    int   // of the payload
	resent  int64 // nanoseconds since the sender's epoch, or never
	capture [8]byte
	timing  [12]byte
	data    [osnSize + MaxPayload]byte
}

// payload returns the RTP payload as media.
func (p *packet) payload() []byte { return p.data[osnSize : osnSize+p.size] }

// repair returns the RTP payload as a retransmission.
func (p *packet) repair() []byte { return p.data[:osnSize+p.size] }

// history is a screen's ring of packets. Counters are extended sequence
// numbers: written >= queued >= sent. Slots from sent to written belong to the
// encoder's goroutine until they are queued and to Run until they are sent;
// everything older may be repaired.
type history struct {
	written uint64 // next number the encoder will fill
	queued  uint64 // packets before it may be sent
	sent    uint64 // packets before it were sent
	slots   []packet
}

// newHistory starts at first, the random number RFC 3550, 5.1 asks for. One
// round of the sequence space is added so that "older" never goes below zero.
func newHistory(first uint16) history {
	n := uint64(first) + 1<<16
	return history{written: n, queued: n, sent: n, slots: make([]packet, historySize)}
}

func (h *history) slot(seq uint64) *packet { return &h.slots[seq%historySize] }

// full reports whether the next packet would overwrite one not sent yet.
func (h *history) full() bool { return h.written-h.sent >= historySize }

// find returns the sent packet that seq names, or nil when it was never sent
// or its slot was taken by a newer one.
func (h *history) find(seq uint16) *packet {
	newest := h.sent - 1
	extended := newest - uint64(uint16(newest)-seq)
	if extended+historySize < h.written {
		return nil // the encoder has its slot, or is about to
	}
	if p := h.slot(extended); p.seq == extended {
		return p
	}
	return nil
}

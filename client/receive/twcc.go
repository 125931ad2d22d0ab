package receive

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	twccWindow = 1 << 13 // packets remembered; a power of two
	// twccStatuses bounds one feedback packet: with the longest deltas and
	// chunks it stays under 1000 bytes, so it is never fragmented.
	twccStatuses = 400
	maxFeedbacks = 32                     // of one Feedback; the rest follows with the next
	twccTick     = 250 * time.Microsecond // unit of a receive delta
	twccRefTicks = 256                    // ticks in one unit of the reference time, 64 ms

	// Feedback is due every twccInterval, and twccEarly after the last when
	// twccEnough packets wait: a host sees a path that becomes slow from six.
	twccInterval = 20 * time.Millisecond
	twccEarly    = 9 * time.Millisecond // two polls of Tick
	twccEnough   = 8
	// After so long without packets the first is told at once: a host that
	// thinks the path is gone waits for it.
	twccPause = 100 * time.Millisecond
)

// arrival is when one transport-wide sequence number was received.
type arrival struct {
	ext  int64 // 0: none
	tick int64 // since epoch
}

// TWCC records the arrival of every packet that has a transport-wide sequence
// number and builds the feedback of
// draft-holmer-rmcat-transport-wide-cc-extensions-01. One serves all streams of
// a transport. Its methods may be called from any goroutine; a nil TWCC
// ignores packets.
type TWCC struct {
	sender uint32
	back   chan struct{} // capacity 1, never closed

	mu      sync.Mutex
	came    time.Time // the newest packet
	epoch   time.Time
	media   uint32
	next    int64 // first to report
	highest int64
	pending int
	count   uint8
	ring    [twccWindow]arrival

	symbols [twccStatuses]uint8
	deltas  [twccStatuses]int16
	buf     []byte
	raw     [maxFeedbacks]rtcp.RawPacket
	packets []rtcp.Packet // into raw
}

// NewTWCC returns a recorder whose feedback comes from the SSRC sender.
func NewTWCC(sender uint32) *TWCC {
	return &TWCC{sender: sender, back: make(chan struct{}, 1), buf: make([]byte, 0, 4096), packets: make([]rtcp.Packet, 0, maxFeedbacks)}
}

// Record notes a packet of ssrc with the transport-wide number seq, read at now.
func (t *TWCC) Record(now time.Time, ssrc uint32, seq uint16) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.came) >= twccPause {
		select {
		case t.back <- struct{}{}:
		default:
		}
	}
	t.came = now
	if t.highest == 0 {
		t.epoch = now
		t.next = 1<<16 | int64(seq)
		t.highest = t.next
	}
	t.media = ssrc
	ext := t.highest + int64(int16(seq-uint16(t.highest)))
	a := &t.ring[ext&(twccWindow-1)]
	if a.ext == ext || ext <= t.highest-twccWindow {
		return
	}
	*a = arrival{ext, int64(now.Sub(t.epoch) / twccTick)}
	t.highest = max(t.highest, ext)
	t.next = min(t.next, ext) // late, reported missing before: again, as received
	t.next = max(t.next, t.highest-twccWindow+1)
	t.pending++
}

// Back says that packets come again after a pause: Feedback is due.
func (t *TWCC) Back() <-chan struct{} { return t.back }

// Due reports whether it is time for Feedback; last is when it was sent last.
func (t *TWCC) Due(now, last time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := now.Sub(last)
	return t.pending > 0 && (since >= twccInterval || since >= twccEarly && t.pending >= twccEnough)
}

// Feedback returns the feedback about all packets since the last call, nil
// when there were none. It is valid until the next call and under 1000 bytes
// a packet.
func (t *TWCC) Feedback() []rtcp.Packet {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf, t.packets, t.pending = t.buf[:0], t.packets[:0], 0
	for i := 0; i < maxFeedbacks && t.highest != 0 && t.next <= t.highest; i++ {
		start := len(t.buf)
		t.build()
		t.raw[i] = t.buf[start:]
		t.packets = append(t.packets, &t.raw[i])
	}
	if len(t.packets) == 0 {
		return nil
	}
	return t.packets
}

// build appends one feedback packet about what begins at next.
func (t *TWCC) build() {
	first := t.next
	for t.ring[first&(twccWindow-1)].ext != first {
		first++ // ends: highest was received
	}
	base := max(t.next, first-twccStatuses+1)
	ref := floorDiv(t.ring[first&(twccWindow-1)].tick, twccRefTicks)
	statuses, received := t.collect(base, ref*twccRefTicks)
	t.next = base + int64(statuses)

	start := len(t.buf)
	b := binary.BigEndian.AppendUint32(t.buf, 0) // header, below
	b = binary.BigEndian.AppendUint32(b, t.sender)
	b = binary.BigEndian.AppendUint32(b, t.media)
	b = binary.BigEndian.AppendUint16(b, uint16(base))
	b = binary.BigEndian.AppendUint16(b, uint16(statuses))
	b = binary.BigEndian.AppendUint32(b, uint32(ref)<<8|uint32(t.count))
	b = appendChunks(b, t.symbols[:statuses])
	b = appendDeltas(b, t.deltas[:received])
	t.buf = finishRTCP(b, start)
	t.count++
}

// collect fills symbols and deltas from base on; tick is the reference time.
func (t *TWCC) collect(base, tick int64) (statuses, received int) {
	for ext := base; ext <= t.highest && statuses < twccStatuses; ext++ {
		a := &t.ring[ext&(twccWindow-1)]
		if a.ext != ext {
			t.symbols[statuses] = symbolMissing
			statuses++
			continue
		}
		delta := a.tick - tick
		if delta != int64(int16(delta)) {
			break // its own packet, with a reference time of its own
		}
		tick = a.tick
		t.symbols[statuses] = symbolLarge
		if delta >= 0 && delta <= 0xff {
			t.symbols[statuses] = symbolSmall
		}
		t.deltas[received] = int16(delta)
		statuses++
		received++
	}
	return statuses, received
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Packet status symbols (section 3.1.1 of the draft).
const (
	symbolMissing = iota
	symbolSmall   // one byte of delta
	symbolLarge   // two bytes
)

// Symbols in one chunk of each kind (sections 3.1.3, 3.1.4).
const (
	maxRun       = 0x1fff
	oneBitVector = 14
	twoBitVector = 7
)

// appendChunks writes symbols as run length chunks where they pay, else as
// status vectors. A last vector that is not full ends in missing ones, which
// the status count cuts off.
func appendChunks(b []byte, symbols []uint8) []byte {
	for len(symbols) > 0 {
		run, small := runLength(symbols), smallLength(symbols)
		var chunk uint16
		n := 0
		switch {
		case run >= oneBitVector || run >= twoBitVector && small < oneBitVector || run == len(symbols):
			n = min(run, maxRun)
			chunk = uint16(symbols[0])<<13 | uint16(n)
		case small >= min(oneBitVector, len(symbols)):
			n = min(oneBitVector, len(symbols))
			chunk = 0x8000 | vector(symbols[:n], 1, oneBitVector)
		default:
			n = min(twoBitVector, len(symbols))
			chunk = 0xc000 | vector(symbols[:n], 2, twoBitVector)
		}
		b = binary.BigEndian.AppendUint16(b, chunk)
		symbols = symbols[n:]
	}
	return b
}

// runLength returns how often the first symbol repeats.
func runLength(symbols []uint8) int {
	n := 1
	for n < len(symbols) && symbols[n] == symbols[0] {
		n++
	}
	return n
}

// smallLength returns how many symbols fit one bit, up to a vector of them.
func smallLength(symbols []uint8) int {
	n := 0
	for n < len(symbols) && n < oneBitVector && symbols[n] != symbolLarge {
		n++
	}
	return n
}

func vector(symbols []uint8, bits, room int) (v uint16) {
	for i := range room {
		v <<= bits
		if i < len(symbols) {
			v |= uint16(symbols[i])
		}
	}
	return v
}

func appendDeltas(b []byte, deltas []int16) []byte {
	for _, d := range deltas {
		if d >= 0 && d <= 0xff {
			b = append(b, byte(d))
		} else {
			b = binary.BigEndian.AppendUint16(b, uint16(d))
		}
	}
	return b
}

// finishRTCP pads the packet at start to whole words and writes its header
// (RFC 3550, 6.4.1; transport feedback, format 15).
func finishRTCP(b []byte, start int) []byte {
	first := byte(2<<6 | rtcp.FormatTCC)
	if pad := -(len(b) - start) & 3; pad > 0 {
		first |= 1 << 5
		b = append(b, make([]byte, pad)...)
		b[len(b)-1] = byte(pad)
	}
	b[start], b[start+1] = first, byte(rtcp.TypeTransportSpecificFeedback)
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
	return b
}

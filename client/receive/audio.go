package receive

import (
	"errors"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// AudioPacket is one Opus packet in the order of the stream.
type AudioPacket struct {
	Seq     uint16
	RTPTime uint32    // 48 kHz, wraps
	Arrived time.Time // when it was read
	Lost    int       // packets missing between the one handed out before and this one
	Payload []byte    // valid until Release

	release func(*AudioPacket)
}

// Release gives the buffer back. The caller must not touch p after.
func (p *AudioPacket) Release() { p.release(p) }

// Bounds of a sound stream.
const (
	audioSlots    = 64 // how far apart packets may be put in order, a power of two
	maxAudioLost  = 3000
	audioIdlePoll = 50 * time.Millisecond
)

// AudioConfig describes one sound stream.
type AudioConfig struct {
	PayloadType uint8 // packets of another one are passed over; 0: any
	// Redundant is the payload type of packets that carry copies of earlier
	// ones (RFC 2198); 0: not negotiated.
	Redundant  uint8
	Extensions ExtIDs
	// ReorderWindow is how long a packet waits for one before it that is
	// missing; 0: not at all, late packets are then dropped.
	ReorderWindow time.Duration
	OnPacket      func(*AudioPacket) // takes ownership, must not block; not under a lock
	TWCC          *TWCC              // gets every packet that has a number; nil: none
	Reports       *Source            // gets every packet; nil: none
}

// AudioStats counts what happened to one sound stream since its start.
type AudioStats struct {
	Packets    uint64 // well-formed
	Bytes      uint64 // of them, RTP headers included
	Malformed  uint64
	Duplicates uint64 // received before, or passed over as missing
	Reordered  uint64 // put back in order
	Lost       uint64 // passed over as missing
	Recovered  uint64 // were missing and came as a copy in a later packet
	Starved    uint64 // dropped because all buffers were out
	Restarts   uint64 // sequence spaces the host began after the first
}

// Audio puts the packets of one sound stream in order. See the package comment.
type Audio struct {
	cfg AudioConfig

	mu      sync.Mutex
	started bool
	ssrc    uint32
	head    int64                    // extended number whose turn it is
	highest int64                    //
	strayed int64                    // number after a packet that fitted nowhere
	slots   [audioSlots]*AudioPacket // packets waiting, by extended number
	waiting int
	passed  int // packets passed over since one was handed out
	blocks  [wire.MaxREDBlocks]wire.REDBlock
	free    []*AudioPacket
	stats   AudioStats

	ready, spare []*AudioPacket
	telling      bool // one goroutine runs callbacks from spare
}

// NewAudio checks cfg and allocates all buffers.
func NewAudio(cfg AudioConfig) (*Audio, error) {
	if cfg.OnPacket == nil {
		return nil, errors.New("receive audio: no OnPacket")
	}
	const buffers = 4 * audioSlots
	a := &Audio{
		cfg:   cfg,
		free:  make([]*AudioPacket, 0, buffers),
		ready: make([]*AudioPacket, 0, buffers),
		spare: make([]*AudioPacket, 0, buffers),
	}
	slab := make([]byte, buffers*maxPacketSize)
	for i := range buffers {
		memory := slab[i*maxPacketSize : (i+1)*maxPacketSize : (i+1)*maxPacketSize]
		a.free = append(a.free, &AudioPacket{Payload: memory, release: a.put})
	}
	return a, nil
}

// Packet takes a decrypted RTP packet, read at now. It does not keep buf.
func (a *Audio) Packet(now time.Time, buf []byte) {
	h, err := parseHeader(buf, a.cfg.Extensions)
	if err == nil {
		if h.ext.hasTWCC {
			a.cfg.TWCC.Record(now, h.ssrc, h.ext.twcc)
		}
		a.cfg.Reports.Packet(now, h.ssrc, h.seq, h.rtpTime)
	}
	a.mu.Lock()
	defer a.leave()
	if err != nil || len(h.payload) > maxPacketSize {
		a.stats.Malformed++
		return
	}
	a.stats.Packets++
	a.stats.Bytes += uint64(len(buf))
	switch {
	case a.cfg.Redundant != 0 && h.payloadType == a.cfg.Redundant:
		a.unfold(now, &h)
	case a.cfg.PayloadType != 0 && h.payloadType != a.cfg.PayloadType:
		h.payload = nil // holds its place and nothing else
		fallthrough
	default:
		a.insert(now, &h, false)
	}
	a.flow(now)
}

// unfold takes a packet with copies: the packet itself, then those of its
// copies that are missing. The copies are of the packets right before it, one
// each, which is how every sender of Opus uses RFC 2198.
func (a *Audio) unfold(now time.Time, h *header) {
	n, err := wire.ReadRED(&a.blocks, h.payload)
	if err != nil {
		a.stats.Malformed++
		h.payload = nil
		a.insert(now, h, false)
		return
	}
	own := a.blocks[n-1]
	h.payload = own.Data
	if a.cfg.PayloadType != 0 && own.PayloadType != a.cfg.PayloadType {
		h.payload = nil
	}
	a.insert(now, h, false)
	for back := 1; back < n; back++ {
		b := &a.blocks[n-1-back]
		seq := h.seq - uint16(back)
		if b.PayloadType != own.PayloadType || len(b.Data) == 0 || !a.misses(seq) {
			continue
		}
		a.stats.Recovered++
		a.insert(now, &header{ssrc: h.ssrc, seq: seq, rtpTime: h.rtpTime - uint32(b.Offset), payload: b.Data}, true)
	}
}

// misses reports whether a packet's turn has not come and it is not there.
func (a *Audio) misses(seq uint16) bool {
	ext := a.highest + int64(int16(seq-uint16(a.highest)))
	return ext >= a.head && ext-a.head < audioSlots && a.slots[ext&(audioSlots-1)] == nil
}

// Tick passes over packets whose window has ended by now and returns how long
// until it wants to be called again.
func (a *Audio) Tick(now time.Time) (next time.Duration) {
	a.mu.Lock()
	defer a.leave()
	a.flow(now)
	if p := a.oldest(); p != nil {
		return max(p.Arrived.Add(a.cfg.ReorderWindow).Sub(now), minPoll)
	}
	return audioIdlePoll
}

// Stats returns the counts so far.
func (a *Audio) Stats() AudioStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

// insert puts a packet into its slot; copied says that it is a copy in a later one.
func (a *Audio) insert(now time.Time, h *header, copied bool) {
	if !a.started || h.ssrc != a.ssrc {
		a.restart(h.ssrc, h.seq)
	}
	ext := a.highest + int64(int16(h.seq-uint16(a.highest)))
	if ext < a.head-audioSlots || ext > a.highest+maxAudioLost {
		if ext != a.strayed {
			a.strayed = ext + 1
			return
		}
		a.restart(h.ssrc, h.seq)
		ext = a.head
	}
	a.strayed = 0
	if ext < a.head || ext-a.head < audioSlots && a.slots[ext&(audioSlots-1)] != nil {
		a.stats.Duplicates++
		return
	}
	for ext-a.head >= audioSlots {
		a.skipTo(ext)
	}
	p := a.take()
	if p == nil {
		return
	}
	if ext < a.highest && !copied {
		a.stats.Reordered++
	}
	p.Seq, p.RTPTime, p.Arrived = h.seq, h.rtpTime, now
	p.Payload = p.Payload[:copy(p.Payload[:maxPacketSize], h.payload)]
	a.slots[ext&(audioSlots-1)] = p
	a.waiting++
	a.highest = max(a.highest, ext)
}

func (a *Audio) take() *AudioPacket {
	if len(a.free) == 0 {
		a.stats.Starved++
		return nil
	}
	p := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	return p
}

func (a *Audio) put(p *AudioPacket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, p)
}

// restart hands out what waits and begins a sequence space at seq.
func (a *Audio) restart(ssrc uint32, seq uint16) {
	for a.waiting > 0 {
		a.skipTo(a.highest)
	}
	if a.started {
		a.stats.Restarts++
	}
	a.started, a.ssrc, a.strayed = true, ssrc, 0
	a.head = (a.highest>>16+2)<<16 | int64(seq)
	a.highest, a.passed = a.head, 0
}

// flow hands out the packets whose turn it is, and those that waited long
// enough for one before them.
func (a *Audio) flow(now time.Time) {
	a.run()
	for p := a.oldest(); p != nil && now.Sub(p.Arrived) >= a.cfg.ReorderWindow; p = a.oldest() {
		a.skipTo(a.highest)
	}
}

// run hands out packets up to the next gap. Empty ones are padding.
func (a *Audio) run() {
	for p := a.slots[a.head&(audioSlots-1)]; p != nil; p = a.slots[a.head&(audioSlots-1)] {
		a.slots[a.head&(audioSlots-1)] = nil
		a.waiting--
		a.head++
		if len(p.Payload) == 0 {
			a.free = append(a.free, p)
			continue
		}
		p.Lost, a.passed = a.passed, 0
		a.ready = append(a.ready, p)
	}
}

// skipTo passes over the gap at head, up to the next waiting packet but not
// beyond end.
func (a *Audio) skipTo(end int64) {
	from := a.head
	for a.head < end && a.slots[a.head&(audioSlots-1)] == nil {
		a.head++
	}
	a.passed += int(a.head - from)
	a.stats.Lost += uint64(a.head - from)
	a.run()
}

// oldest returns the waiting packet nearest to its turn.
func (a *Audio) oldest() *AudioPacket {
	if a.waiting == 0 {
		return nil
	}
	for ext := a.head; ; ext++ {
		if p := a.slots[ext&(audioSlots-1)]; p != nil {
			return p
		}
	}
}

// leave unlocks the stream and hands out what is ready, unless another
// goroutine is at it and will hand this out too.
func (a *Audio) leave() {
	for !a.telling && len(a.ready) > 0 {
		a.telling = true
		a.ready, a.spare = a.spare[:0], a.ready
		batch := a.spare
		a.mu.Unlock()
		for _, p := range batch {
			a.cfg.OnPacket(p)
		}
		a.mu.Lock()
		a.telling = false
	}
	a.mu.Unlock()
}

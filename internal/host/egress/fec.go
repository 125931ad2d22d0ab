package egress

import (
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/flexfec"
)

// MimeFlexFEC names the format of FEC streams in SDP, without "video/".
const MimeFlexFEC = "flexfec-03"

// Sizes of FEC.
const (
	// maxHeader is the longest RTP header: 12 bytes and every extension.
	maxHeader = 60
	// maxRepair is the longest payload of a repair packet: all of the longest
	// media packet but its fixed header, and FlexFEC's own header.
	maxRepair = maxHeader + MaxPayload + 20
	// maxReady is how many repair packets can wait; a frame of more groups
	// than that is not protected to its end.
	maxReady = 4 * flexfec.MaxRepairs
)

// fec makes the repair packets of one screen, frame by frame. A frame of more
// packets than a mask spans is divided into equal groups. It belongs to Run's
// goroutine.
type fec struct {
	encoder *flexfec.Encoder
	raw     [maxHeader + MaxPayload]byte

	// The frame that is being sent.
	first   uint64 // its first packet
	packets int
	repairs int // of the whole frame; 0: it is not protected
	// The group.
	begin, n, made int // of packets within the frame; repairs

	ready       [maxReady]ready
	head, count int
}

// ready is a repair packet that waits for its turn.
type ready struct {
	rtpTime uint32
	size    int
	data    [maxRepair]byte
}

func newFEC(transportCC uint8) *fec {
	return &fec{encoder: flexfec.NewEncoder(flexfec.Mutable{TransportCC: transportCC})}
}

// frame begins a frame of packets from the extended number first on.
func (f *fec) frame(first uint64, packets, repairs int) {
	f.first, f.packets, f.repairs = first, packets, repairs
	f.begin, f.n, f.made = 0, 0, 0
}

// groups is how many groups the frame has.
func (f *fec) groups() int {
	return max((f.packets+flexfec.MaxGroup-1)/flexfec.MaxGroup, (f.repairs+flexfec.MaxRepairs-1)/flexfec.MaxRepairs)
}

// add takes a packet that leaves.
func (f *fec) add(p *packet, h *rtp.Header) {
	if f.repairs == 0 {
		return
	}
	at := int(p.seq - f.first)
	if at == f.begin+f.n && !f.group(h.SSRC, at) {
		f.repairs = 0
		return
	}
	n, err := h.MarshalTo(f.raw[:])
	if err != nil {
		return // a hole in the group: it protects the rest
	}
	n += copy(f.raw[n:], p.payload())
	f.encoder.Add(at-f.begin, f.raw[:n])
	if at == f.begin+f.n-1 {
		f.finish(p.rtpTime)
	}
}

// group begins the group of packet at.
func (f *fec) group(ssrc uint32, at int) bool {
	size := (f.packets + f.groups() - 1) / f.groups()
	f.begin, f.n = at, min(size, f.packets-at)
	// Repairs are shared out so that each group ends with its part of all.
	before := f.repairs * f.begin / f.packets
	f.made = min(max(f.repairs*(f.begin+f.n)/f.packets-before, 1), f.n)
	return f.encoder.Begin(ssrc, uint16(f.first)+uint16(at), f.n, f.made) == nil
}

// finish queues the group's repair packets.
func (f *fec) finish(rtpTime uint32) {
	for i := range f.made {
		if f.count == maxReady {
			return
		}
		r := &f.ready[(f.head+f.count)%maxReady]
		r.rtpTime, r.size = rtpTime, len(f.encoder.Repair(i, r.data[:0]))
		if r.size > 0 && r.size <= maxRepair {
			f.count++
		}
	}
}

// forget drops what waits and what is in the making.
func (f *fec) forget() { f.count, f.repairs = 0, 0 }

// stepFEC sends one repair packet.
func (v *Video) stepFEC(now time.Time) bool {
	s := v.sender
	s.mu.Lock()
	b := v.bound
	if b != nil && b.fec != nil && v.fecFlush {
		b.fec.forget()
		v.fecFlush = false
	}
	if b == nil || b.fec == nil || b.fec.count == 0 {
		s.mu.Unlock()
		return false
	}
	f := b.fec
	r := &f.ready[f.head]
	v.fecSeq++
	seq, twcc := v.fecSeq, s.numberLocked(kindFEC, r.size)
	v.stats.FECPackets++
	s.mu.Unlock()
	s.scratch.rtpTime, s.scratch.place = r.rtpTime, 0
	s.write(b.writer, b.protect.header(&s.scratch, seq, twcc), r.data[:r.size])
	f.head, f.count = (f.head+1)%maxReady, f.count-1
	return true
}

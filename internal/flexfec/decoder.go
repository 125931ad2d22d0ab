package flexfec

import "encoding/binary"

// Defaults of DecoderConfig.
const (
	DefaultPackets = 1024
	DefaultRepairs = 64
)

// DecoderConfig sizes a decoder. Its memory is 1.5 KB for each packet and each
// repair packet kept.
type DecoderConfig struct {
	Packets int // media packets kept, a power of two above MaxGroup; 0: DefaultPackets
	Repairs int // repair packets kept while they may help; 0: DefaultRepairs
	Mutable Mutable
	// Recovered gets each packet that came back, in no order. The packet is
	// lent; what Mutable names is zero in it. It must not call the decoder.
	Recovered func(packet []byte)
}

// DecoderStats counts what became of repair packets.
type DecoderStats struct {
	Repairs   uint64 // given to the decoder
	Malformed uint64 // those of them that are none, or of another SSRC
	Used      uint64 // those of them that brought a packet back
	Useless   uint64 // those of them whose packets had all come
	Expired   uint64 // those of them that could not help before they were dropped
}

// kept is one media packet.
type kept struct {
	ext  int64 // extended number, 0: none
	size int
	data [MaxPacket]byte
}

// waiting is a repair packet that lacks more than one of its packets.
type waiting struct {
	base    int64 // extended
	mask    Mask
	age     uint64
	missing int
	head    int // bytes of header
	size    int
	data    *[MaxPacket]byte // its place's own, which stays when it is forgotten
}

// Decoder brings lost packets of one SSRC back. One goroutine.
type Decoder struct {
	mutable   Mutable
	recovered func([]byte)
	ring      []kept
	pending   []waiting // in no order
	age       uint64

	ssrc    uint32
	known   bool // highest is valid
	highest int64
	stats   DecoderStats

	head [recovery]byte
	body [MaxPacket]byte // fixed header first
}

// NewDecoder returns a decoder; before Reset it knows no SSRC and drops all.
func NewDecoder(cfg DecoderConfig) *Decoder {
	packets, repairs := cfg.Packets, cfg.Repairs
	if packets <= 2*MaxGroup || packets&(packets-1) != 0 {
		packets = DefaultPackets
	}
	if repairs < 1 {
		repairs = DefaultRepairs
	}
	d := &Decoder{
		mutable: cfg.Mutable, recovered: cfg.Recovered,
		ring: make([]kept, packets), pending: make([]waiting, repairs),
	}
	for i := range d.pending {
		d.pending[i].data = new([MaxPacket]byte)
	}
	d.pending = d.pending[:0]
	return d
}

// Reset forgets everything and goes on with ssrc, whose numbers begin anew.
func (d *Decoder) Reset(ssrc uint32) {
	d.stats.Expired += uint64(len(d.pending))
	d.pending = d.pending[:0]
	d.highest += int64(len(d.ring)) + 1<<17 // no kept packet is mistaken for a new one
	d.ssrc, d.known = ssrc, false
}

// Stats returns the counts since NewDecoder.
func (d *Decoder) Stats() DecoderStats { return d.stats }

// Pending returns how many repair packets are kept.
func (d *Decoder) Pending() int { return len(d.pending) }

// extend returns the extended number nearest to the highest one.
func (d *Decoder) extend(seq uint16) int64 {
	if !d.known {
		d.known = true
		d.highest = (d.highest>>16+1)<<16 | int64(seq)
	}
	return d.highest + int64(int16(seq-uint16(d.highest)))
}

func (d *Decoder) at(ext int64) *kept { return &d.ring[int(ext)&(len(d.ring)-1)] }

func (d *Decoder) has(ext int64) bool { return d.at(ext).ext == ext }

// Media takes a media packet, whole as it came out of SRTP. It does not keep
// packet. Others that it lets come back are given to Recovered before it returns.
func (d *Decoder) Media(packet []byte) {
	if len(packet) < fixedHeader || len(packet) > MaxPacket || binary.BigEndian.Uint32(packet[8:]) != d.ssrc {
		return
	}
	ext := d.extend(binary.BigEndian.Uint16(packet[2:]))
	if ext <= d.highest-int64(len(d.ring)) || d.has(ext) {
		return
	}
	d.keep(ext, packet)
	if d.note(ext) {
		d.solve()
	}
}

// keep stores a packet with what is mutable in it set to zero.
func (d *Decoder) keep(ext int64, packet []byte) {
	k := d.at(ext)
	k.ext, k.size = ext, copy(k.data[:], packet)
	spans, n := d.mutable.spans(packet)
	for _, s := range spans[:n] {
		clear(k.data[s.from:s.to])
	}
	d.highest = max(d.highest, ext)
}

// note tells the repair packets that ext is there, and says whether one of
// them is done or can bring a packet back.
func (d *Decoder) note(ext int64) (due bool) {
	for i := range d.pending {
		w := &d.pending[i]
		if off := ext - w.base; off >= 0 && off < MaxGroup && w.mask.Has(int(off)) {
			w.missing--
			due = due || w.missing <= 1
		}
	}
	return due
}

// Repair takes the payload of a repair packet. It does not keep payload.
func (d *Decoder) Repair(payload []byte) {
	d.stats.Repairs++
	h, err := parseHeader(payload)
	if err != nil || h.ssrc != d.ssrc || len(payload) > MaxPacket || !d.known {
		d.stats.Malformed++
		return
	}
	base := d.extend(h.base)
	if base <= d.highest-int64(len(d.ring)) || base > d.highest+MaxGroup {
		d.stats.Malformed++
		return
	}
	missing := 0
	for m := h.mask; m != (Mask{}); {
		var i int
		if i, m = m.first(); !d.has(base + int64(i)) {
			missing++
		}
	}
	if missing == 0 {
		d.stats.Useless++
		return
	}
	w := d.room()
	w.base, w.mask, w.missing, w.head = base, h.mask, missing, h.size
	w.size = copy(w.data[:], payload)
	if missing == 1 {
		d.solve()
	}
}

// room returns a place for a repair packet, that of the oldest when all are
// taken.
func (d *Decoder) room() *waiting {
	d.age++
	if n := len(d.pending); n < cap(d.pending) {
		d.pending = d.pending[:n+1]
		d.pending[n].age = d.age
		return &d.pending[n]
	}
	oldest := &d.pending[0]
	for i := range d.pending {
		if d.pending[i].age < oldest.age {
			oldest = &d.pending[i]
		}
	}
	d.stats.Expired++
	oldest.age = d.age
	return oldest
}

// remove forgets the repair packet at i.
func (d *Decoder) remove(i int) {
	n := len(d.pending) - 1
	d.pending[i], d.pending[n] = d.pending[n], d.pending[i]
	d.pending = d.pending[:n]
}

// solve uses every repair packet that lacks one packet, until none does. Each
// turn removes one, so it ends.
func (d *Decoder) solve() {
	for i := 0; i < len(d.pending); {
		w := &d.pending[i]
		if w.missing > 1 {
			i++
			continue
		}
		if w.missing < 1 {
			d.stats.Useless++
			d.remove(i)
			continue
		}
		ext, packet := d.restore(w)
		d.remove(i) // w is another one now
		if packet == nil {
			continue
		}
		d.stats.Used++
		d.keep(ext, packet)
		if d.note(ext) {
			i = 0
		}
		if d.recovered != nil {
			d.recovered(packet)
		}
	}
}

// restore computes the one packet that w lacks, nil when it cannot be: another
// one has been forgotten meanwhile, or the repair does not fit its group.
func (d *Decoder) restore(w *waiting) (ext int64, packet []byte) {
	n := w.size - w.head // bytes of repair
	d.head = [recovery]byte(w.data[:recovery])
	body := d.body[fixedHeader:]
	copy(body, w.data[w.head:w.size])
	for m := w.mask; m != (Mask{}); {
		var i int
		i, m = m.first()
		e := w.base + int64(i)
		if !d.has(e) {
			if ext != 0 {
				d.stats.Expired++
				return 0, nil
			}
			ext = e
			continue
		}
		k := d.at(e)
		if k.size-fixedHeader > n {
			d.stats.Malformed++
			return 0, nil
		}
		mix(&d.head, body, k.data[:k.size])
	}
	size := int(binary.BigEndian.Uint16(d.head[2:]))
	if ext == 0 || size > n {
		d.stats.Malformed++
		return 0, nil
	}
	packet = d.body[:fixedHeader+size]
	packet[0] = 2<<6 | d.head[0]&0x3f
	packet[1] = d.head[1]
	binary.BigEndian.PutUint16(packet[2:], uint16(ext))
	copy(packet[4:8], d.head[4:8])
	binary.BigEndian.PutUint32(packet[8:], d.ssrc)
	return ext, packet
}

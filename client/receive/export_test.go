package receive

import "github.com/blade-shadow/terminal/internal/media"

// Header is what black box tests see of a parsed header.
type Header struct {
	Marker      bool
	PayloadType uint8
	Seq         uint16
	RTPTime     uint32
	SSRC        uint32
	TWCC        int // -1: none
	Capture     uint64
	Frame       uint32
	Payload     []byte
}

// ParseHeader exposes parseHeader.
func ParseHeader(buf []byte, ids ExtIDs) (Header, error) {
	h, err := parseHeader(buf, ids)
	out := Header{
		h.marker, h.payloadType, h.seq, h.rtpTime, h.ssrc,
		-1, h.ext.capture, h.ext.timing.Frame, h.payload,
	}
	if h.ext.hasTWCC {
		out.TWCC = int(h.ext.twcc)
	}
	return out, err
}

// Depacketize feeds payloads to a fresh depacketizer. Whole is false when a
// fragmented NAL unit was left open.
func Depacketize(codec media.Codec, payloads ...[]byte) (data []byte, key, whole bool, err error) {
	d := depacketizer{codec: codec}
	for _, p := range payloads {
		before := len(data)
		if data, err = d.push(data, p); err != nil {
			return data, false, false, err
		}
		if len(data)-before > maxExpansion(len(p)) {
			panic("push appended more than maxExpansion")
		}
	}
	return data, d.flags&hasKey != 0, !d.open, nil
}

// FreeBuffers returns how many access units are in the pool.
func FreeBuffers(v *Video) int {
	p := v.asm.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

// Broken says what does not hold between the parts of v, "" when all does.
func Broken(v *Video) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.win
	switch {
	case !w.started:
	case len(w.gaps) == 0 && w.head != w.highest+1:
		return "no gaps, and packets wait"
	case len(w.gaps) > 0 && w.gaps[0].ext != w.head:
		return "the first gap is not at head"
	case len(w.gaps) > maxGaps:
		return "too many gaps"
	case w.highest-w.head >= int64(len(w.slots)):
		return "more packets than slots"
	case v.asm.cur.active && v.asm.cur.au == nil && !v.asm.cur.failed:
		return "a picture without a buffer"
	}
	for i := 1; i < len(w.gaps); i++ {
		if w.gaps[i].ext <= w.gaps[i-1].ext {
			return "gaps out of order"
		}
	}
	return ""
}

// References exposes references.
type References struct{ r references }

// NewReferences returns the references of a stream that nothing is known of.
func NewReferences(codec media.Codec) *References { return &References{references{codec: codec}} }

// Delivered, Follows, Dropped and Lost are those of references.
func (r *References) Delivered(data []byte, key bool) { r.r.delivered(data, key) }
func (r *References) Follows(data []byte) bool        { return r.r.follows(data) }
func (r *References) Disposable(data []byte) bool     { return r.r.disposable(data) }
func (r *References) Dropped(data []byte)             { r.r.dropped(data) }
func (r *References) Doubtful() bool                  { return r.r.doubtful() }
func (r *References) Lost(n int64)                    { r.r.lost(n) }

// Pool is the memory of access units.
type Pool struct{ p *pool }

// NewPool returns a pool of count access units of up to limit bytes.
func NewPool(count, limit int) Pool { return Pool{newPool(count, limit)} }

// Take returns an empty access unit, nil when all are out.
func (p Pool) Take() *media.AccessUnit { return p.p.take() }

// Reserve makes room for n more bytes.
func (p Pool) Reserve(au *media.AccessUnit, n int) bool { return p.p.reserve(au, n) }

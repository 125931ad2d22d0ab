package receive

import (
	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/media"
)

// keptPictures is how many delivered pictures are remembered: no stream refers
// to more than sixteen, and what it let go it cannot refer to again.
const keptPictures = 32

// maxHeads is how many NAL units before the first slice are looked at. No
// stream has as many; the slice behind more is not understood.
const maxHeads = 64

// references knows which pictures a decoder has, and tells of a picture whether
// it refers to any other. It knows no more than it must: where it does not
// understand a stream, only a keyframe follows a loss.
//
// HEVC lists in every picture all others that a decoder must have; so a picture
// that refers to a long-term one only is known to be good after any loss, and so
// is what follows it. H.264 does not: see h264References.
type references struct {
	codec media.Codec

	missing int64 // packets given up since a picture was last seen
	h264    h264References

	known  bool // anchor and kept hold
	order  bitstream.HEVCOrder
	pps    bitstream.HEVCPictureParams
	anchor int32 // count of the last picture that counts begin from (8.3.1)
	kept   [keptPictures]int32
	n      int // pictures in kept so far
	now    int32

	refresh  bool // the stream heals by itself: recovery points that take a while
	recovery int  // what the last delivered picture says of that, -1: nothing
	everKey  bool // a keyframe was delivered
}

// heads reads what stands before a picture's first slice, and returns the
// slice. recovery is what a recovery point in it says, -1 for none.
func (r *references) heads(data []byte) (slice []byte, recovery int) {
	recovery = -1
	s := bitstream.NewHeadScanner(r.codec, data)
	for n := 0; s.Next(); n++ {
		if n == maxHeads {
			return nil, recovery
		}
		nalu := s.Unit()
		if n, ok := bitstream.RecoveryPoint(r.codec, nalu); ok {
			recovery = n
			continue
		}
		switch {
		case r.codec == media.CodecHEVC:
			r.setHEVC(nalu)
		case bitstream.H264Type(nalu) == bitstream.H264SPS:
			r.h264.order.SetSPS(nalu)
		case bitstream.H264Type(nalu) == bitstream.H264PPS:
			_ = r.h264.order.SetPPS(nalu) // with an error no slice parses
		}
	}
	return s.Slice(), recovery
}

func (r *references) setHEVC(nalu []byte) {
	switch bitstream.HEVCType(nalu) {
	case bitstream.HEVCSPS:
		_ = r.order.Parse(nalu) // with an error it holds nothing, and no slice parses
	case bitstream.HEVCPPS:
		if pps, err := bitstream.ParseHEVCPPS(nalu); err == nil {
			r.pps = pps
		}
	}
}

// delivered notes that the decoder has the picture data, a keyframe or not.
func (r *references) delivered(data []byte, key bool) {
	slice, recovery := r.heads(data)
	if !key && recovery > 0 {
		r.refresh = true
	}
	missing := r.missing
	r.missing, r.recovery = 0, recovery
	r.everKey = r.everKey || key
	if r.codec == media.CodecH264 {
		r.h264.delivered(slice, missing)
		return
	}
	if key {
		r.n, r.known = 0, false
	}
	r.keepHEVC(slice)
}

// lost notes that so many packets were given up.
func (r *references) lost(packets int64) { r.missing += packets }

// dropped notes that a picture came, as far as data, and was not delivered.
func (r *references) dropped(data []byte) {
	switch {
	case r.codec == media.CodecHEVC:
	case r.h264.dropped(data, r.missing):
		r.missing = 0
	default:
		r.missing++
	}
}

// restarted notes that what comes is another stream.
func (r *references) restarted() { r.h264.spoil() }

// healed notes that the stream has repaired what was lost.
func (r *references) healed() { r.h264.healed() }

// doubtful says that a picture may need what the decoder has not, though
// nothing was lost since the last one.
func (r *references) doubtful() bool { return r.h264.split }

// follows says whether the picture data needs nothing but what the decoder has.
func (r *references) follows(data []byte) bool {
	follows, _ := r.judge(data, true)
	return follows
}

// judge is follows for what came of a picture so far, its first slice's
// beginning at least. sure: more of it cannot change that from false to true.
func (r *references) judge(data []byte, whole bool) (follows, sure bool) {
	if r.codec == media.CodecH264 {
		return r.h264.follows(data, r.missing, whole)
	}
	s := bitstream.NewHeadScanner(r.codec, data)
	for n := 0; s.Next(); n++ {
		if n == maxHeads || bitstream.HEVCType(s.Unit()) == bitstream.HEVCSPS {
			return false, true // other rules from here on
		}
	}
	slice := s.Slice()
	return r.known && slice != nil && r.followsHEVC(slice), true
}

// disposable says that the picture that data begins with is one that no other
// refers to.
func (r *references) disposable(data []byte) bool {
	s := bitstream.NewHeadScanner(r.codec, data)
	for n := 0; s.Next(); n++ {
		if n == maxHeads {
			return false
		}
	}
	slice := s.Slice()
	if r.codec == media.CodecHEVC {
		p, err := bitstream.ParseHEVCSlice(slice, &r.order, r.pps)
		return r.known && err == nil && !p.Reference
	}
	p, err := bitstream.ParseH264Slice(slice, &r.h264.order.SPS)
	return r.h264.known && err == nil && !p.Reference
}

// count returns the picture order count of p (8.3.1).
func (r *references) count(p *bitstream.HEVCPicture) int32 {
	if p.IDR || p.IRAP && !r.known {
		return int32(p.Lsb)
	}
	cycle := int32(1) << r.order.Log2MaxLsb()
	low := r.anchor & (cycle - 1)
	high := r.anchor - low
	switch lsb := int32(p.Lsb); {
	case lsb < low && low-lsb >= cycle/2:
		high += cycle
	case lsb > low && lsb-low > cycle/2:
		high -= cycle
	}
	return high + int32(p.Lsb)
}

func (r *references) keepHEVC(slice []byte) {
	p, err := bitstream.ParseHEVCSlice(slice, &r.order, r.pps)
	if err != nil {
		r.known, r.n = false, 0
		return
	}
	r.now = r.count(&p)
	r.kept[r.n%keptPictures] = r.now
	r.n++
	if p.TemporalID == 0 && p.Reference && !p.Leading {
		r.anchor = r.now
	}
	if p.IRAP || r.n > 1 {
		r.known = true
	}
}

func (r *references) followsHEVC(slice []byte) bool {
	p, err := bitstream.ParseHEVCSlice(slice, &r.order, r.pps)
	cycle := int64(1) << r.order.Log2MaxLsb()
	// More lost pictures than half a cycle and the count is not known.
	if err != nil || p.IRAP || r.missing >= cycle/2 {
		return false
	}
	now := r.count(&p)
	for _, ref := range p.Refs[:p.N] {
		if !r.has(now, ref) {
			return false
		}
	}
	return p.N > 0
}

// has says whether the decoder has what the picture with the count now refers to.
func (r *references) has(now int32, ref bitstream.HEVCRef) bool {
	cycle := int32(1) << r.order.Log2MaxLsb()
	for _, k := range r.kept[:min(r.n, keptPictures)] {
		switch {
		case !ref.LongTerm && k == now+ref.Delta,
			ref.LongTerm && ref.HasMSB && k == now-now&(cycle-1)-int32(ref.Cycles)*cycle+int32(ref.Lsb),
			ref.LongTerm && !ref.HasMSB && k&(cycle-1) == int32(ref.Lsb):
			return true
		}
	}
	return false
}

package bitstream

import "fmt"

// Slices are read for every picture, so what is wrong with one is not worth
// an error of its own.
var (
	errH264Slice = fmt.Errorf("H.264 slice header: %w", ErrDamaged)
	errHEVCSlice = fmt.Errorf("HEVC slice header: %w", ErrDamaged)
)

const hevcPictureSet = "HEVC picture parameter set"

// H264Picture is how an H.264 picture stands in the order of the stream (7.3.3).
type H264Picture struct {
	IDR       bool
	Reference bool   // others may refer to it: nal_ref_idc is not 0
	FrameNum  uint32 // frame_num, below 1<<Log2MaxFrameNum
}

// ParseH264Slice reads the beginning of a slice: a NAL unit of type 1 or 5, of
// which the first 32 bytes do. sps must be the stream's only one.
func ParseH264Slice(nalu []byte, sps *H264Params) (p H264Picture, err error) {
	kind := H264Type(nalu)
	if kind != H264Slice && kind != H264IDR || sps.Log2MaxFrameNum == 0 {
		return p, errH264Slice
	}
	r := newBitReader(nalu[1:])
	r.ue() // first_mb_in_slice
	slice, pps := r.ue(), r.ue()
	if sps.SeparatePlanes {
		r.skip(2)
	}
	p = H264Picture{IDR: kind == H264IDR, Reference: nalu[0]&0x60 != 0, FrameNum: r.bits(int(sps.Log2MaxFrameNum))}
	if slice > 9 || pps > 255 || r.past {
		return H264Picture{}, errH264Slice
	}
	return p, nil
}

// HEVCOrder is what of a sequence parameter set says which pictures others
// refer to. It is large; keep one.
type HEVCOrder struct {
	params    HEVCParams
	sets      [65]refSet // the last for one that a slice brings
	longTerm  [32]uint32 // lt_ref_pic_poc_lsb_sps
	longTerms int
}

// Parse replaces o by what a NAL unit of type 33 says. With an error it holds
// nothing that can be used.
func (o *HEVCOrder) Parse(nalu []byte) error {
	o.longTerms = 0
	p, err := parseHEVCSPS(nalu, o)
	o.params = p
	if err != nil {
		o.params.Log2MaxPicOrderCntLsb = 0
	}
	return err
}

// Log2MaxLsb is log2_max_pic_order_cnt_lsb, 0 when nothing was parsed.
func (o *HEVCOrder) Log2MaxLsb() int { return int(o.params.Log2MaxPicOrderCntLsb) }

// HEVCPictureParams is the beginning of a picture parameter set (7.3.2.3).
type HEVCPictureParams struct {
	ID, SequenceID uint8
	OutputFlag     bool // output_flag_present_flag
	ExtraBits      int  // num_extra_slice_header_bits
}

// ParseHEVCPPS parses the beginning of a NAL unit of type 34.
func ParseHEVCPPS(nalu []byte) (p HEVCPictureParams, err error) {
	if HEVCType(nalu) != HEVCPPS || len(nalu) < 2 {
		return p, damaged(hevcPictureSet, "NAL unit type")
	}
	r := newBitReader(nalu[2:])
	id, sps := r.ue(), r.ue()
	r.skip(1) // dependent_slice_segments_enabled_flag
	p = HEVCPictureParams{ID: uint8(id), SequenceID: uint8(sps), OutputFlag: r.flag(), ExtraBits: int(r.bits(3))}
	if id > 63 || sps > 15 || r.past {
		return HEVCPictureParams{}, damaged(hevcPictureSet, "beginning")
	}
	return p, nil
}

// maxHEVCRefs is how many pictures a reference picture set may name here: 16
// of both kinds are all that a stream may keep (A.4.2), so more is damage.
const maxHEVCRefs = 16

// HEVCRef is a picture that has to be there when another is decoded.
type HEVCRef struct {
	Delta    int32  // its picture order count less the picture's own, unless LongTerm
	LongTerm bool   //
	Lsb      uint32 // of a long-term one: the low bits of its count,
	HasMSB   bool   // and whether the high bits are known,
	Cycles   uint32 // as so many cycles of the low bits before the picture
}

// HEVCPicture is how an HEVC picture stands in the order of the stream and the
// whole of its reference picture set (7.3.6.1, 8.3.2).
type HEVCPicture struct {
	IDR, IRAP  bool
	Leading    bool // RADL or RASL
	Reference  bool // others of its sub-layer may refer to it
	TemporalID uint8
	Lsb        uint32 // slice_pic_order_cnt_lsb
	Refs       [maxHEVCRefs]HEVCRef
	N          int // of Refs
}

// ParseHEVCSlice reads the beginning of a picture's first slice segment.
func ParseHEVCSlice(nalu []byte, o *HEVCOrder, pps HEVCPictureParams) (p HEVCPicture, err error) {
	kind := HEVCType(nalu)
	if kind < 0 || kind > HEVCLastSlice || len(nalu) < 3 || o.params.Log2MaxPicOrderCntLsb == 0 ||
		nalu[0]&1 != 0 || nalu[1]>>3 != 0 {
		return p, errHEVCSlice
	}
	p = HEVCPicture{
		IDR: kind == 19 || kind == 20, IRAP: kind >= 16 && kind <= 23, Leading: kind >= 6 && kind <= 9,
		Reference: kind >= 16 || kind&1 == 1, TemporalID: nalu[1]&7 - 1,
	}
	r := newBitReader(nalu[2:])
	first := r.flag()
	if p.IRAP {
		r.skip(1) // no_output_of_prior_pics_flag
	}
	id := r.ue()
	r.skip(pps.ExtraBits)
	slice := r.ue()
	if pps.OutputFlag {
		r.skip(1)
	}
	if o.params.SeparatePlanes {
		r.skip(2)
	}
	if !first || id != uint32(pps.ID) || slice > 2 || nalu[1]&7 == 0 {
		return HEVCPicture{}, errHEVCSlice
	}
	if p.IDR {
		return p, nil
	}
	p.Lsb = r.bits(o.Log2MaxLsb())
	if !p.shortTerm(&r, o) || o.params.LongTermRefs && !p.longTerm(&r, o) || r.past {
		return HEVCPicture{}, errHEVCSlice
	}
	return p, nil
}

// shortTerm reads which short-term reference picture set is the slice's.
func (p *HEVCPicture) shortTerm(r *bitReader, o *HEVCOrder) bool {
	n := int(o.params.ShortTermSets)
	var set refSet
	switch {
	case r.flag(): // short_term_ref_pic_set_sps_flag
		if n == 0 {
			return false
		}
		i := 0
		if n > 1 {
			i = int(r.bits(ceilLog2(n)))
		}
		if i >= n {
			return false
		}
		set = o.sets[i]
	case n > 0 && r.flag(): // inter_ref_pic_set_prediction_flag
		back := r.ue()
		if back >= uint32(n) {
			return false
		}
		var ok bool
		if set, ok = o.sets[n-1-int(back)].predict(r); !ok {
			return false
		}
	default:
		var ok bool
		if set, ok = readRefSet(r); !ok {
			return false
		}
	}
	for i := range set.negatives {
		p.add(HEVCRef{Delta: set.negative[i]})
	}
	for i := range set.n - set.negatives {
		p.add(HEVCRef{Delta: set.positive[i]})
	}
	return true
}

// longTerm reads the long-term reference pictures.
func (p *HEVCPicture) longTerm(r *bitReader, o *HEVCOrder) bool {
	fromSet := 0
	if o.longTerms > 0 {
		n := r.ue()
		if n > maxHEVCRefs {
			return false
		}
		fromSet = int(n)
	}
	n := r.ue()
	if n > maxHEVCRefs || p.N+fromSet+int(n) > maxHEVCRefs {
		return false
	}
	cycles := uint32(0)
	for i := range fromSet + int(n) {
		ref := HEVCRef{LongTerm: true}
		if i < fromSet {
			k := 0
			if o.longTerms > 1 {
				k = int(r.bits(ceilLog2(o.longTerms)))
			}
			if k >= o.longTerms {
				return false
			}
			ref.Lsb = o.longTerm[k]
		} else {
			ref.Lsb = r.bits(o.Log2MaxLsb())
			r.skip(1) // used_by_curr_pic_lt_flag
		}
		if i == 0 || i == fromSet { // 7-52
			cycles = 0
		}
		if ref.HasMSB = r.flag(); ref.HasMSB {
			d := r.ue()
			if d > 1<<16 {
				return false
			}
			cycles += d
			ref.Cycles = cycles
		}
		p.add(ref)
	}
	return !r.past
}

func (p *HEVCPicture) add(ref HEVCRef) {
	if p.N < len(p.Refs) {
		p.Refs[p.N] = ref
		p.N++
	}
}

// ceilLog2 is Ceil(Log2(n)), n at least 1.
func ceilLog2(n int) (bits int) {
	for 1<<bits < n {
		bits++
	}
	return bits
}

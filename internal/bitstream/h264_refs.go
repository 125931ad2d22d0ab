package bitstream

import "fmt"

// ErrCut says that a slice header goes on behind the data that is there.
var ErrCut = fmt.Errorf("H.264 slice header is cut: %w", ErrDamaged)

// errH264PPS is made once: a host may send damaged sets with every picture.
var errH264PPS = fmt.Errorf("H.264 picture parameter set: %w", ErrDamaged)

// h264PPS is what of a picture parameter set (7.3.2.2) slice headers are read with.
type h264PPS struct {
	known       bool
	bottomOrder bool     // bottom_field_pic_order_in_frame_present_flag
	refs        [2]uint8 // num_ref_idx_l0 and l1_default_active
	weightedP   bool
	weightedB   uint8 // weighted_bipred_idc
	redundant   bool  // redundant_pic_cnt_present_flag
}

// maxH264Sets is how many picture parameter sets are kept; slices of one with
// a higher id are not understood.
const maxH264Sets = 16

// H264Order is what of a stream's parameter sets says which pictures others
// refer to. It understands one sequence parameter set of frames, without slice
// groups.
type H264Order struct {
	SPS  H264Params // without frames only or with an error: zero
	sets [maxH264Sets]h264PPS
}

// SetSPS takes a NAL unit of type 7.
func (o *H264Order) SetSPS(nalu []byte) {
	sps, err := ParseH264SPS(nalu)
	if err != nil || !sps.FrameMBsOnly {
		sps = H264Params{}
	}
	o.SPS = sps
}

// SetPPS takes a NAL unit of type 8. With an error no slice that refers to it
// is understood.
func (o *H264Order) SetPPS(nalu []byte) error {
	if H264Type(nalu) != H264PPS {
		return errH264PPS
	}
	r := newBitReader(nalu[1:])
	id, sps := r.ue(), r.ue()
	if id >= maxH264Sets {
		return errH264PPS
	}
	o.sets[id] = h264PPS{}
	r.skip(1) // entropy_coding_mode_flag
	p := h264PPS{known: true, bottomOrder: r.flag()}
	groups, l0, l1 := r.ue(), r.ue(), r.ue()
	p.refs = [2]uint8{uint8(l0 + 1), uint8(l1 + 1)}
	p.weightedP, p.weightedB = r.flag(), uint8(r.bits(2))
	for range 3 { // pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset
		r.se()
	}
	r.skip(2) // deblocking_filter_control_present_flag, constrained_intra_pred_flag
	p.redundant = r.flag()
	if sps > 31 || groups != 0 || l0 > 31 || l1 > 31 || r.past {
		return errH264PPS
	}
	o.sets[id] = p
	return nil
}

// Kinds of slices: slice_type less 5 where that is possible (Table 7-6).
const (
	H264P  = 0
	H264B  = 1
	H264I  = 2
	h264SP = 3
)

// H264Modification puts a picture at the next place of reference list 0 (7.4.3.1).
type H264Modification struct {
	LongTerm bool
	Less     bool   // the number is subtracted
	Num      uint32 // abs_diff_pic_num, or long_term_pic_num
}

// H264Mark is a memory management control operation (7.4.3.3).
type H264Mark struct {
	Op    uint8  // 1 to 6
	Diff  uint32 // difference_of_pic_nums: of 1 and 3
	Index uint32 // long_term_pic_num, long_term_frame_idx, max_long_term_frame_idx_plus1: of 2, 3 and 6, 4
}

const (
	maxH264Refs  = 32 // of list 0
	maxH264Marks = 2*16 + 3
)

// H264Header is a slice header as far as it says which pictures the slice
// refers to and which others stay (7.3.3 to 7.3.3.3). It is large; keep one.
type H264Header struct {
	H264Picture
	Kind     int  // H264P and so on
	Active   int  // pictures in list 0, at most 32
	LongTerm bool // long_term_reference_flag of an IDR picture
	Adaptive bool // Marks hold, else the sliding window

	mods  [maxH264Refs]H264Modification
	nMods int
	marks [maxH264Marks]H264Mark
	nMark int
}

// Modifications are those of list 0, the header's own memory.
func (h *H264Header) Modifications() []H264Modification { return h.mods[:h.nMods] }

// Marks are the memory management control operations in their order, the
// header's own memory.
func (h *H264Header) Marks() []H264Mark { return h.marks[:h.nMark] }

// Parse reads a slice's header: a NAL unit of type 1 or 5, of which the first
// 100 bytes mostly do; ErrCut says that they did not. With any error nothing
// of h holds.
func (h *H264Header) Parse(nalu []byte, o *H264Order) error {
	h.nMods, h.nMark, h.Active, h.LongTerm, h.Adaptive = 0, 0, 0, false, false
	kind, sps := H264Type(nalu), &o.SPS
	if kind != H264Slice && kind != H264IDR || sps.Log2MaxFrameNum == 0 {
		return errH264Slice
	}
	r := newBitReader(nalu[1:])
	r.ue() // first_mb_in_slice
	slice, id := r.ue(), r.ue()
	if r.past {
		return ErrCut
	}
	if slice > 9 || id >= maxH264Sets || !o.sets[id].known {
		return errH264Slice
	}
	h.Kind = int(slice % 5)
	if sps.SeparatePlanes {
		r.skip(2)
	}
	h.H264Picture = H264Picture{IDR: kind == H264IDR, Reference: nalu[0]&0x60 != 0, FrameNum: r.bits(int(sps.Log2MaxFrameNum))}
	if h.IDR {
		r.ue() // idr_pic_id
	}
	ok := h.order(&r, sps, &o.sets[id]) && h.lists(&r, sps, &o.sets[id]) && (!h.Reference || h.marking(&r))
	switch {
	case r.past:
		return ErrCut
	case !ok:
		return errH264Slice
	}
	return nil
}

// order reads up to redundant_pic_cnt.
func (h *H264Header) order(r *bitReader, sps *H264Params, pps *h264PPS) bool {
	switch sps.PicOrderCntType {
	case 0:
		r.skip(int(sps.Log2MaxPicOrderCntLsb))
		if pps.bottomOrder {
			r.se()
		}
	case 1:
		if !sps.DeltaAlwaysZero {
			r.se()
			if pps.bottomOrder {
				r.se()
			}
		}
	}
	return !pps.redundant || r.ue() == 0 // redundant pictures are another matter
}

// lists reads how many pictures the lists have, in which order, and steps over
// their weights.
func (h *H264Header) lists(r *bitReader, sps *H264Params, pps *h264PPS) bool {
	if h.Kind == H264B {
		r.skip(1) // direct_spatial_mv_pred_flag
	}
	lists := [...]int{H264P: 1, H264B: 2, H264I: 0, h264SP: 1, 4: 0}[h.Kind]
	active := [2]int{int(pps.refs[0]), int(pps.refs[1])}
	if lists > 0 && r.flag() { // num_ref_idx_active_override_flag
		for i := range lists {
			n := r.ue()
			if n >= maxH264Refs {
				return false
			}
			active[i] = int(n) + 1
		}
	}
	for i := range lists {
		if !h.modification(r, i, active[i]) {
			return false
		}
	}
	if lists > 0 {
		h.Active = active[0]
	}
	if lists == 1 && pps.weightedP || lists == 2 && pps.weightedB == 1 {
		return weights(r, active[:lists], sps.ChromaFormat != 0 && !sps.SeparatePlanes)
	}
	return true
}

// modification reads ref_pic_list_mvc_modification without MVC (7.3.3.1).
func (h *H264Header) modification(r *bitReader, list, active int) bool {
	if !r.flag() {
		return true
	}
	for n := 0; !r.past; n++ {
		op := r.ue()
		if op == 3 {
			return true
		}
		if op > 3 || n == active {
			return false
		}
		m := H264Modification{LongTerm: op == 2, Less: op == 0, Num: r.ue()}
		if op != 2 {
			m.Num++
		}
		if list == 0 {
			h.mods[n] = m
			h.nMods = n + 1
		}
	}
	return false
}

// weights steps over pred_weight_table (7.3.3.2).
func weights(r *bitReader, active []int, chroma bool) bool {
	r.ue()
	if chroma {
		r.ue()
	}
	for _, n := range active {
		for range n {
			if r.flag() {
				r.se()
				r.se()
			}
			if chroma && r.flag() {
				for range 4 {
					r.se()
				}
			}
			if r.past {
				return false
			}
		}
	}
	return true
}

// marking reads dec_ref_pic_marking (7.3.3.3).
func (h *H264Header) marking(r *bitReader) bool {
	if h.IDR {
		r.skip(1) // no_output_of_prior_pics_flag
		h.LongTerm = r.flag()
		return true
	}
	h.Adaptive = r.flag()
	if !h.Adaptive {
		return true
	}
	for !r.past {
		m := H264Mark{Op: uint8(min(r.ue(), 7))}
		switch m.Op {
		case 0:
			return true
		case 1:
			m.Diff = r.ue() + 1
		case 3:
			m.Diff, m.Index = r.ue()+1, r.ue()
		case 2, 4, 6:
			m.Index = r.ue()
		case 7:
			return false
		}
		if h.nMark == len(h.marks) || m.Index > 16 || m.Index == 16 && m.Op != 4 {
			return false
		}
		h.marks[h.nMark] = m
		h.nMark++
	}
	return false
}

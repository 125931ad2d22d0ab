package bitstream

import "github.com/blade-shadow/terminal/internal/media"

// FixReorder makes an H.264 access unit such that a decoder gives each picture
// as soon as it has it. A decoder that is not told how far pictures are
// reordered has to expect the worst that the level allows, up to 16 pictures
// (H.264 C.4.5.3 and E.2.1). Hosts of this product never reorder, so every
// sequence parameter set that says less is given the bitstream restriction
// max_num_reorder_frames 0 and max_dec_frame_buffering max_num_ref_frames;
// everything else in it stays as it is.
//
// Where nothing has to change, fixed is au itself, changed is false and nothing
// is allocated. Else fixed is written into dst's memory, from its beginning,
// grown as needed; dst and au must not overlap. What does not parse is left
// alone. It looks no further than the first slice.
func FixReorder(dst, au []byte) (fixed []byte, changed bool) {
	dst = dst[:0]
	kept := 0 // au[:kept] is in dst
	for s := NewHeadScanner(media.CodecH264, au); s.Next(); {
		if H264Type(s.Unit()) != H264SPS {
			continue
		}
		p, err := parseH264(s.Unit())
		if err != nil || !p.holdsBack() {
			continue
		}
		start, end := s.Span()
		dst = p.appendFixed(append(dst, au[kept:start]...), s.Unit())
		kept, changed = end, true
	}
	if !changed {
		return au, false
	}
	return append(dst, au[kept:]...), true
}

// holdsBack reports whether the set makes a decoder keep pictures.
func (p *h264Parse) holdsBack() bool {
	v := &p.VUI
	return p.whole && (!v.HasRestriction || v.MaxNumReorderFrames > 0 || v.MaxDecFrameBuffering > p.MaxNumRefFrames)
}

// appendFixed appends the NAL unit that p was parsed from, with its bitstream
// restriction made or changed.
func (p *h264Parse) appendFixed(dst, nalu []byte) []byte {
	w := bitWriter{dst: append(dst, nalu[0])}
	r := newBitReader(nalu[1:])
	upTo := func(at int) {
		for r.read < at {
			w.bit(r.bit())
		}
	}
	switch {
	case p.VUI.HasRestriction:
		upTo(p.reorderAt)
	case p.HasVUI:
		upTo(p.restrictionAt)
		w.restriction()
	default:
		upTo(p.vuiAt)
		w.bit(1)
		for range 8 { // aspect_ratio_info_present_flag to pic_struct_present_flag
			w.bit(0)
		}
		w.restriction()
	}
	w.ue(0)
	w.ue(uint32(p.MaxNumRefFrames))
	w.trailing()
	return w.dst
}

// restriction writes bitstream_restriction_flag and, up to
// max_num_reorder_frames, the values that hold where it is 0 (E.2.1).
func (w *bitWriter) restriction() {
	w.bit(1)
	w.bit(1) // motion_vectors_over_pic_boundaries_flag
	w.ue(2)  // max_bytes_per_pic_denom
	w.ue(1)  // max_bits_per_mb_denom
	w.ue(15) // log2_max_mv_length_horizontal
	w.ue(15) // log2_max_mv_length_vertical
}

package bitstream

// general_profile_idc values of HEVC (A.3).
const (
	HEVCMain      = 1
	HEVCMain10    = 2
	HEVCMainStill = 3
	HEVCRangeExt  = 4
)

// HEVCProfile is profile_tier_level (7.3.3) of the whole stream.
type HEVCProfile struct {
	Space         uint8
	HighTier      bool
	IDC           uint8
	Compatibility uint32 // general_profile_compatibility_flag[0] in the highest bit
	Progressive   bool
	Interlaced    bool
	FrameOnly     bool
	Level         uint8 // general_level_idc, thirty times the level's number
}

// CompatibleWith reports whether a decoder of a profile decodes the stream
// (A.3.2 to A.3.5).
func (p HEVCProfile) CompatibleWith(idc uint8) bool {
	return p.Space == 0 && (p.IDC == idc || idc < 32 && p.Compatibility>>(31-idc)&1 == 1)
}

// HEVCParams is a sequence parameter set (7.3.2.2) up to the timing information
// of its VUI.
type HEVCParams struct {
	VideoID         uint8
	MaxSubLayers    uint8
	TemporalNesting bool
	Profile         HEVCProfile
	ID              uint8

	ChromaFormat             uint8 // chroma_format_idc: 1 is 4:2:0
	SeparatePlanes           bool
	CodedWidth, CodedHeight  int // luma samples
	CropLeft, CropRight      int // conformance window, luma samples
	CropTop, CropBottom      int
	Width, Height            int // visible luma samples
	BitDepthLuma             uint8
	BitDepthChroma           uint8
	Log2MaxPicOrderCntLsb    uint8
	MaxDecPicBuffering       uint8 // of the highest sub-layer, not less one
	MaxNumReorder            uint8
	MaxLatencyIncrease       uint32 // plus 1, as coded; 0 is no limit
	Log2MinCodingBlock       uint8
	Log2CodingTree           uint8
	Log2MinTransform         uint8
	Log2MaxTransform         uint8
	ScalingLists             bool
	AsymmetricPartitions     bool
	SampleAdaptiveOffset     bool
	PCM                      bool
	ShortTermSets            uint8
	LongTermRefs             bool
	TemporalMotionPrediction bool
	StrongIntraSmoothing     bool
	HasVUI                   bool
	VUI                      HEVCVUI
}

// HEVCVUI is the video usability information (E.2.1) up to its timing.
type HEVCVUI struct {
	Colour
	FieldSequence            bool
	WindowLeft, WindowRight  int // default display window, luma samples
	WindowTop, WindowBottom  int
	HasTiming                bool
	UnitsInTick, TimeScale   uint32
	NeutralChroma, FrameInfo bool
}

const hevcSet = "HEVC sequence parameter set"

// read is profile_tier_level(1, layers-1) of 7.3.3.
func (p *HEVCProfile) read(r *bitReader, layers uint8) bool {
	p.Space, p.HighTier, p.IDC = uint8(r.bits(2)), r.flag(), uint8(r.bits(5))
	p.Compatibility = r.bits(32)
	p.Progressive, p.Interlaced = r.flag(), r.flag()
	r.skip(1) // general_non_packed_constraint_flag
	p.FrameOnly = r.flag()
	r.skip(44)
	p.Level = uint8(r.bits(8))
	var profile, level [8]bool
	for i := range layers - 1 {
		profile[i], level[i] = r.flag(), r.flag()
	}
	if layers > 1 {
		for range 8 - (layers - 1) {
			r.skip(2)
		}
	}
	for i := range layers - 1 {
		if profile[i] {
			r.skip(88)
		}
		if level[i] {
			r.skip(8)
		}
	}
	return !r.past
}

// ParseHEVCSPS parses a NAL unit of type 33 of the base layer. With an error
// there is nothing, or, where the damage lies behind format and size, what
// stands before it.
func ParseHEVCSPS(nalu []byte) (p HEVCParams, err error) {
	return parseHEVCSPS(nalu, nil)
}

// parseHEVCSPS keeps the reference picture sets in keep, if that is not nil.
func parseHEVCSPS(nalu []byte, keep *HEVCOrder) (p HEVCParams, err error) {
	if HEVCType(nalu) != HEVCSPS || len(nalu) < 2 {
		return p, damaged(hevcSet, "NAL unit type")
	}
	if nalu[0]&1 != 0 || nalu[1]>>3 != 0 {
		return p, damaged(hevcSet, "not of the base layer")
	}
	r := newBitReader(nalu[2:])
	p.VUI.Colour = unspecified
	p.VideoID, p.MaxSubLayers, p.TemporalNesting = uint8(r.bits(4)), uint8(r.bits(3)+1), r.flag()
	if p.MaxSubLayers > 7 || !p.Profile.read(&r, p.MaxSubLayers) {
		return HEVCParams{}, damaged(hevcSet, "profile_tier_level")
	}
	if !p.format(&r) || r.past {
		return HEVCParams{}, damaged(hevcSet, "format or size")
	}
	if !p.blocks(&r) || r.past {
		return p, damaged(hevcSet, "pictures or blocks")
	}
	if !p.tools(&r, keep) || r.past {
		return p, damaged(hevcSet, "tools or reference sets")
	}
	if p.HasVUI = r.flag(); p.HasVUI && !p.vui(&r) || r.past {
		return p, damaged(hevcSet, "video usability information")
	}
	return p, nil
}

// format reads chroma format, size, conformance window and depth.
func (p *HEVCParams) format(r *bitReader) bool {
	id, chroma := r.ue(), r.ue()
	if id > 15 || chroma > 3 {
		return false
	}
	p.ID, p.ChromaFormat = uint8(id), uint8(chroma)
	if chroma == 3 {
		p.SeparatePlanes = r.flag()
	}
	w, h := r.ue(), r.ue()
	if w == 0 || h == 0 || w > 1<<16 || h > 1<<16 {
		return false
	}
	p.CodedWidth, p.CodedHeight = int(w), int(h)
	if r.flag() {
		win, ok := p.window(r)
		if !ok {
			return false
		}
		p.CropLeft, p.CropRight, p.CropTop, p.CropBottom = win[0], win[1], win[2], win[3]
	}
	p.Width, p.Height = p.CodedWidth-p.CropLeft-p.CropRight, p.CodedHeight-p.CropTop-p.CropBottom
	luma, chromaDepth := r.ue(), r.ue()
	if luma > 8 || chromaDepth > 8 {
		return false
	}
	p.BitDepthLuma, p.BitDepthChroma = uint8(8+luma), uint8(8+chromaDepth)
	return p.Width > 0 && p.Height > 0
}

// window reads the four sides of a window: left, right, top, bottom.
func (p *HEVCParams) window(r *bitReader) (side [4]int, ok bool) {
	unitX, unitY := 1, 1 // SubWidthC, SubHeightC (Table 6-1)
	if p.ChromaFormat == 1 || p.ChromaFormat == 2 {
		unitX = 2
	}
	if p.ChromaFormat == 1 {
		unitY = 2
	}
	for i := range side {
		v := r.ue()
		if v > 1<<16 {
			return side, false
		}
		side[i] = int(v) * unitX
		if i >= 2 {
			side[i] = int(v) * unitY
		}
	}
	return side, true
}

// blocks reads picture buffering and block sizes.
func (p *HEVCParams) blocks(r *bitReader) bool {
	lsb := r.ue()
	if lsb > 12 {
		return false
	}
	p.Log2MaxPicOrderCntLsb = uint8(lsb + 4)
	first := p.MaxSubLayers - 1
	if r.flag() { // sps_sub_layer_ordering_info_present_flag
		first = 0
	}
	for range p.MaxSubLayers - first {
		buffering, reorder, latency := r.ue(), r.ue(), r.ue()
		if buffering > 15 || reorder > buffering {
			return false
		}
		p.MaxDecPicBuffering, p.MaxNumReorder, p.MaxLatencyIncrease = uint8(buffering+1), uint8(reorder), latency
	}
	minCB, diffCB, minTB, diffTB := r.ue(), r.ue(), r.ue(), r.ue()
	if minCB > 3 || diffCB > 3 || minTB > 3 || diffTB > 3 {
		return false
	}
	p.Log2MinCodingBlock, p.Log2CodingTree = uint8(minCB+3), uint8(minCB+3+diffCB)
	p.Log2MinTransform, p.Log2MaxTransform = uint8(minTB+2), uint8(minTB+2+diffTB)
	intra, inter := r.ue(), r.ue() // max_transform_hierarchy_depth
	return intra <= 4 && inter <= 4
}

// tools reads the coding tools and the reference picture sets.
func (p *HEVCParams) tools(r *bitReader, keep *HEVCOrder) bool {
	if p.ScalingLists = r.flag(); p.ScalingLists && r.flag() && !hevcScalingLists(r) {
		return false
	}
	p.AsymmetricPartitions, p.SampleAdaptiveOffset = r.flag(), r.flag()
	if p.PCM = r.flag(); p.PCM {
		r.skip(8) // bit depths
		r.ue()
		r.ue()
		r.skip(1)
	}
	if !p.shortTermSets(r, keep) {
		return false
	}
	if p.LongTermRefs = r.flag(); p.LongTermRefs {
		n := r.ue()
		if n > 32 {
			return false
		}
		for i := range n {
			lsb := r.bits(int(p.Log2MaxPicOrderCntLsb))
			r.skip(1) // used_by_curr_pic_lt_sps_flag
			if keep != nil {
				keep.longTerm[i] = lsb
			}
		}
		if keep != nil {
			keep.longTerms = int(n)
		}
	}
	p.TemporalMotionPrediction, p.StrongIntraSmoothing = r.flag(), r.flag()
	return true
}

// hevcScalingLists steps over scaling_list_data (7.3.4).
func hevcScalingLists(r *bitReader) bool {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			if !r.flag() { // predicted from another list
				r.ue()
				continue
			}
			if size > 1 {
				r.se()
			}
			for range min(64, 1<<(4+size<<1)) {
				if d := r.se(); d < -128 || d > 127 {
					return false
				}
			}
		}
	}
	return !r.past
}

// vui reads E.2.1 up to timing.
func (p *HEVCParams) vui(r *bitReader) bool {
	v := &p.VUI
	if !v.read(r) {
		return false
	}
	v.NeutralChroma, v.FieldSequence, v.FrameInfo = r.flag(), r.flag(), r.flag()
	if r.flag() {
		win, ok := p.window(r)
		if !ok {
			return false
		}
		v.WindowLeft, v.WindowRight, v.WindowTop, v.WindowBottom = win[0], win[1], win[2], win[3]
	}
	if v.HasTiming = r.flag(); v.HasTiming {
		v.UnitsInTick, v.TimeScale = r.bits(32), r.bits(32)
	}
	return true
}

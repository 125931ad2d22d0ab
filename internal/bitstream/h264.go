package bitstream

import "slices"

// profile_idc values of H.264 (A.2).
const (
	H264Baseline = 66
	H264Main     = 77
	H264Extended = 88
	H264High     = 100
	H264High10   = 110
	H264High422  = 122
	H264High444  = 244
)

// H264Params is an H.264 sequence parameter set (7.3.2.1.1) without its
// scaling lists and reference frame offsets.
type H264Params struct {
	Profile     uint8 // profile_idc
	Constraints uint8 // constraint_set0_flag in the highest bit
	Level       uint8 // level_idc, ten times the level's number
	ID          uint8

	ChromaFormat          uint8 // chroma_format_idc: 1 is 4:2:0
	SeparatePlanes        bool
	BitDepthLuma          uint8
	BitDepthChroma        uint8
	TransformBypass       bool
	ScalingMatrix         bool // the set carries scaling lists
	Log2MaxFrameNum       uint8
	PicOrderCntType       uint8
	Log2MaxPicOrderCntLsb uint8 // of type 0
	DeltaAlwaysZero       bool  // delta_pic_order_always_zero_flag, of type 1
	MaxNumRefFrames       uint8
	GapsInFrameNumAllowed bool
	WidthMBs, HeightMBs   int  // of a frame
	FrameMBsOnly          bool // no field and no MBAFF coding
	MBAdaptive            bool
	Direct8x8             bool
	CropLeft, CropRight   int // luma samples
	CropTop, CropBottom   int
	Width, Height         int // visible luma samples
	HasVUI                bool
	VUI                   H264VUI
	// ReorderFrames and BufferedFrames are what a decoder has to assume: the
	// bitstream restriction, or what stands for it where there is none.
	ReorderFrames, BufferedFrames uint8
}

// H264VUI is the video usability information (E.1.1).
type H264VUI struct {
	Colour
	HasTiming            bool
	UnitsInTick          uint32
	TimeScale            uint32
	FixedRate            bool
	HasHRD               bool
	LowDelayHRD          bool
	PicStruct            bool
	HasRestriction       bool
	MVOverBoundaries     bool
	MaxBytesPerPicDenom  uint8
	MaxBitsPerMBDenom    uint8
	Log2MaxMVHorizontal  uint8
	Log2MaxMVVertical    uint8
	MaxNumReorderFrames  uint8
	MaxDecFrameBuffering uint8
}

// Colour is what both standards say first of how pictures look (H.264 E.2.1,
// H.265 E.3.1; the numbers are those of H.273).
type Colour struct {
	AspectRatio           uint8  // aspect_ratio_idc, 255 is by SARWidth and SARHeight
	SARWidth, SARHeight   uint16 // 0 where not given or given by number
	Described             bool   // the three below are given
	Primaries             uint8  // 2 is unspecified
	Transfer              uint8
	Matrix                uint8
	FullRange             bool
	ChromaLocated         bool // the two below are given
	ChromaTop, ChromaDown uint8
}

// unspecified is the colour of a stream that says nothing.
var unspecified = Colour{Primaries: 2, Transfer: 2, Matrix: 2}

// h264Parse is a parsed set and where in the RBSP what a rewrite changes is, in
// bits from the byte after the NAL unit's header.
type h264Parse struct {
	H264Params
	vuiAt         int // vui_parameters_present_flag
	restrictionAt int // bitstream_restriction_flag
	reorderAt     int // max_num_reorder_frames
	whole         bool
}

// ParseH264SPS parses a NAL unit of type 7. With an error there is nothing, or,
// where only the VUI is damaged, all but that.
func ParseH264SPS(nalu []byte) (H264Params, error) {
	p, err := parseH264(nalu)
	return p.H264Params, err
}

const h264Set = "H.264 sequence parameter set"

func parseH264(nalu []byte) (p h264Parse, err error) {
	if H264Type(nalu) != H264SPS {
		return p, damaged(h264Set, "NAL unit type")
	}
	r := newBitReader(nalu[1:])
	p.Profile, p.Constraints, p.Level = uint8(r.bits(8)), uint8(r.bits(8)), uint8(r.bits(8))
	id := r.ue()
	p.ID = uint8(id)
	p.ChromaFormat, p.BitDepthLuma, p.BitDepthChroma = 1, 8, 8
	p.VUI.Colour = unspecified
	ok := id < 32 && p.format(&r) && p.order(&r) && p.size(&r)
	if !ok || r.past {
		return h264Parse{}, damaged(h264Set, "picture format, order or size")
	}
	p.vuiAt = r.read
	if p.HasVUI = r.flag(); p.HasVUI && !p.vui(&r) || r.past {
		return p, damaged(h264Set, "video usability information")
	}
	p.whole = r.atTrailing()
	p.inferReorder()
	return p, nil
}

// highProfiles have chroma format, depth and scaling lists (7.3.2.1.1).
var highProfiles = []uint8{100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}

// format reads what the high profiles add.
func (p *h264Parse) format(r *bitReader) bool {
	if !slices.Contains(highProfiles, p.Profile) {
		return true
	}
	chroma := r.ue()
	if chroma > 3 {
		return false
	}
	p.ChromaFormat = uint8(chroma)
	if chroma == 3 {
		p.SeparatePlanes = r.flag()
	}
	luma, chromaDepth := r.ue(), r.ue()
	if luma > 6 || chromaDepth > 6 {
		return false
	}
	p.BitDepthLuma, p.BitDepthChroma = uint8(8+luma), uint8(8+chromaDepth)
	p.TransformBypass = r.flag()
	p.ScalingMatrix = r.flag()
	return !p.ScalingMatrix || p.scalingLists(r)
}

// scalingLists steps over the lists (7.3.2.1.1.1).
func (p *h264Parse) scalingLists(r *bitReader) bool {
	lists := 8
	if p.ChromaFormat == 3 {
		lists = 12
	}
	for i := range lists {
		if !r.flag() {
			continue
		}
		size, last, next := 16, int32(8), int32(8)
		if i >= 6 {
			size = 64
		}
		for range size {
			if next != 0 {
				delta := r.se()
				if delta < -128 || delta > 127 {
					return false
				}
				next = (last + delta + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
	return true
}

// order reads how pictures are numbered and referred to.
func (p *h264Parse) order(r *bitReader) bool {
	frameNum := r.ue()
	kind := r.ue()
	if frameNum > 12 || kind > 2 {
		return false
	}
	p.Log2MaxFrameNum, p.PicOrderCntType = uint8(frameNum+4), uint8(kind)
	switch kind {
	case 0:
		lsb := r.ue()
		if lsb > 12 {
			return false
		}
		p.Log2MaxPicOrderCntLsb = uint8(lsb + 4)
	case 1:
		p.DeltaAlwaysZero = r.flag()
		r.se()
		r.se()
		n := r.ue()
		if n > 255 {
			return false
		}
		for range n {
			r.se()
		}
	}
	refs := r.ue()
	p.MaxNumRefFrames = uint8(refs)
	p.GapsInFrameNumAllowed = r.flag()
	return refs <= 16
}

// size reads the picture's size and cropping (7.4.2.1.1).
func (p *h264Parse) size(r *bitReader) bool {
	w, h := r.ue(), r.ue()
	p.FrameMBsOnly = r.flag()
	if w >= 2048 || h >= 2048 {
		return false
	}
	fields := 1
	if !p.FrameMBsOnly {
		fields = 2
		p.MBAdaptive = r.flag()
	}
	p.WidthMBs, p.HeightMBs = int(w+1), int(h+1)*fields
	p.Direct8x8 = r.flag()
	p.Width, p.Height = p.WidthMBs*16, p.HeightMBs*16
	return !r.flag() || p.crop(r, fields)
}

// crop reads the cropping rectangle, in units of 7-19 to 7-22.
func (p *h264Parse) crop(r *bitReader, fields int) bool {
	unitX, unitY := 1, fields
	if p.ChromaFormat == 1 || p.ChromaFormat == 2 {
		unitX = 2
	}
	if p.ChromaFormat == 1 {
		unitY *= 2
	}
	var side [4]int
	for i := range side {
		v := r.ue()
		if v > 1<<15 {
			return false
		}
		side[i] = int(v)
	}
	p.CropLeft, p.CropRight = side[0]*unitX, side[1]*unitX
	p.CropTop, p.CropBottom = side[2]*unitY, side[3]*unitY
	p.Width -= p.CropLeft + p.CropRight
	p.Height -= p.CropTop + p.CropBottom
	return p.Width > 0 && p.Height > 0
}

// vui reads E.1.1.
func (p *h264Parse) vui(r *bitReader) bool {
	v := &p.VUI
	if !v.read(r) {
		return false
	}
	if v.HasTiming = r.flag(); v.HasTiming {
		v.UnitsInTick, v.TimeScale, v.FixedRate = r.bits(32), r.bits(32), r.flag()
	}
	for range 2 { // NAL, then VCL
		if r.flag() {
			v.HasHRD = true
			if !h264HRD(r) {
				return false
			}
		}
	}
	if v.HasHRD {
		v.LowDelayHRD = r.flag()
	}
	v.PicStruct = r.flag()
	p.restrictionAt = r.read
	if v.HasRestriction = r.flag(); v.HasRestriction {
		return p.restriction(r)
	}
	return true
}

func (p *h264Parse) restriction(r *bitReader) bool {
	v := &p.VUI
	v.MVOverBoundaries = r.flag()
	bytes, bits, horizontal, vertical := r.ue(), r.ue(), r.ue(), r.ue()
	p.reorderAt = r.read
	reorder, buffering := r.ue(), r.ue()
	if bytes > 16 || bits > 16 || horizontal > 16 || vertical > 16 || reorder > 16 || buffering > 16 {
		return false
	}
	v.MaxBytesPerPicDenom, v.MaxBitsPerMBDenom = uint8(bytes), uint8(bits)
	v.Log2MaxMVHorizontal, v.Log2MaxMVVertical = uint8(horizontal), uint8(vertical)
	v.MaxNumReorderFrames, v.MaxDecFrameBuffering = uint8(reorder), uint8(buffering)
	return true
}

// read reads the beginning of vui_parameters, the same in both standards.
func (c *Colour) read(r *bitReader) bool {
	c.aspect(r)
	if r.flag() { // overscan_info_present_flag
		r.skip(1)
	}
	c.signal(r)
	if c.ChromaLocated = r.flag(); c.ChromaLocated {
		top, bottom := r.ue(), r.ue()
		if top > 5 || bottom > 5 {
			return false
		}
		c.ChromaTop, c.ChromaDown = uint8(top), uint8(bottom)
	}
	return true
}

// aspect reads aspect_ratio_info.
func (c *Colour) aspect(r *bitReader) {
	if !r.flag() {
		return
	}
	if c.AspectRatio = uint8(r.bits(8)); c.AspectRatio == 255 {
		c.SARWidth, c.SARHeight = uint16(r.bits(16)), uint16(r.bits(16))
	}
}

// signal reads video_signal_type.
func (c *Colour) signal(r *bitReader) {
	if !r.flag() {
		return
	}
	r.skip(3) // video_format
	c.FullRange = r.flag()
	if c.Described = r.flag(); c.Described {
		c.Primaries, c.Transfer, c.Matrix = uint8(r.bits(8)), uint8(r.bits(8)), uint8(r.bits(8))
	}
}

// h264HRD steps over hrd_parameters (E.1.2).
func h264HRD(r *bitReader) bool {
	n := r.ue()
	if n > 31 {
		return false
	}
	r.skip(8)
	for range n + 1 {
		r.ue()
		r.ue()
		r.skip(1)
	}
	r.skip(20)
	return !r.past
}

// inferReorder fills in what a decoder assumes (E.2.1).
func (p *h264Parse) inferReorder() {
	p.ReorderFrames, p.BufferedFrames = p.VUI.MaxNumReorderFrames, p.VUI.MaxDecFrameBuffering
	if p.VUI.HasRestriction {
		return
	}
	intra := []uint8{44, 86, 100, 110, 122, 244}
	if p.Constraints&0x10 != 0 && slices.Contains(intra, p.Profile) {
		return // both 0
	}
	frames := uint8(16)
	if l, ok := h264LevelOf(p.Level, p.Constraints); ok {
		frames = uint8(l.MaxFrames(p.WidthMBs*16, p.HeightMBs*16))
	}
	p.ReorderFrames, p.BufferedFrames = frames, frames
}

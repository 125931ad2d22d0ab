package decode

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// maxSide bounds pictures in pixels, whatever decodes: the box's video engine
// takes 4096x4096 (Mesa's si_get.c, the kernel's cz_video_codecs_decode_array).
const maxSide = 4096

// limits is what a link decodes of one codec.
type limits struct {
	width, height int    // of the coded picture, pixels
	level         uint8  // highest level_idc; 0: any
	rate          uint32 // macroblocks of 16x16 a second

	// streams, where set, are the only ones: 8 bit 4:2:0, coded as frames.
	// Where not, the area is bounded rather than the sides, and what a stream
	// may have the decoder keep.
	streams *libav.DeviceProfiles
}

// The levels that bound a hardware link. The box's engine does H.264 up to 5.2.
// For HEVC its driver names level 6.2, which is the size of a picture talking
// and not the rate: it is the same engine with the same clock, so its rate is
// taken to be that of H.264 until the box has been measured.
const (
	h264HardwareLevel = 52
	hevcHardwareLevel = 186
)

// hardwareLimits turns what a driver says into limits.
func hardwareLimits(codec media.Codec, p libav.DeviceProfiles) limits {
	engine, _ := bitstream.LevelOf(media.CodecH264, h264HardwareLevel)
	l := limits{
		width: boundSide(p.MaxWidth), height: boundSide(p.MaxHeight),
		level: h264HardwareLevel, rate: engine.MacroblocksPerSecond(), streams: &p,
	}
	if codec == media.CodecHEVC {
		l.level = hevcHardwareLevel
	}
	return l
}

// boundSide is a driver's bound, at most our own; 0 is none.
func boundSide(side int) int {
	if side <= 0 || side > maxSide {
		return maxSide
	}
	return side
}

// softwareLimits is a promise rather than a bound: what one core of the box
// does beside everything else. More cores do not help H.264, whose slices
// libavcodec decodes one after another where the deblocking filter crosses
// them. H.264 at level 4.2 is 1080p60, HEVC at level 4 is 1080p30. Nothing is
// refused for being faster or of another profile: a PC does more. Only the area
// and the references are bounded, against streams that ask for all of the
// memory: one picture of 4096x2176, and together what level 5 keeps, which is 13
// of 1080p or 3 of 4K. Slices that keep more than their sets say are met by
// package libav, which counts the bytes.
func softwareLimits(codec media.Codec) limits {
	idc := uint8(42)
	if codec == media.CodecHEVC {
		idc = 120
	}
	l, _ := bitstream.LevelOf(codec, idc)
	return limits{width: maxSide, height: maxSide, rate: l.MacroblocksPerSecond()}
}

// What software keeps of a stream.
const (
	maxArea = 8_912_896 // pixels of a picture, 4096x2176: MaxLumaPs of HEVC level 5
	// maxKept bounds the references, in macroblocks of 384 bytes: MaxDpbMbs of
	// H.264 level 5.
	maxKept = 110_400
)

// check looks at the sequence parameter sets of an access unit and says why the
// stream is beyond l, wrapping libav.ErrNoProfile, or that a set does not tell
// the size, wrapping bitstream.ErrDamaged. Errors behind the size pass: the
// backend has its own opinion of them. Without sets it looks at nothing.
func (l *limits) check(au *media.AccessUnit) error {
	for s := bitstream.NewHeadScanner(au.Codec, au.Data); s.Next(); {
		if err := l.checkSet(au.Codec, s.Unit()); err != nil {
			return err
		}
	}
	return nil
}

func (l *limits) checkSet(codec media.Codec, nalu []byte) error {
	switch {
	case codec == media.CodecH264 && bitstream.H264Type(nalu) == bitstream.H264SPS:
		p, err := bitstream.ParseH264SPS(nalu)
		if err != nil && p.WidthMBs == 0 {
			return err
		}
		return l.checkH264(&p)
	case codec == media.CodecHEVC && bitstream.HEVCType(nalu) == bitstream.HEVCSPS && baseLayer(nalu):
		p, err := bitstream.ParseHEVCSPS(nalu)
		if err != nil && p.CodedWidth == 0 {
			return err
		}
		return l.checkHEVC(&p)
	}
	return nil
}

// baseLayer reports an HEVC NAL unit of layer 0, the one that is decoded
// (H.265 7.4.2.2: nuh_layer_id).
func baseLayer(nalu []byte) bool { return len(nalu) > 1 && nalu[0]&1 == 0 && nalu[1]>>3 == 0 }

func (l *limits) checkH264(p *bitstream.H264Params) error {
	const constraintSet1 = 0x40
	width, height := p.WidthMBs*16, p.HeightMBs*16
	if l.streams == nil {
		return checkMemory(width, height, int(p.MaxNumRefFrames))
	}
	ok := false
	switch p.Profile {
	case bitstream.H264Baseline: // flexible macroblock order unless constrained (A.2.1)
		ok = l.streams.ConstrainedBaseline && p.Constraints&constraintSet1 != 0
	case bitstream.H264Main:
		ok = l.streams.Main
	case bitstream.H264High:
		ok = l.streams.High
	}
	switch {
	case !ok:
		return beyond("H.264 profile_idc %d, constraints %#02x", p.Profile, p.Constraints)
	case !p.FrameMBsOnly:
		return beyond("H.264 coded in fields")
	case p.Level > l.level:
		return beyond("H.264 level %d", p.Level)
	}
	return l.checkPicture(p.ChromaFormat, p.BitDepthLuma, p.BitDepthChroma, width, height)
}

func (l *limits) checkHEVC(p *bitstream.HEVCParams) error {
	if l.streams == nil {
		return checkMemory(p.CodedWidth, p.CodedHeight, int(p.MaxDecPicBuffering)-1)
	}
	switch {
	case !l.streams.Main || !p.Profile.CompatibleWith(bitstream.HEVCMain):
		return beyond("HEVC profile %d", p.Profile.IDC)
	case p.VUI.FieldSequence:
		return beyond("HEVC coded in fields")
	case p.Profile.Level > l.level:
		return beyond("HEVC level %d", p.Profile.Level)
	}
	return l.checkPicture(p.ChromaFormat, p.BitDepthLuma, p.BitDepthChroma, p.CodedWidth, p.CodedHeight)
}

func (l *limits) checkPicture(chroma, luma, chromaDepth uint8, width, height int) error {
	switch {
	case chroma != 1:
		return beyond("chroma_format_idc %d", chroma)
	case luma != 8 || chromaDepth != 8:
		return beyond("%d and %d bit", luma, chromaDepth)
	case width > l.width || height > l.height:
		return beyond("%dx%d is more than %dx%d", width, height, l.width, l.height)
	}
	return nil
}

// checkMemory bounds the picture and what it may refer to. At least one is
// always kept.
func checkMemory(width, height, references int) error {
	if width*height > maxArea {
		return beyond("%dx%d is more than 4096x2176 in all", width, height)
	}
	if blocks := ((width + 15) / 16) * ((height + 15) / 16); references > 1 && references*blocks > maxKept {
		return beyond("%d references of %dx%d are more than %d", references, width, height, max(1, maxKept/blocks))
	}
	return nil
}

func beyond(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, libav.ErrNoProfile)...)
}

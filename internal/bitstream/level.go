package bitstream

import "github.com/blade-shadow/terminal/internal/media"

// Level is one row of H.264 Table A-1 or of H.265 Tables A.8 and A.9. Sizes and
// rates are in macroblocks of 16x16 luma samples for H.264 and in luma samples
// for HEVC, as the standards count.
type Level struct {
	Codec   media.Codec
	IDC     uint8  // level_idc: ten times the number, HEVC thirty times
	Name    string // "5.2"
	MaxRate uint64 // a second: MaxMBPS, MaxLumaSr
	MaxSize int    // a picture: MaxFS, MaxLumaPs
	MaxDPB  int    // decoded picture buffer, H.264 only: MaxDpbMbs
	MaxKbps int    // Main tier; 1000 bits a second of Baseline to High, Main
}

// h264Levels is Table A-1 of H.264. Level 1b, which is 9 or 11 with a flag
// (A.3.1), comes after 1 and before 1.1.
var h264Levels = []Level{
	{media.CodecH264, 10, "1", 1485, 99, 396, 64},
	{media.CodecH264, 9, "1b", 1485, 99, 396, 128},
	{media.CodecH264, 11, "1.1", 3000, 396, 900, 192},
	{media.CodecH264, 12, "1.2", 6000, 396, 2376, 384},
	{media.CodecH264, 13, "1.3", 11880, 396, 2376, 768},
	{media.CodecH264, 20, "2", 11880, 396, 2376, 2000},
	{media.CodecH264, 21, "2.1", 19800, 792, 4752, 4000},
	{media.CodecH264, 22, "2.2", 20250, 1620, 8100, 4000},
	{media.CodecH264, 30, "3", 40500, 1620, 8100, 10000},
	{media.CodecH264, 31, "3.1", 108000, 3600, 18000, 14000},
	{media.CodecH264, 32, "3.2", 216000, 5120, 20480, 20000},
	{media.CodecH264, 40, "4", 245760, 8192, 32768, 20000},
	{media.CodecH264, 41, "4.1", 245760, 8192, 32768, 50000},
	{media.CodecH264, 42, "4.2", 522240, 8704, 34816, 50000},
	{media.CodecH264, 50, "5", 589824, 22080, 110400, 135000},
	{media.CodecH264, 51, "5.1", 983040, 36864, 184320, 240000},
	{media.CodecH264, 52, "5.2", 2073600, 36864, 184320, 240000},
	{media.CodecH264, 60, "6", 4177920, 139264, 696320, 240000},
	{media.CodecH264, 61, "6.1", 8355840, 139264, 696320, 480000},
	{media.CodecH264, 62, "6.2", 16711680, 139264, 696320, 800000},
}

// hevcLevels is Tables A.8 and A.9 of H.265, Main tier.
var hevcLevels = []Level{
	{media.CodecHEVC, 30, "1", 552960, 36864, 0, 128},
	{media.CodecHEVC, 60, "2", 3686400, 122880, 0, 1500},
	{media.CodecHEVC, 63, "2.1", 7372800, 245760, 0, 3000},
	{media.CodecHEVC, 90, "3", 16588800, 552960, 0, 6000},
	{media.CodecHEVC, 93, "3.1", 33177600, 983040, 0, 10000},
	{media.CodecHEVC, 120, "4", 66846720, 2228224, 0, 12000},
	{media.CodecHEVC, 123, "4.1", 133693440, 2228224, 0, 20000},
	{media.CodecHEVC, 150, "5", 267386880, 8912896, 0, 25000},
	{media.CodecHEVC, 153, "5.1", 534773760, 8912896, 0, 40000},
	{media.CodecHEVC, 156, "5.2", 1069547520, 8912896, 0, 60000},
	{media.CodecHEVC, 180, "6", 1069547520, 35651584, 0, 60000},
	{media.CodecHEVC, 183, "6.1", 2139095040, 35651584, 0, 120000},
	{media.CodecHEVC, 186, "6.2", 4278190080, 35651584, 0, 240000},
}

func levels(codec media.Codec) []Level {
	switch codec {
	case media.CodecH264:
		return h264Levels
	case media.CodecHEVC:
		return hevcLevels
	}
	return nil
}

// LevelOf returns the level that a parameter set names by its level_idc.
func LevelOf(codec media.Codec, idc uint8) (Level, bool) {
	for _, l := range levels(codec) {
		if l.IDC == idc {
			return l, true
		}
	}
	return Level{}, false
}

// h264LevelOf is [LevelOf] with level 1b as Baseline to Extended write it: 11
// and constraint_set3_flag (A.3.1).
func h264LevelOf(idc, constraints uint8) (Level, bool) {
	if idc == 11 && constraints&0x10 != 0 {
		idc = 9
	}
	return LevelOf(media.CodecH264, idc)
}

// MacroblocksPerSecond is MaxRate in 16x16 luma samples, by which both codecs
// are compared.
func (l Level) MacroblocksPerSecond() uint32 {
	if l.Codec == media.CodecHEVC {
		return uint32(l.MaxRate / 256)
	}
	return uint32(l.MaxRate)
}

// MaxFrames is how many pictures of a size the decoded picture buffer holds:
// MaxDpbFrames (H.264 A.3.1 h) or MaxDpbSize (H.265 A.4.2). At least one.
func (l Level) MaxFrames(width, height int) int {
	size := max(1, l.units(width)*l.units(height))
	if l.Codec == media.CodecH264 {
		return min(16, max(1, l.MaxDPB/size))
	}
	const maxDpbPicBuf = 6
	switch {
	case size <= l.MaxSize/4:
		return min(4*maxDpbPicBuf, 16)
	case size <= l.MaxSize/2:
		return min(2*maxDpbPicBuf, 16)
	case size <= 3*l.MaxSize/4:
		return min(4*maxDpbPicBuf/3, 16)
	}
	return maxDpbPicBuf
}

// units is a length in macroblocks or luma samples.
func (l Level) units(n int) int {
	if l.Codec == media.CodecH264 {
		return (n + 15) / 16
	}
	return n
}

// Macroblocks is how many 16x16 blocks cover a picture.
func Macroblocks(width, height int) int { return ((width + 15) / 16) * ((height + 15) / 16) }

package bitstream

import (
	"bytes"

	"github.com/blade-shadow/terminal/internal/media"
)

// NAL unit types that matter here (H.264 Table 7-1, H.265 Table 7-1).
const (
	H264Slice = 1 // 1 to 5 are slices
	H264IDR   = 5
	H264SPS   = 7
	H264PPS   = 8
	H264AUD   = 9

	HEVCLastSlice = 31 // 0 to 31 are slices
	HEVCVPS       = 32
	HEVCSPS       = 33
	HEVCPPS       = 34
	HEVCAUD       = 35
)

// H264Type is the nal_unit_type of an H.264 NAL unit (7.3.1), 0 of an empty one.
func H264Type(nalu []byte) int {
	if len(nalu) == 0 {
		return 0
	}
	return int(nalu[0] & 0x1f)
}

// HEVCType is the nal_unit_type of an HEVC NAL unit (7.3.1.2), -1 of an empty
// one.
func HEVCType(nalu []byte) int {
	if len(nalu) == 0 {
		return -1
	}
	return int(nalu[0] >> 1 & 0x3f)
}

// Scanner walks the NAL units of a byte stream (Annex B of both standards)
// without allocation. What stands before the first start code is skipped.
type Scanner struct {
	data       []byte
	start, end int         // of the current unit
	next       int         // where the search goes on: after a start code, or at the end
	heads      media.Codec // not 0: stop before the first slice
}

// NewScanner returns a scanner before the first NAL unit of data, which it
// refers to.
func NewScanner(data []byte) Scanner {
	s := Scanner{data: data}
	s.next = afterStartCode(data, 0)
	return s
}

// NewHeadScanner is [NewScanner] for what stands before the first slice of an
// access unit, where parameter sets are. It does not read the slices.
func NewHeadScanner(codec media.Codec, au []byte) Scanner {
	s := NewScanner(au)
	s.heads = codec
	return s
}

// isSlice reports whether a NAL unit's first byte is that of a slice.
func isSlice(codec media.Codec, header byte) bool {
	switch codec {
	case media.CodecH264:
		return header&0x1f >= H264Slice && header&0x1f <= H264IDR
	case media.CodecHEVC:
		return header>>1&0x3f <= HEVCLastSlice
	}
	return false
}

// Next goes to the next NAL unit. Empty ones are skipped.
func (s *Scanner) Next() bool {
	for s.next < len(s.data) {
		s.start = s.next
		if isSlice(s.heads, s.data[s.start]) {
			s.next = len(s.data)
			return false
		}
		s.next = afterStartCode(s.data, s.start)
		s.end = s.next
		if s.hasCode() {
			s.end = s.next - 3
		}
		for s.end > s.start && s.data[s.end-1] == 0 { // trailing_zero_8bits and the code's own zero
			s.end--
		}
		if s.end > s.start {
			return true
		}
	}
	return false
}

// hasCode reports whether next stands behind a start code rather than at the
// end of the data.
func (s *Scanner) hasCode() bool {
	return s.next >= s.start+3 && s.data[s.next-1] == 1 && s.data[s.next-2] == 0 && s.data[s.next-3] == 0
}

// Unit is the current NAL unit, its header first, without start code and
// trailing zeros. It is part of the scanner's data.
func (s *Scanner) Unit() []byte { return s.data[s.start:s.end:s.end] }

// Slice is the first slice of the access unit with all that follows it, once
// the Next of a head scanner has said that no more stands before it; nil where
// there is none.
func (s *Scanner) Slice() []byte {
	if s.start < len(s.data) && s.next == len(s.data) && isSlice(s.heads, s.data[s.start]) {
		return s.data[s.start:]
	}
	return nil
}

// Span is where the current NAL unit lies in the data.
func (s *Scanner) Span() (start, end int) { return s.start, s.end }

var startCode = []byte{0, 0, 1}

// afterStartCode is the position behind the first start code at or after from,
// len(data) when there is none.
func afterStartCode(data []byte, from int) int {
	i := bytes.Index(data[from:], startCode)
	if i < 0 {
		return len(data)
	}
	return from + i + len(startCode)
}

package egress

import "bytes"

// startCode is the three-byte form; a four-byte one is it after a zero.
const startCode = "\x00\x00\x01"

// nextNALU returns the first NAL unit of an Annex B stream without its start
// code, and the rest of the stream from the next start code on. What stands
// before the first start code is skipped; nil means there is no NAL unit left.
func nextNALU(stream []byte) (nalu, rest []byte) {
	for {
		i := bytes.Index(stream, []byte(startCode))
		if i < 0 {
			return nil, nil
		}
		stream = stream[i+len(startCode):]
		end := bytes.Index(stream, []byte(startCode))
		if end < 0 {
			end = len(stream)
		}
		// Zeros at the end belong to the next start code or are
		// trailing_zero_8bits: a NAL unit never ends in one (H.264, 7.4.1).
		nalu, rest = bytes.TrimRight(stream[:end], "\x00"), stream[end:]
		if len(nalu) > 0 {
			return nalu, rest
		}
		stream = rest
	}
}

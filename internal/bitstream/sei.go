package bitstream

import "github.com/blade-shadow/terminal/internal/media"

const (
	h264SEI           = 6
	hevcPrefixSEI     = 39
	seiRecovery       = 6    // recovery_point in both standards
	maxSEIMessages    = 32   // looked at in one NAL unit
	maxSEIMessageSize = 4096 // bytes; nothing behind a larger one is looked for
)

// RecoveryPoint returns after how many more pictures what is shown is right
// again for a decoder that begins with this one (H.264 D.2.8: recovery_frame_cnt;
// H.265 D.3.8: recovery_poc_cnt). ok says that the NAL unit is supplemental
// enhancement information that says so.
func RecoveryPoint(codec media.Codec, nalu []byte) (pictures int, ok bool) {
	var r bitReader
	switch {
	case codec == media.CodecH264 && H264Type(nalu) == h264SEI:
		r = newBitReader(nalu[1:])
	case codec == media.CodecHEVC && HEVCType(nalu) == hevcPrefixSEI && len(nalu) > 2:
		r = newBitReader(nalu[2:])
	default:
		return 0, false
	}
	for range maxSEIMessages {
		kind, size := seiNumber(&r), seiNumber(&r)
		if r.past || size > maxSEIMessageSize {
			return 0, false
		}
		if kind != seiRecovery {
			r.skip(8 * size)
			continue
		}
		n := r.ue()
		if codec == media.CodecHEVC { // se(v)
			if n&1 == 0 {
				n = 0 // not after this picture
			}
			n = (n + 1) / 2
		}
		return int(min(n, 1<<16)), !r.past
	}
	return 0, false
}

// seiNumber reads payloadType or payloadSize (7.3.2.3.1).
func seiNumber(r *bitReader) (n int) {
	for n <= maxSEIMessageSize && !r.past {
		b := r.bits(8)
		n += int(b)
		if b != 0xff {
			return n
		}
	}
	return n
}

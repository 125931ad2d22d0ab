package receive

import (
	"encoding/binary"
	"errors"

	"github.com/blade-shadow/terminal/internal/media"
)

// errPayload is why a payload does not follow its payload format.
var errPayload = errors.New("payload does not follow its RTP payload format")

// nalFlags says what an access unit holds so far.
type nalFlags uint8

const (
	hasVPS   nalFlags = 1 << iota // HEVC only
	hasSPS                        //
	hasPPS                        //
	hasKey                        // a slice of an IDR or IRAP picture
	hasSlice                      // a slice of any other picture

	hasPicture = hasKey | hasSlice
)

// depacketizer appends the NAL units of one access unit to a buffer, with
// four-byte start codes. Packets must be given contiguous and in order; reset
// starts a new access unit, so fragments across a gap can never be joined.
type depacketizer struct {
	codec media.Codec
	flags nalFlags
	open  bool // a fragmented NAL unit has begun and not ended
}

func (d *depacketizer) reset() { d.flags, d.open = 0, false }

// maxExpansion bounds how many bytes push appends for a payload of n bytes:
// an aggregation packet of one-byte NAL units turns 3 bytes into 5.
func maxExpansion(n int) int { return 2*n + 8 }

// push appends what payload holds to dst. On an error dst may have grown by
// a part, and the access unit is of no use.
func (d *depacketizer) push(dst, payload []byte) ([]byte, error) {
	if d.codec == media.CodecHEVC {
		return d.pushH265(dst, payload)
	}
	return d.pushH264(dst, payload)
}

// aggregate appends the NAL units of an aggregation packet: a 16-bit size
// before each (RFC 6184, 5.7.1; RFC 7798, 4.4.2).
func (d *depacketizer) aggregate(dst, list []byte, single func(dst, nalu []byte) ([]byte, error)) ([]byte, error) {
	if len(list) == 0 {
		return dst, errPayload
	}
	for len(list) > 0 {
		if len(list) < 2 {
			return dst, errPayload
		}
		size := int(binary.BigEndian.Uint16(list))
		if size > len(list)-2 {
			return dst, errPayload
		}
		var err error
		if dst, err = single(dst, list[2:2+size]); err != nil {
			return dst, err
		}
		list = list[2+size:]
	}
	return dst, nil
}

// fragment checks the order of fragments and notes the new state.
func (d *depacketizer) fragment(start, end bool) error {
	if start == d.open {
		return errPayload // begins inside another, or goes on without a start
	}
	d.open = !end
	return nil
}

// startsPicture says whether payload can only be the first packet of an
// access unit: it begins with what must come before everything else.
func startsPicture(codec media.Codec, payload []byte) bool {
	if codec == media.CodecHEVC {
		t := firstH265(payload)
		return t == h265AUD || t == h265VPS
	}
	t := firstH264(payload)
	return t == h264AUD || t == h264SPS
}

// startsKeyframe says whether payload shows that its access unit is a keyframe.
func startsKeyframe(codec media.Codec, payload []byte) bool {
	if codec == media.CodecHEVC {
		t := firstH265(payload)
		return t == h265VPS || t == h265SPS || t >= h265IRAPFirst && t <= h265IRAPLast
	}
	t := firstH264(payload)
	return t == h264SPS || t == h264IDR
}

func appendStartCode(dst []byte) []byte { return append(dst, 0, 0, 0, 1) }

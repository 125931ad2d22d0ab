package libav

import (
	"bytes"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// Packet is one coded picture of a file or pipe.
type Packet struct {
	Codec media.Codec
	// PTS counts from the first packet. Streams without times are given those
	// of 25 pictures a second.
	PTS      time.Duration
	Keyframe bool // has an IDR or IRAP slice: decodable without any other picture
	// Data is in Annex B, parameter sets before every keyframe, start codes of
	// three or four bytes; media.Padding zero bytes follow inside its capacity.
	// It is lent until the next call of Next or Close.
	Data []byte
}

// keyframe says whether an Annex-B access unit has a slice that needs no other
// picture: an IDR (ITU-T H.264, 7.4.1.2.4), or an IRAP (H.265, 3.75, types 16
// to 23). Containers say it of other pictures, too.
func keyframe(codec media.Codec, data []byte) bool {
	for {
		i := bytes.Index(data, []byte{0, 0, 1})
		if i < 0 || i+3 >= len(data) {
			return false
		}
		head := data[i+3]
		switch {
		case codec == media.CodecH264 && head&0x1f == 5:
			return true
		case codec == media.CodecH264 && head&0x1f == 1:
			return false // slices of one picture are all of a kind
		case codec == media.CodecHEVC && head>>1&0x3f <= 9:
			return false
		case codec == media.CodecHEVC && head>>1&0x3f < 24:
			return true
		}
		data = data[i+3:]
	}
}

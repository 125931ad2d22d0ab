// Package media holds the nouns that every part of the terminal and of the
// reference host shares: the access unit (one coded picture), the frame (one
// picture in memory), how they are coloured, when each stage of their life
// happened and which stage lost them. It does no I/O and starts no goroutine.
//
// Buffers have one owner. Whoever receives an [AccessUnit] or a [Frame] calls
// Release exactly once when it is done with it, or hands it on.
package media

import (
	"fmt"
	"strings"
	"time"
)

// Codec names a video coding format.
type Codec uint8

// The codecs the product carries. The box decodes no other in hardware.
const (
	CodecH264 Codec = iota + 1 // ITU-T H.264, up to High
	CodecHEVC                  // ITU-T H.265, Main, 8 bit
)

// String returns the field's name of c.
func (c Codec) String() string {
	switch c {
	case CodecH264:
		return "H264"
	case CodecHEVC:
		return "HEVC"
	}
	return fmt.Sprintf("codec(%d)", uint8(c))
}

// ParseCodec reads a codec name as people write it: h264, avc, hevc, h265.
func ParseCodec(s string) (Codec, error) {
	switch strings.ToLower(s) {
	case "h264", "avc", "h.264":
		return CodecH264, nil
	case "hevc", "h265", "h.265":
		return CodecHEVC, nil
	}
	return 0, fmt.Errorf("codec %q is not known: use h264 or hevc", s)
}

// Timing says when each stage of one picture's life ended. The zero time
// means the stage is not known. The host's stages are translated to the local
// clock by the session's clock estimate; on one machine they are exact.
type Timing struct {
	Captured  time.Time // host: the picture existed on the remote screen
	Encoded   time.Time // host: its coded bytes were complete
	SentFirst time.Time // host: its first packet was given to the socket
	Sent      time.Time // host: its last packet was given to the socket
	Arrived   time.Time // terminal: its first packet was read
	Received  time.Time // terminal: its last packet, repaired or not, was read
	Decoded   time.Time // terminal: the decoder gave the picture
	Shown     time.Time // terminal: the display has it
}

// Cause is the one part that a lost frame is charged to.
type Cause uint8

// The causes, in the order in which a frame meets them.
const (
	CauseHost    Cause = iota // the host captured it and never sent it
	CauseNetwork              // packets were lost and not repaired in time
	CauseDecoder              // the decoder refused it or could not keep up
	CausePacer                // a newer frame took its place before its turn
	CauseDisplay              // the display refused it
	NumCauses                 // how many there are
)

// String returns the cause as it stands in summaries.
func (c Cause) String() string {
	return [...]string{"host", "network", "decoder", "pacer", "display", "?"}[min(c, NumCauses)]
}

// Padding is how many zero bytes follow AccessUnit.Data inside its capacity:
// bitstream readers of libavcodec read over the end (AV_INPUT_BUFFER_PADDING_SIZE).
const Padding = 64

// AccessUnit is one coded picture: all its NAL units with four-byte start
// codes (Annex B), ready for a decoder.
type AccessUnit struct {
	Screen   int    // which of the host's screens, from 0
	Codec    Codec  //
	RTPTime  uint32 // 90 kHz media clock, wraps
	FrameID  uint32 // the host's running frame number, 0 when it sends none
	Keyframe bool   // IDR or IRAP: decodable without any other picture
	// Discontinuity is set when pictures before this one are missing, so a
	// picture that is not a keyframe may refer to what was never received.
	Discontinuity bool
	// Healing is set together with Discontinuity when the stream repairs itself
	// without a keyframe (gradual intra refresh): a decoder goes on, and what it
	// shows is damaged less and less.
	Healing bool
	Timing  Timing
	// Data is the Annex-B bytes; cap(Data) >= len(Data)+Padding and the
	// padding is zero.
	Data []byte

	release func(*AccessUnit)
}

// NewAccessUnit returns an access unit that gives itself to release.
func NewAccessUnit(release func(*AccessUnit)) *AccessUnit {
	return &AccessUnit{release: release}
}

// Release gives the buffer back to its pool. The caller must not touch au after.
func (au *AccessUnit) Release() {
	if au.release != nil {
		au.release(au)
	}
}

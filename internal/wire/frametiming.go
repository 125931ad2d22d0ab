package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// FrameTimingSize is the length of a frame-timing extension in bytes.
const FrameTimingSize = 12

// frameTimingUnit is what one count of a time in the extension stands for.
const frameTimingUnit = 10 * time.Microsecond

// FrameTiming is what the host tells about one frame, in the extension
// [ExtFrameTiming] of its last packet. Times count from the capture, which
// abs-capture-time carries, in steps of 10 us up to 655.35 ms.
type FrameTiming struct {
	Frame     uint32        // per screen, from 1, +1 per captured frame: a gap is a frame the host skipped
	Encoded   time.Duration // until its coded bytes were complete
	SentFirst time.Duration // until its first packet was given to the socket
	Sent      time.Duration // until its last packet was given to the socket
}

// AppendFrameTiming appends the 12 bytes of t to dst, big endian as RTP is.
// Times outside the range count at its ends.
func AppendFrameTiming(dst []byte, t FrameTiming) []byte {
	dst = binary.BigEndian.AppendUint32(dst, t.Frame)
	dst = binary.BigEndian.AppendUint16(dst, tenMicroseconds(t.Encoded))
	dst = binary.BigEndian.AppendUint16(dst, tenMicroseconds(t.SentFirst))
	dst = binary.BigEndian.AppendUint16(dst, tenMicroseconds(t.Sent))
	return append(dst, 0, 0) // reserved
}

// ParseFrameTiming reads the payload of an extension. Bytes after the first
// twelve belong to later versions and are skipped.
func ParseFrameTiming(b []byte) (FrameTiming, error) {
	if len(b) < FrameTimingSize {
		return FrameTiming{}, fmt.Errorf("frame timing of %d bytes, want %d: %w", len(b), FrameTimingSize, ErrMalformed)
	}
	at := func(i int) time.Duration {
		return time.Duration(binary.BigEndian.Uint16(b[i:])) * frameTimingUnit
	}
	return FrameTiming{
		Frame:     binary.BigEndian.Uint32(b),
		Encoded:   at(4),
		SentFirst: at(6),
		Sent:      at(8),
	}, nil
}

// tenMicroseconds rounds d to the nearest count and saturates.
func tenMicroseconds(d time.Duration) uint16 {
	n := (d + frameTimingUnit/2) / frameTimingUnit
	return uint16(min(max(n, 0), 0xffff))
}

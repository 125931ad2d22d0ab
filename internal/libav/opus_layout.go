package libav

import (
	"encoding/binary"
	"fmt"
)

// maxOpusChannels is 7.1, the most that mapping family 1 has.
const maxOpusChannels = 8

// OpusLayout says how the streams inside a packet make channels (RFC 7845,
// 5.1.1). The zero value is refused; [OpusFamily1] has the usual ones.
type OpusLayout struct {
	Channels int // 1 to 8
	Streams  int // in a packet
	Coupled  int // of these, the first ones, that are stereo
	// Mapping gives for each channel, in the order of Vorbis (front left,
	// centre, front right, ...), the decoded one that it is, or 255 for silence.
	Mapping [maxOpusChannels]uint8
}

// OpusFamily1 returns the layout that encoders use for 1, 2, 6 (5.1) or 8 (7.1)
// channels.
func OpusFamily1(channels int) (OpusLayout, error) {
	switch channels {
	case 1:
		return OpusLayout{Channels: 1, Streams: 1}, nil
	case 2:
		return OpusLayout{Channels: 2, Streams: 1, Coupled: 1, Mapping: [8]uint8{0, 1}}, nil
	case 6:
		return OpusLayout{Channels: 6, Streams: 4, Coupled: 2, Mapping: [8]uint8{0, 4, 1, 2, 3, 5}}, nil
	case 8:
		return OpusLayout{Channels: 8, Streams: 5, Coupled: 3, Mapping: [8]uint8{0, 6, 1, 2, 3, 4, 5, 7}}, nil
	}
	return OpusLayout{}, fmt.Errorf("layout of %d Opus channels: want 1, 2, 6 or 8", channels)
}

// opusHeadSize is an OpusHead's length before its mapping table (RFC 7845, 5.1).
const opusHeadSize = 19

// ParseOpusHead reads the layout out of an OpusHead of mapping family 0 or 1.
func ParseOpusHead(b []byte) (OpusLayout, error) {
	fail := func(why string) (OpusLayout, error) {
		return OpusLayout{}, fmt.Errorf("OpusHead of %d bytes: %s: %w", len(b), why, ErrInvalidData)
	}
	if len(b) < opusHeadSize || string(b[:8]) != "OpusHead" {
		return fail("no header")
	}
	if b[8]&0xf0 != 0 {
		return fail("version not understood")
	}
	l := OpusLayout{Channels: int(b[9])}
	switch family := b[18]; {
	case family == 0 && (l.Channels == 1 || l.Channels == 2):
		return OpusFamily1(l.Channels)
	case family != 1 || l.Channels < 1 || l.Channels > maxOpusChannels:
		return fail("channels of no known order")
	case len(b) < opusHeadSize+2+l.Channels:
		return fail("mapping cut off")
	}
	l.Streams, l.Coupled = int(b[19]), int(b[20])
	copy(l.Mapping[:l.Channels], b[21:])
	if err := l.check(); err != nil {
		return fail(err.Error())
	}
	return l, nil
}

// AppendOpusHead appends the OpusHead of l, as containers and other decoders
// want it: 48 kHz, no pre-skip, no gain.
func (l OpusLayout) AppendOpusHead(dst []byte) []byte {
	dst = append(dst, "OpusHead\x01"...)
	dst = append(dst, uint8(l.Channels), 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, opusRate)
	dst = append(dst, 0, 0, 1, uint8(l.Streams), uint8(l.Coupled))
	return append(dst, l.Mapping[:l.Channels]...)
}

func (l *OpusLayout) check() error {
	if l.Channels < 1 || l.Channels > maxOpusChannels || l.Streams < 1 || l.Coupled < 0 ||
		l.Coupled > l.Streams || l.Streams+l.Coupled > 2*maxOpusChannels {
		return fmt.Errorf("layout of %d channels from %d streams, %d of them stereo", l.Channels, l.Streams, l.Coupled)
	}
	for _, from := range l.Mapping[:l.Channels] {
		if from != 255 && int(from) >= l.Streams+l.Coupled {
			return fmt.Errorf("layout with a channel from stream channel %d of %d", from, l.Streams+l.Coupled)
		}
	}
	return nil
}

// fromVorbis gives for each channel in the order of this program (front left
// and right, centre, LFE, back left and right, side left and right: the order
// of WAVE, FFmpeg and SDL) its place in Vorbis' order (RFC 7845, 5.1.1.2).
// What has another number of channels keeps its order.
func fromVorbis(channels int) (order [maxOpusChannels]uint8) {
	switch channels {
	case 6:
		return [8]uint8{0, 2, 1, 5, 3, 4}
	case 8:
		return [8]uint8{0, 2, 1, 7, 5, 6, 3, 4}
	}
	for i := range order {
		order[i] = uint8(i)
	}
	return order
}

// ours is the mapping in this program's order.
func (l *OpusLayout) ours() (mapping [maxOpusChannels]uint8) {
	order := fromVorbis(l.Channels)
	for i := range l.Channels {
		mapping[i] = l.Mapping[order[i]]
	}
	return mapping
}

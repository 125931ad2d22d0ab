//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// OpusSurroundDecoder decodes packets of several streams (RFC 7845, 5.1.1) to
// interleaved 16-bit sound at 48 kHz. The channels come in the order of WAVE
// and SDL: front left, front right, centre, LFE, back left, back right, side
// left, side right.
type OpusSurroundDecoder struct {
	c        *C.OpusMSDecoder // nil after Close
	channels int
}

// NewOpusSurroundDecoder opens a decoder. The caller closes it.
func NewOpusSurroundDecoder(layout OpusLayout) (*OpusSurroundDecoder, error) {
	if err := layout.check(); err != nil {
		return nil, fmt.Errorf("open Opus decoder: %w", err)
	}
	mapping := layout.ours()
	var rc C.int
	c := C.opus_multistream_decoder_create(opusRate, C.int(layout.Channels), C.int(layout.Streams), C.int(layout.Coupled),
		(*C.uchar)(unsafe.Pointer(&mapping[0])), &rc)
	if c == nil {
		return nil, opusError("open Opus decoder", rc)
	}
	return &OpusSurroundDecoder{c, layout.Channels}, nil
}

// Decode decodes one packet into dst, which should hold 120 ms, and returns
// the samples per channel.
func (d *OpusSurroundDecoder) Decode(dst []int16, packet []byte) (int, error) {
	if len(packet) == 0 { // would be concealment
		return 0, fmt.Errorf("decode Opus: empty packet: %w", ErrInvalidData)
	}
	return d.decode(dst, packet, 0)
}

// DecodeFEC recovers the lost packet before nextPacket, or conceals it where
// nextPacket carries no copy. dst is exactly as long as the lost packet.
func (d *OpusSurroundDecoder) DecodeFEC(dst []int16, nextPacket []byte) (int, error) {
	if len(nextPacket) == 0 {
		return d.decode(dst, nil, 0)
	}
	return d.decode(dst, nextPacket, 1)
}

// Conceal makes up sound for a lost packet; dst is exactly as long as it, a
// multiple of 2.5 ms.
func (d *OpusSurroundDecoder) Conceal(dst []int16) (int, error) {
	return d.decode(dst, nil, 0)
}

func (d *OpusSurroundDecoder) decode(dst []int16, packet []byte, fec C.int) (int, error) {
	if d.c == nil {
		return 0, errClosed
	}
	samples := min(len(dst)/d.channels, maxOpusSamples)
	if samples == 0 {
		return 0, fmt.Errorf("decode Opus: no room for samples")
	}
	var p *C.uchar
	if len(packet) > 0 {
		p = (*C.uchar)(unsafe.Pointer(&packet[0]))
	}
	rc := C.opus_multistream_decode(d.c, p, C.opus_int32(len(packet)),
		(*C.opus_int16)(unsafe.Pointer(&dst[0])), C.int(samples), fec)
	if rc < 0 {
		return 0, opusError("decode Opus", rc)
	}
	return int(rc), nil
}

// Close frees the decoder. It may be called more than once.
func (d *OpusSurroundDecoder) Close() error {
	if d.c != nil {
		C.opus_multistream_decoder_destroy(d.c)
		d.c = nil
	}
	return nil
}

// OpusSurroundEncoder encodes 5.1 or 7.1 by mapping family 1. Channels are in
// the order of [OpusSurroundDecoder]; its packets' layout is [OpusFamily1]'s.
type OpusSurroundEncoder struct {
	c        *C.OpusMSEncoder // nil after Close
	channels int
	vorbis   []int16 // one frame in the order that the library wants
}

// NewOpusSurroundEncoder opens an encoder of 2, 6 or 8 channels. The caller
// closes it.
func NewOpusSurroundEncoder(channels, bitrateBps int) (*OpusSurroundEncoder, error) {
	if channels != 2 && channels != 6 && channels != 8 {
		return nil, fmt.Errorf("open Opus encoder: %d channels: want 2, 6 or 8", channels)
	}
	var rc C.int
	c := C.st_opus_surround_new(C.int(channels), C.int(bitrateBps), &rc)
	if c == nil {
		return nil, opusError("open Opus encoder", rc)
	}
	return &OpusSurroundEncoder{c, channels, make([]int16, opusRate/50*channels)}, nil
}

// Encode appends one packet of 5, 10 or 20 ms to dst.
func (e *OpusSurroundEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	if e.c == nil {
		return dst, errClosed
	}
	if err := checkOpusFrame(len(pcm), e.channels); err != nil {
		return dst, fmt.Errorf("encode Opus: %w", err)
	}
	order := fromVorbis(e.channels)
	for at := 0; at < len(pcm); at += e.channels {
		for i := range e.channels {
			e.vorbis[at+int(order[i])] = pcm[at+i]
		}
	}
	room := maxOpusPacket * e.channels
	n := len(dst)
	dst = slices.Grow(dst, room)
	rc := C.opus_multistream_encode(e.c, (*C.opus_int16)(unsafe.Pointer(&e.vorbis[0])), C.int(len(pcm)/e.channels),
		(*C.uchar)(unsafe.Pointer(unsafe.SliceData(dst[n:n+room]))), C.opus_int32(room))
	if rc < 0 {
		return dst, opusError("encode Opus", C.int(rc))
	}
	return dst[:n+int(rc)], nil
}

// Close frees the encoder. It may be called more than once.
func (e *OpusSurroundEncoder) Close() error {
	if e.c != nil {
		C.opus_multistream_encoder_destroy(e.c)
		e.c = nil
	}
	return nil
}

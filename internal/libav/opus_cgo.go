//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// OpusEncoder encodes interleaved 16-bit sound at 48 kHz, restricted low delay.
type OpusEncoder struct {
	c        *C.OpusEncoder
	channels int
}

// NewOpusEncoder opens an encoder. The caller closes it.
func NewOpusEncoder(channels, bitrateBps int) (*OpusEncoder, error) {
	if err := checkChannels(channels); err != nil {
		return nil, fmt.Errorf("open Opus encoder: %w", err)
	}
	var rc C.int
	c := C.st_opus_enc_new(C.int(channels), C.int(bitrateBps), &rc)
	if c == nil {
		return nil, opusError("open Opus encoder", rc)
	}
	return &OpusEncoder{c, channels}, nil
}

// NewOpusVoiceEncoder opens an encoder for a microphone: mono, made for speech.
// Packets of 10 or 20 ms carry a coarse copy of the one before, as far as
// SetLoss lets it expect loss (15 % at first). The caller closes it.
func NewOpusVoiceEncoder(bitrateBps int) (*OpusEncoder, error) {
	var rc C.int
	c := C.st_opus_voice_new(C.int(bitrateBps), &rc)
	if c == nil {
		return nil, opusError("open Opus voice encoder", rc)
	}
	return &OpusEncoder{c, 1}, nil
}

// Encode appends one packet of 5, 10 or 20 ms to dst.
func (e *OpusEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	if e.c == nil {
		return dst, errClosed
	}
	if err := checkOpusFrame(len(pcm), e.channels); err != nil {
		return dst, fmt.Errorf("encode Opus: %w", err)
	}
	n := len(dst)
	dst = slices.Grow(dst, maxOpusPacket)
	room := dst[n : n+maxOpusPacket]
	rc := C.opus_encode(e.c, (*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)/e.channels),
		(*C.uchar)(unsafe.Pointer(&room[0])), maxOpusPacket)
	if rc < 0 {
		return dst, opusError("encode Opus", C.int(rc))
	}
	return dst[:n+int(rc)], nil
}

// SetLoss tells the encoder the expected packet loss in percent.
func (e *OpusEncoder) SetLoss(percent int) {
	if e.c != nil {
		C.st_opus_enc_loss(e.c, C.int(min(max(percent, 0), 100)))
	}
}

// Close frees the encoder. It may be called more than once.
func (e *OpusEncoder) Close() error {
	if e.c != nil {
		C.opus_encoder_destroy(e.c)
		e.c = nil
	}
	return nil
}

// OpusDecoder decodes to interleaved 16-bit sound at 48 kHz.
type OpusDecoder struct {
	c        *C.OpusDecoder
	channels int
}

// NewOpusDecoder opens a decoder. The caller closes it.
func NewOpusDecoder(channels int) (*OpusDecoder, error) {
	if err := checkChannels(channels); err != nil {
		return nil, fmt.Errorf("open Opus decoder: %w", err)
	}
	var rc C.int
	c := C.opus_decoder_create(opusRate, C.int(channels), &rc)
	if c == nil {
		return nil, opusError("open Opus decoder", rc)
	}
	return &OpusDecoder{c, channels}, nil
}

// Decode decodes one packet into dst, which should hold 120 ms, and returns
// the samples per channel.
func (d *OpusDecoder) Decode(dst []int16, packet []byte) (int, error) {
	if len(packet) == 0 { // would be concealment
		return 0, fmt.Errorf("decode Opus: empty packet: %w", ErrInvalidData)
	}
	return d.decode(dst, packet, 0)
}

// DecodeFEC recovers the lost packet before nextPacket, or conceals it where
// nextPacket carries no copy. dst is exactly as long as the lost packet.
func (d *OpusDecoder) DecodeFEC(dst []int16, nextPacket []byte) (int, error) {
	if len(nextPacket) == 0 {
		return d.decode(dst, nil, 0)
	}
	return d.decode(dst, nextPacket, 1)
}

// Conceal makes up sound for a lost packet; dst is exactly as long as it, a
// multiple of 2.5 ms.
func (d *OpusDecoder) Conceal(dst []int16) (int, error) {
	return d.decode(dst, nil, 0)
}

func (d *OpusDecoder) decode(dst []int16, packet []byte, fec C.int) (int, error) {
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
	rc := C.opus_decode(d.c, p, C.opus_int32(len(packet)), (*C.opus_int16)(unsafe.Pointer(&dst[0])), C.int(samples), fec)
	if rc < 0 {
		return 0, opusError("decode Opus", rc)
	}
	return int(rc), nil
}

// Close frees the decoder. It may be called more than once.
func (d *OpusDecoder) Close() error {
	if d.c != nil {
		C.opus_decoder_destroy(d.c)
		d.c = nil
	}
	return nil
}

func opusError(op string, code C.int) error {
	if code == C.OPUS_INVALID_PACKET {
		return fmt.Errorf("%s: %w", op, ErrInvalidData)
	}
	return fmt.Errorf("%s: %s", op, C.GoString(C.opus_strerror(code)))
}

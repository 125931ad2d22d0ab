package hosttest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
)

// Parameter sets as encoders write them, for 320x180. The slices after them
// are filled with one byte: whoever looks inside finds no picture.
var (
	h264Sets = []byte{
		0, 0, 0, 1, 0x67, 0x64, 0x00, 0x0d, 0xac, 0xb2, 0x02, 0x83, 0x3f, 0x3e, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe2, 0x85, 0x49,
		0, 0, 0, 1, 0x68, 0xeb, 0xc3, 0xcb, 0x22, 0xc0,
	}
	hevcSets = []byte{
		0, 0, 0, 1, 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x95, 0x98, 0x09,
		0, 0, 0, 1, 0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0b, 0x9f, 0x79, 0x65, 0x66, 0x92, 0x4c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x40,
		0, 0, 0, 1, 0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40,
	}
)

const (
	keyframeSize = 3000 // bytes of slice, so that it takes several packets
	pictureSize  = 400
)

// Encoders makes fake encoders and keeps what became of them.
type Encoders struct {
	mu        sync.Mutex // guards below
	broken    bool
	codecs    []media.Codec
	rates     []int
	opened    []host.EncoderConfig
	pictures  int
	keyframes int
}

// Opened returns what every encoder so far was opened for.
func (e *Encoders) Opened() []host.EncoderConfig {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.opened)
}

// Pictures returns how many were encoded.
func (e *Encoders) Pictures() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pictures
}

// Codecs returns the codec of every encoder opened so far.
func (e *Encoders) Codecs() []media.Codec {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.codecs)
}

// Rates returns every rate that SetBitrate or the opening of an encoder gave.
func (e *Encoders) Rates() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.rates)
}

// Keyframes returns how many were made.
func (e *Encoders) Keyframes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keyframes
}

func (e *Encoders) open(cfg host.EncoderConfig) (host.Encoder, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.codecs = append(e.codecs, cfg.Codec)
	e.rates = append(e.rates, cfg.BitrateBps)
	e.opened = append(e.opened, cfg)
	return &encoder{all: e, cfg: cfg}, nil
}

// encoder makes access units that are well formed down to the NAL unit header.
type encoder struct {
	all *Encoders
	cfg host.EncoderConfig
}

func (e *encoder) Encode(dst []byte, src *media.Frame, keyframe bool) (out []byte, isKey bool, err error) {
	e.all.mu.Lock()
	defer e.all.mu.Unlock()
	if e.all.broken {
		return nil, false, errors.New("the fake encoder was told to fail")
	}
	if src.Width != e.cfg.Width || src.Height != e.cfg.Height || src.Format != media.I420 {
		return nil, false, fmt.Errorf("picture is %v %dx%d; the encoder was opened for I420 %dx%d",
			src.Format, src.Width, src.Height, e.cfg.Width, e.cfg.Height)
	}
	e.all.pictures++
	if keyframe {
		e.all.keyframes++
	}
	return e.append(dst, keyframe), keyframe, nil
}

func (e *encoder) append(dst []byte, keyframe bool) []byte {
	sets, idr, trail := h264Sets, []byte{0x65}, []byte{0x41}
	if e.cfg.Codec == media.CodecHEVC {
		sets, idr, trail = hevcSets, []byte{0x26, 0x01}, []byte{0x02, 0x01}
	}
	size := pictureSize
	if keyframe {
		dst, size, trail = append(dst, sets...), keyframeSize, idr
	}
	dst = append(dst, 0, 0, 0, 1)
	dst = append(dst, trail...)
	return append(dst, slices.Repeat([]byte{0xaa}, size)...)
}

func (e *encoder) SetBitrate(bps int) error {
	e.all.mu.Lock()
	defer e.all.mu.Unlock()
	e.all.rates = append(e.all.rates, bps)
	return nil
}

func (e *encoder) Name() string { return "fake" }
func (e *encoder) Close() error { return nil }

// opus makes packets that stand for 5 ms of sound.
type opus struct{}

func (opus) Encode(dst []byte, _ []int16) ([]byte, error) { return append(dst, 0xfc), nil }
func (opus) Close() error                                 { return nil }

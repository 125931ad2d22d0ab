//go:build !(linux && cgo && !nonative)

package libav

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// unsupported says what this build lacks.
func unsupported(what string) error {
	return fmt.Errorf("%s: this program was built without FFmpeg and libopus "+
		"(needs linux, cgo, their development packages and no tag nonative): %w", what, errors.ErrUnsupported)
}

// Version names the libraries in use.
func Version() string { return "none (built without FFmpeg)" }

// Device cannot be opened in this build.
type Device struct{}

// OpenDevice is not supported in this build.
func OpenDevice(path string) (*Device, error) {
	return nil, unsupported("open VA-API device " + cmp.Or(path, "(any)"))
}

// Path is empty.
func (*Device) Path() string { return "" }

// Driver is empty.
func (*Device) Driver() string { return "" }

// Profiles is empty.
func (*Device) Profiles(media.Codec) DeviceProfiles { return DeviceProfiles{} }

// Close does nothing.
func (*Device) Close() error { return nil }

// Decoder cannot be made in this build.
type Decoder struct{}

// NewDecoder is not supported in this build.
func NewDecoder(DecoderConfig) (*Decoder, error) { return nil, unsupported("open decoder") }

// Name says what decodes.
func (*Decoder) Name() string { return "none" }

// Send is not supported in this build.
func (*Decoder) Send(*media.AccessUnit) error { return unsupported("decode") }

// Receive is not supported in this build.
func (*Decoder) Receive() (*media.Frame, error) { return nil, unsupported("decode") }

// Flush does nothing.
func (*Decoder) Flush() {}

// Held is zero.
func (*Decoder) Held() int64 { return 0 }

// Outstanding is zero.
func (*Decoder) Outstanding() int { return 0 }

// Close does nothing.
func (*Decoder) Close() error { return nil }

// Encoder cannot be made in this build.
type Encoder struct{}

// NewEncoder is not supported in this build.
func NewEncoder(EncoderConfig) (*Encoder, error) { return nil, unsupported("open encoder") }

// Name is libavcodec's name of the encoder.
func (*Encoder) Name() string { return "none" }

// Skipped is nil.
func (*Encoder) Skipped() error { return nil }

// Reconfigures says whether SetBitrate takes effect without a keyframe.
func (*Encoder) Reconfigures() bool { return false }

// SetBitrate is not supported in this build.
func (*Encoder) SetBitrate(int) error { return unsupported("set bit rate") }

// Encode is not supported in this build.
func (*Encoder) Encode(dst []byte, _ *media.Frame, _ bool) ([]byte, bool, error) {
	return dst, false, unsupported("encode")
}

// Close does nothing.
func (*Encoder) Close() error { return nil }

// Scaler does nothing in this build.
type Scaler struct{}

// NewScaler returns a scaler that cannot scale.
func NewScaler() *Scaler { return &Scaler{} }

// Scale is not supported in this build.
func (*Scaler) Scale(_, _ *media.Frame) error { return unsupported("scale") }

// Close does nothing.
func (*Scaler) Close() {}

// OpusEncoder cannot be made in this build.
type OpusEncoder struct{}

// NewOpusEncoder is not supported in this build.
func NewOpusEncoder(_, _ int) (*OpusEncoder, error) { return nil, unsupported("open Opus encoder") }

// NewOpusVoiceEncoder is not supported in this build.
func NewOpusVoiceEncoder(int) (*OpusEncoder, error) { return nil, unsupported("open Opus encoder") }

// Encode is not supported in this build.
func (*OpusEncoder) Encode(dst []byte, _ []int16) ([]byte, error) {
	return dst, unsupported("encode Opus")
}

// SetLoss does nothing.
func (*OpusEncoder) SetLoss(int) {}

// Close does nothing.
func (*OpusEncoder) Close() error { return nil }

// OpusDecoder cannot be made in this build.
type OpusDecoder struct{}

// NewOpusDecoder is not supported in this build.
func NewOpusDecoder(int) (*OpusDecoder, error) { return nil, unsupported("open Opus decoder") }

// Decode is not supported in this build.
func (*OpusDecoder) Decode([]int16, []byte) (int, error) { return 0, unsupported("decode Opus") }

// DecodeFEC is not supported in this build.
func (*OpusDecoder) DecodeFEC([]int16, []byte) (int, error) { return 0, unsupported("decode Opus") }

// Conceal is not supported in this build.
func (*OpusDecoder) Conceal([]int16) (int, error) { return 0, unsupported("decode Opus") }

// Close does nothing.
func (*OpusDecoder) Close() error { return nil }

// OpusSurroundDecoder cannot be made in this build.
type OpusSurroundDecoder struct{}

// NewOpusSurroundDecoder checks layout and is not supported in this build.
func NewOpusSurroundDecoder(layout OpusLayout) (*OpusSurroundDecoder, error) {
	if err := layout.check(); err != nil {
		return nil, err
	}
	return nil, unsupported("open Opus decoder")
}

// Decode is not supported in this build.
func (*OpusSurroundDecoder) Decode([]int16, []byte) (int, error) {
	return 0, unsupported("decode Opus")
}

// DecodeFEC is not supported in this build.
func (*OpusSurroundDecoder) DecodeFEC([]int16, []byte) (int, error) {
	return 0, unsupported("decode Opus")
}

// Conceal is not supported in this build.
func (*OpusSurroundDecoder) Conceal([]int16) (int, error) { return 0, unsupported("decode Opus") }

// Close does nothing.
func (*OpusSurroundDecoder) Close() error { return nil }

// OpusSurroundEncoder cannot be made in this build.
type OpusSurroundEncoder struct{}

// NewOpusSurroundEncoder is not supported in this build.
func NewOpusSurroundEncoder(_, _ int) (*OpusSurroundEncoder, error) {
	return nil, unsupported("open Opus encoder")
}

// Encode is not supported in this build.
func (*OpusSurroundEncoder) Encode(dst []byte, _ []int16) ([]byte, error) {
	return dst, unsupported("encode Opus")
}

// Close does nothing.
func (*OpusSurroundEncoder) Close() error { return nil }

// File cannot be made in this build.
type File struct{}

// OpenFile is not supported in this build.
func OpenFile(path string, _ FileConfig) (*File, error) { return nil, unsupported("open " + path) }

// Next is not supported in this build.
func (*File) Next() (FileItem, error) { return FileItem{}, unsupported("read file") }

// Rewind is not supported in this build.
func (*File) Rewind() error { return unsupported("rewind file") }

// Info is empty.
func (*File) Info() FileInfo { return FileInfo{} }

// Outstanding is zero.
func (*File) Outstanding() int { return 0 }

// Close does nothing.
func (*File) Close() error { return nil }

// Packets cannot be made in this build.
type Packets struct{}

// OpenPackets is not supported in this build.
func OpenPackets(path string) (*Packets, error) { return nil, unsupported("open " + path) }

// Next is not supported in this build.
func (*Packets) Next() (Packet, error) { return Packet{}, unsupported("read packets") }

// Live is false.
func (*Packets) Live() bool { return false }

// Interrupt does nothing.
func (*Packets) Interrupt() {}

// Close does nothing.
func (*Packets) Close() error { return nil }

// PulseCapture cannot be made in this build.
type PulseCapture struct{}

// OpenPulse is not supported in this build.
func OpenPulse(source string) (*PulseCapture, error) {
	return nil, unsupported("open PulseAudio source " + source)
}

// Read is not supported in this build.
func (*PulseCapture) Read([]int16) (int, error) { return 0, unsupported("read PulseAudio") }

// Close does nothing.
func (*PulseCapture) Close() error { return nil }

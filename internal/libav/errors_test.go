//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

func contains(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

func TestNewEncoderErrors(t *testing.T) {
	good := libav.EncoderConfig{Codec: media.CodecH264, Width: 64, Height: 64, FPS: 30, BitrateBps: 500_000}
	tests := []struct {
		name   string
		change func(*libav.EncoderConfig)
		want   string
	}{
		{"codec", func(c *libav.EncoderConfig) { c.Codec = 0 }, "codec"},
		{"odd size", func(c *libav.EncoderConfig) { c.Width = 65 }, "odd"},
		{"tiny", func(c *libav.EncoderConfig) { c.Height = 2 }, "out of range"},
		{"rate", func(c *libav.EncoderConfig) { c.FPS = 0 }, "pictures per second"},
		{"bit rate", func(c *libav.EncoderConfig) { c.BitrateBps = 1 }, "bit rate"},
		{"backend", func(c *libav.EncoderConfig) { c.Backend = "libnothing" }, "libnothing"},
		{"backend of another codec", func(c *libav.EncoderConfig) { c.Backend = "libx265" }, "does not encode H264"},
		{"vaapi device", func(c *libav.EncoderConfig) { c.Backend, c.Device = "h264_vaapi", "/dev/null" }, "h264_vaapi"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := libav.NewEncoder(cfg); !contains(err, tt.want) {
				t.Errorf("NewEncoder(%+v) = %v; want an error about %s", cfg, err, tt.want)
			} else {
				t.Log(err)
			}
		})
	}
}

func TestEncodeRefusesWrongPicture(t *testing.T) {
	e := newEncoder(t, libav.EncoderConfig{Codec: media.CodecH264, Width: 64, Height: 64, FPS: 30, BitrateBps: 500_000})
	short := media.AllocFrame(media.I420, 64, 64)
	short.Planes[2] = short.Planes[2][:10]
	for _, f := range []*media.Frame{media.AllocFrame(media.I420, 64, 32), media.AllocFrame(media.NV12, 64, 64), short} {
		if _, _, err := e.Encode(nil, f, false); err == nil {
			t.Errorf("Encode(%v %dx%d) = nil; want an error", f.Format, f.Width, f.Height)
		}
	}
}

func TestUseAfterClose(t *testing.T) {
	e := newEncoder(t, libav.EncoderConfig{Codec: media.CodecH264, Width: 64, Height: 64, FPS: 30, BitrateBps: 500_000})
	d := newDecoder(t, media.CodecH264)
	au := encodeScene(t, e, media.CodecH264, scene(1, 64, 64))[0]
	f := decodeOne(t, d, au)
	for range 2 {
		if err := errors.Join(e.Close(), d.Close()); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if _, _, err := e.Encode(nil, f, false); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Encode() after Close = %v; want os.ErrClosed", err)
	}
	if err := d.Send(au); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Send() after Close = %v; want os.ErrClosed", err)
	}
	d.Flush()
	f.Release()
}

func TestEmptyAccessUnit(t *testing.T) {
	d := newDecoder(t, media.CodecH264)
	if err := d.Send(accessUnit(media.CodecH264, 1, true, nil)); !errors.Is(err, libav.ErrInvalidData) {
		t.Errorf("Send(empty) = %v; want ErrInvalidData", err)
	}
}

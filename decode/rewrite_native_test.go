//go:build linux && cgo && !nonative

package decode_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// reordering returns an access unit whose sequence parameter set ends with
// max_num_reorder_frames 1 and max_dec_frame_buffering 4 in place of 0 and
// what was there.
func reordering(t *testing.T, au []byte) []byte {
	t.Helper()
	for s := bitstream.NewScanner(au); s.Next(); {
		if bitstream.H264Type(s.Unit()) != bitstream.H264SPS {
			continue
		}
		p, err := bitstream.ParseH264SPS(s.Unit())
		if err != nil || !p.VUI.HasRestriction || p.VUI.MaxNumReorderFrames != 0 || p.VUI.MaxDecFrameBuffering != 1 {
			t.Fatalf("the encoder's set = %+v, %v; want a restriction to 0, 1", p, err)
		}
		start, end := s.Span()
		bits := bitstest.Text(s.Unit()[1:])
		bits, ok := strings.CutSuffix(strings.TrimRight(bits, "0"), "1"+"010"+"1") // ue(0), ue(1), stop bit
		if !ok {
			t.Fatalf("set ends in %s", bits)
		}
		bits += "010" + "00101" + "1" // ue(1), ue(4), stop bit
		return append(append(bytes.Clone(au[:start+1]), bitstest.Unit(bits)...), au[end:]...)
	}
	t.Fatal("no sequence parameter set")
	return nil
}

// TestRewriteLetsPicturesGo: libavcodec holds back a picture of a stream whose
// set says so, and none through the Decoder, in software and in hardware.
func TestRewriteLetsPicturesGo(t *testing.T) {
	units := stream(t, media.CodecH264, 320, 192, 10, 10)
	units[0] = reordering(t, units[0])

	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: media.CodecH264})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	au := media.NewAccessUnit(nil)
	au.Codec, au.Keyframe = media.CodecH264, true
	au.Data = append(make([]byte, 0, len(units[0])+media.Padding), units[0]...)
	if err := d.Send(au); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Receive(); !errors.Is(err, libav.ErrAgain) {
		t.Errorf("Receive() from libavcodec alone = %v; want ErrAgain: the test needs a stream that is held back", err)
	}

	for _, link := range []string{"software", "vaapi", "vaapi-copy"} {
		t.Run(link, func(t *testing.T) {
			open := decode.OpenHardware(decode.HardwareConfig{Device: decode.DeviceNone}).Open
			if link != "software" {
				open = hardware(t, vatest.Knobs{}, link == "vaapi").Open
			}
			p := newPlayer(t, open, 0)
			for i, data := range units {
				p.submit(media.CodecH264, uint32(i+1), i == 0, data)
				p.back(uint32(i + 1))
				if got := p.d.Stats().Decoded; got != uint64(i+1) {
					t.Fatalf("%d pictures after %d access units: %+v", got, i+1, p.d.Stats())
				}
			}
			if s := p.stop(); s.Rewritten != 1 || s.Backend != link {
				t.Errorf("Stats() = %+v; want 1 rewritten, %s", s, link)
			}
		})
	}
}

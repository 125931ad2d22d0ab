package egress_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pion/rtp/codecs"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
)

// nalu returns a NAL unit of that type and length without emulated start codes.
func nalu(codec media.Codec, kind byte, size int) []byte {
	b := bytes.Repeat([]byte{0xa5}, size)
	for i := range b {
		b[i] = byte(i)%251 + 4
	}
	if codec == media.CodecHEVC {
		b[0], b[1] = kind<<1, 1
	} else {
		b[0] = 0x60 | kind
	}
	return b
}

func annexB(nalus ...[]byte) []byte {
	var b []byte
	for _, n := range nalus {
		b = append(append(b, 0, 0, 0, 1), n...)
	}
	return b
}

// depacketize is pion's reading of payloads in order, as Annex B.
func depacketize(codec media.Codec, payloads [][]byte) ([]byte, error) {
	var out []byte
	var d interface{ Unmarshal([]byte) ([]byte, error) } = &codecs.H264Packet{}
	if codec == media.CodecHEVC {
		d = &codecs.H265Depacketizer{}
	}
	for i, p := range payloads {
		b, err := d.Unmarshal(p)
		if err != nil {
			return nil, fmt.Errorf("payload %d: %w", i, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

func TestPacketizeRoundTrip(t *testing.T) {
	h := func(kind byte, size int) []byte { return nalu(media.CodecH264, kind, size) }
	v := func(kind byte, size int) []byte { return nalu(media.CodecHEVC, kind, size) }
	tests := []struct {
		name    string
		codec   media.Codec
		in      [][]byte
		dropped int // NAL units at the start that are not sent
		packets int
	}{
		{"h264 one slice", media.CodecH264, [][]byte{h(1, 700)}, 0, 1},
		{"h264 keyframe", media.CodecH264, [][]byte{h(7, 20), h(8, 6), h(6, 30), h(5, 5000)}, 0, 1 + 5},
		{"h264 small keyframe", media.CodecH264, [][]byte{h(7, 20), h(8, 6), h(5, 900)}, 0, 1},
		{"h264 full packet", media.CodecH264, [][]byte{h(1, egress.MaxPayload)}, 0, 1},
		{"h264 one byte more", media.CodecH264, [][]byte{h(1, egress.MaxPayload+1)}, 0, 2},
		{"h264 delimiter", media.CodecH264, [][]byte{h(9, 2), h(1, 100)}, 1, 1},
		{"h264 slices", media.CodecH264, [][]byte{h(1, 1100), h(1, 1100), h(1, 50)}, 0, 2},
		{"hevc one slice", media.CodecHEVC, [][]byte{v(1, 700)}, 0, 1},
		{"hevc keyframe", media.CodecHEVC, [][]byte{v(32, 24), v(33, 40), v(34, 8), v(19, 5000)}, 0, 1 + 5},
		{"hevc one byte more", media.CodecHEVC, [][]byte{v(1, egress.MaxPayload+1)}, 0, 2},
		{"hevc delimiter", media.CodecHEVC, [][]byte{v(35, 3), v(1, 100)}, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			payloads, err := egress.Packetize(tt.codec, annexB(tt.in...))
			if err != nil || len(payloads) != tt.packets {
				t.Fatalf("Packetize(%s) = %d packets, %v; want %d", tt.name, len(payloads), err, tt.packets)
			}
			for i, p := range payloads {
				if len(p) > egress.MaxPayload {
					t.Errorf("Packetize(%s)[%d] = %d bytes; want at most %d", tt.name, i, len(p), egress.MaxPayload)
				}
			}
			got, err := depacketize(tt.codec, payloads)
			if want := annexB(tt.in[tt.dropped:]...); err != nil || !bytes.Equal(got, want) {
				t.Errorf("depacketize(Packetize(%s)) = %d bytes, %v; want %d", tt.name, len(got), err, len(want))
			}
		})
	}
}

func TestPacketizeAggregateHeader(t *testing.T) {
	idr, sps := nalu(media.CodecH264, 5, 40), nalu(media.CodecH264, 7, 10)
	sps[0] = 0x27 // nal_ref_idc 1
	payloads, err := egress.Packetize(media.CodecH264, annexB(sps, idr))
	if err != nil || len(payloads) != 1 || payloads[0][0] != 0x60|24 {
		t.Errorf("Packetize(SPS, IDR) header = %#x, %v; want %#x", payloads[0][0], err, 0x60|24)
	}
	low := nalu(media.CodecHEVC, 32, 20)
	high := nalu(media.CodecHEVC, 1, 20)
	high[1] = 3 // temporal level 2
	payloads, err = egress.Packetize(media.CodecHEVC, annexB(high, low))
	if err != nil || len(payloads) != 1 || !bytes.Equal(payloads[0][:2], []byte{48 << 1, 1}) {
		t.Errorf("Packetize(VPS, slice) header = %x, %v; want 6001", payloads[0][:2], err)
	}
}

func FuzzPacketize(f *testing.F) {
	f.Add(byte(1), annexB(nalu(media.CodecH264, 7, 12), nalu(media.CodecH264, 5, 3000)))
	f.Add(byte(2), annexB(nalu(media.CodecHEVC, 32, 12), nalu(media.CodecHEVC, 19, 3000)))
	f.Add(byte(1), []byte{0, 0, 1})
	f.Add(byte(2), []byte{0, 0, 1, 0, 0, 0, 1, 9, 0, 0, 1})
	f.Fuzz(func(t *testing.T, codec byte, au []byte) {
		payloads, err := egress.Packetize(media.Codec(codec%2+1), au)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, p := range payloads {
			if len(p) == 0 || len(p) > egress.MaxPayload {
				t.Errorf("Packetize(%x) gives a payload of %d bytes; want 1 to %d", au, len(p), egress.MaxPayload)
			}
			total += len(p)
		}
		// A fragment adds at most two bytes net of the header it replaces
		// every 1197, an aggregate two bytes for a start code of three.
		if limit := len(au) + len(au)/400 + 4; total > limit {
			t.Errorf("Packetize(%d bytes) = %d bytes; want at most %d", len(au), total, limit)
		}
	})
}

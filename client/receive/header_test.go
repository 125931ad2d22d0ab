package receive_test

import (
	"bytes"
	"testing"

	"github.com/blade-shadow/terminal/client/receive"
)

// join concatenates the parts of a packet.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestParseHeader(t *testing.T) {
	fixed := func(b0, b1 byte) []byte { return []byte{b0, b1, 0x12, 0x34, 0, 0, 0, 9, 1, 2, 3, 4} }
	capture := []byte{0, 0, 0, 1, 0x80, 0, 0, 0}
	timing := []byte{0, 0, 0, 77, 0, 1, 0, 2, 0, 3, 0, 0}
	cases := []struct {
		name    string
		packet  []byte
		fails   bool
		marker  bool
		payload string
		twcc    int
		capture uint64
		frame   uint32
	}{
		{name: "empty", packet: nil, fails: true},
		{name: "short", packet: fixed(0x80, 96)[:11], fails: true},
		{name: "version 1", packet: fixed(0x40, 96), fails: true},
		{name: "no payload", packet: fixed(0x80, 96), twcc: -1},
		{name: "marker", packet: join(fixed(0x80, 0xe0), []byte("ab")), marker: true, payload: "ab", twcc: -1},
		{name: "csrc", packet: join(fixed(0x82, 96), make([]byte, 8), []byte("ab")), payload: "ab", twcc: -1},
		{name: "csrc missing", packet: join(fixed(0x8f, 96), make([]byte, 59)), fails: true},
		{name: "padding", packet: join(fixed(0xa0, 96), []byte{'a', 'b', 0, 2}), payload: "ab", twcc: -1},
		{name: "padding only", packet: join(fixed(0xa0, 96), []byte{0, 0, 3}), twcc: -1},
		{name: "padding zero", packet: join(fixed(0xa0, 96), []byte{'a', 0}), fails: true},
		{name: "padding too long", packet: join(fixed(0xa0, 96), []byte{'a', 3}), fails: true},
		{name: "padding absent", packet: fixed(0xa0, 96), fails: true},
		{name: "extension cut", packet: join(fixed(0x90, 96), []byte{0xbe, 0xde, 0}), fails: true},
		{name: "extension too long", packet: join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 2, 0, 0, 0, 0}), fails: true},
		{
			name:    "one-byte form",
			packet:  join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 7, 0, 0x31, 1, 2, 0x47}, capture, []byte{0x5b}, timing, []byte{0, 0}, []byte("ab")),
			payload: "ab", twcc: 0x102, capture: 0x180000000, frame: 77,
		},
		{
			name:    "two-byte form",
			packet:  join(fixed(0x90, 96), []byte{0x10, 0x05, 0, 7, 3, 2, 1, 2, 4, 8}, capture, []byte{5, 12}, timing, []byte("ab")),
			payload: "ab", twcc: 0x102, capture: 0x180000000, frame: 77,
		},
		{
			name:    "long capture time",
			packet:  join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 5, 0x4f}, capture, make([]byte, 8), []byte{0, 0, 0}, []byte("ab")),
			payload: "ab", twcc: -1, capture: 0x180000000,
		},
		{name: "element cut", packet: join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 1, 0, 0, 0x31, 1}, []byte("ab")), payload: "ab", twcc: -1},
		{name: "number 15 stops", packet: join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 1, 0xf0, 0x31, 1, 2}, []byte("ab")), payload: "ab", twcc: -1},
		{name: "short timing", packet: join(fixed(0x90, 96), []byte{0xbe, 0xde, 0, 1, 0x52, 1, 2, 3}, []byte("ab")), payload: "ab", twcc: -1},
		{name: "another profile", packet: join(fixed(0x90, 96), []byte{0x12, 0x34, 0, 1, 0x31, 1, 2, 0}, []byte("ab")), payload: "ab", twcc: -1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h, err := receive.ParseHeader(tc.packet, extIDs)
			if (err != nil) != tc.fails {
				t.Fatalf("ParseHeader(% x) error = %v; want error %v", tc.packet, err, tc.fails)
			}
			if err != nil {
				return
			}
			if h.Marker != tc.marker || h.PayloadType != 96 || h.Seq != 0x1234 || h.RTPTime != 9 || h.SSRC != 0x01020304 {
				t.Errorf("ParseHeader(% x) = %+v", tc.packet, h)
			}
			if string(h.Payload) != tc.payload || h.TWCC != tc.twcc || h.Capture != tc.capture || h.Frame != tc.frame {
				t.Errorf("ParseHeader(% x) = %+v; want payload %q, twcc %d, capture %#x, frame %d",
					tc.packet, h, tc.payload, tc.twcc, tc.capture, tc.frame)
			}
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	h := newHost(1, 1)
	for _, p := range h.next(true, 1, 2000, epoch).packets {
		f.Add(p[:min(len(p), 80)])
	}
	f.Add([]byte{0xbf, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		h, err := receive.ParseHeader(packet, extIDs)
		if err == nil && len(h.Payload) > len(packet)-12 {
			t.Errorf("ParseHeader(% x) payload of %d bytes", packet, len(h.Payload))
		}
	})
}

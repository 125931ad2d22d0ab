package receive_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

const startCode = "\x00\x00\x00\x01"

func TestDepacketizeH264(t *testing.T) {
	cases := []struct {
		name     string
		payloads []string
		want     string
		key      bool
		open     bool
		fails    bool
	}{
		{name: "single", payloads: []string{"\x41ab"}, want: startCode + "\x41ab"},
		{name: "IDR", payloads: []string{"\x65ab"}, want: startCode + "\x65ab", key: true},
		{name: "two", payloads: []string{"\x06s", "\x41ab"}, want: startCode + "\x06s" + startCode + "\x41ab"},
		{name: "STAP-A", payloads: []string{"\x18\x00\x02\x67s\x00\x01\x68"}, want: startCode + "\x67s" + startCode + "\x68"},
		{name: "STAP-A with IDR", payloads: []string{"\x18\x00\x02\x65i"}, want: startCode + "\x65i", key: true},
		{name: "STAP-A empty", payloads: []string{"\x18"}, fails: true},
		{name: "STAP-A cut size", payloads: []string{"\x18\x00\x01\x68\x00"}, fails: true},
		{name: "STAP-A size too large", payloads: []string{"\x18\x00\x03\x67s"}, fails: true},
		{name: "STAP-A of nothing", payloads: []string{"\x18\x00\x00"}, fails: true},
		{name: "STAP-A in STAP-A", payloads: []string{"\x18\x00\x03\x18\x00\x00"}, fails: true},
		{name: "FU-A", payloads: []string{"\x7c\x85ab", "\x7c\x05cd", "\x7c\x45ef"}, want: startCode + "\x65abcdef", key: true},
		{name: "FU-A whole", payloads: []string{"\x5c\xc1ab"}, want: startCode + "\x41ab"},
		{name: "FU-A open", payloads: []string{"\x5c\x81ab"}, want: startCode + "\x41ab", open: true},
		{name: "FU-A without start", payloads: []string{"\x5c\x01ab"}, fails: true},
		{name: "FU-A end without start", payloads: []string{"\x5c\x41ab"}, fails: true},
		{name: "FU-A started twice", payloads: []string{"\x5c\x81ab", "\x5c\x81ab"}, fails: true},
		{name: "FU-A then single", payloads: []string{"\x5c\x81ab", "\x41cd"}, fails: true},
		{name: "FU-A then STAP-A", payloads: []string{"\x5c\x81ab", "\x18\x00\x01\x68"}, fails: true},
		{name: "FU-A of STAP-A", payloads: []string{"\x5c\x98ab"}, fails: true},
		{name: "FU-A cut", payloads: []string{"\x5c"}, fails: true},
		{name: "empty", payloads: []string{""}, fails: true},
		{name: "type 0", payloads: []string{"\x40a"}, fails: true},
		{name: "STAP-B", payloads: []string{"\x19\x00\x00\x00\x01\x68"}, fails: true},
		{name: "MTAP16", payloads: []string{"\x1a\x00\x00"}, fails: true},
		{name: "FU-B", payloads: []string{"\x5d\x81\x00\x00a"}, fails: true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			checkDepacketize(t, media.CodecH264, tc.payloads, tc.want, tc.key, tc.open, tc.fails)
		})
	}
}

func TestDepacketizeH265(t *testing.T) {
	cases := []struct {
		name     string
		payloads []string
		want     string
		key      bool
		open     bool
		fails    bool
	}{
		{name: "single", payloads: []string{"\x02\x01ab"}, want: startCode + "\x02\x01ab"},
		{name: "IDR", payloads: []string{"\x26\x01ab"}, want: startCode + "\x26\x01ab", key: true},
		{name: "CRA", payloads: []string{"\x2a\x01ab"}, want: startCode + "\x2a\x01ab", key: true},
		{name: "first IRAP", payloads: []string{"\x20\x01ab"}, want: startCode + "\x20\x01ab", key: true},
		{name: "reserved IRAP", payloads: []string{"\x2c\x01ab"}, want: startCode + "\x2c\x01ab"},
		{name: "AP", payloads: []string{"\x60\x01\x00\x03\x40\x01v\x00\x02\x42\x01"}, want: startCode + "\x40\x01v" + startCode + "\x42\x01"},
		{name: "AP empty", payloads: []string{"\x60\x01"}, fails: true},
		{name: "AP size too large", payloads: []string{"\x60\x01\x00\x04\x40\x01v"}, fails: true},
		{name: "AP of one byte", payloads: []string{"\x60\x01\x00\x01\x40"}, fails: true},
		{name: "AP in AP", payloads: []string{"\x60\x01\x00\x02\x60\x01"}, fails: true},
		{name: "FU", payloads: []string{"\x62\x01\x93ab", "\x62\x01\x13cd", "\x62\x01\x53ef"}, want: startCode + "\x26\x01abcdef", key: true},
		{name: "FU keeps layer and temporal id", payloads: []string{"\x63\x0a\xc1ab"}, want: startCode + "\x03\x0aab"},
		{name: "FU open", payloads: []string{"\x62\x01\x81ab"}, want: startCode + "\x02\x01ab", open: true},
		{name: "FU without start", payloads: []string{"\x62\x01\x01ab"}, fails: true},
		{name: "FU started twice", payloads: []string{"\x62\x01\x81ab", "\x62\x01\x81ab"}, fails: true},
		{name: "FU then single", payloads: []string{"\x62\x01\x81ab", "\x02\x01cd"}, fails: true},
		{name: "FU then AP", payloads: []string{"\x62\x01\x81ab", "\x60\x01\x00\x02\x42\x01"}, fails: true},
		{name: "FU of FU", payloads: []string{"\x62\x01\xb1ab"}, fails: true},
		{name: "FU cut", payloads: []string{"\x62\x01"}, fails: true},
		{name: "one byte", payloads: []string{"\x02"}, fails: true},
		{name: "PACI", payloads: []string{"\x64\x01ab"}, fails: true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			checkDepacketize(t, media.CodecHEVC, tc.payloads, tc.want, tc.key, tc.open, tc.fails)
		})
	}
}

func checkDepacketize(t *testing.T, codec media.Codec, payloads []string, want string, key, open, fails bool) {
	t.Helper()
	var in [][]byte
	for _, p := range payloads {
		in = append(in, []byte(p))
	}
	data, gotKey, whole, err := receive.Depacketize(codec, in...)
	if (err != nil) != fails {
		t.Fatalf("Depacketize(%q) error = %v; want error %v", payloads, err, fails)
	}
	if err != nil {
		return
	}
	if string(data) != want || gotKey != key || whole == open {
		t.Errorf("Depacketize(%q) = %q, key %v, whole %v; want %q, %v, %v", payloads, data, gotKey, whole, want, key, !open)
	}
}

func FuzzDepacketizeH264(f *testing.F) { fuzzDepacketize(f, media.CodecH264) }
func FuzzDepacketizeH265(f *testing.F) { fuzzDepacketize(f, media.CodecHEVC) }

// fuzzDepacketize reads its input as payloads with 16-bit sizes. The output
// of good ones must consist of NAL units of the bitstream.
func fuzzDepacketize(f *testing.F, codec media.Codec) {
	h := newHost(codec, 1)
	h.mtu = 40
	var whole []byte
	for _, s := range h.parameterSets() {
		whole = append(whole, sized(s)...)
	}
	f.Add(append(whole, sized(h.aggregate(h.parameterSets()))...))
	var fragments []byte
	for _, p := range h.fragments(h.slice(true, 100)) {
		fragments = append(fragments, sized(p)...)
	}
	f.Add(fragments)
	f.Fuzz(func(t *testing.T, in []byte) {
		var payloads [][]byte
		for len(in) >= 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			payloads = append(payloads, in[2:2+n])
			in = in[2+n:]
		}
		data, _, _, err := receive.Depacketize(codec, payloads...)
		if err == nil && len(payloads) > 0 && !bytes.HasPrefix(data, []byte(startCode)) {
			t.Errorf("Depacketize(% x) = % x; want a start code first", payloads, data)
		}
	})
}

func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

package host_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
)

// section is one m= section of an offer.
func section(kind, mid, rest string) string {
	proto := "UDP/TLS/RTP/SAVPF"
	if strings.HasPrefix(kind, "application") {
		proto = "UDP/DTLS/SCTP"
	}
	name, formats, _ := strings.Cut(kind, " ")
	return "m=" + name + " 9 " + proto + " " + formats + "\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\n" + strings.ReplaceAll(rest, "|", "\r\n")
}

func offer(sections ...string) string {
	group := "a=group:BUNDLE"
	for _, s := range sections {
		_, rest, _ := strings.Cut(s, "a=mid:")
		mid, _, _ := strings.Cut(rest, "\r\n")
		group += " " + mid
	}
	return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + group + "\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n" + strings.Join(sections, "")
}

// A browser's formats: VP8 first, an H.264 without fragments, then usable ones.
const (
	browserVideo = "a=recvonly|a=rtpmap:96 VP8/90000|a=rtpmap:97 H264/90000|a=fmtp:97 packetization-mode=0;profile-level-id=42001f|" +
		"a=rtpmap:102 H264/90000|a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f|" +
		"a=rtpmap:103 rtx/90000|a=fmtp:103 apt=102|a=rtcp-fb:102 nack|a=rtcp-fb:96 nack|" +
		"a=rtpmap:116 H265/90000|a=rtpmap:117 rtx/90000|a=fmtp:117 rtx-time=3000;apt=116|"
	opus = "a=recvonly|a=rtpmap:111 opus/48000/2|"
)

func TestReadOffer(t *testing.T) {
	video := func(mid string) string { return section("video 96 97 102 103 116 117", mid, browserVideo) }
	audio := section("audio 111", "a", opus)
	data := section("application webrtc-datachannel", "d", "a=sctp-port:5000|")
	both := []media.Codec{media.CodecH264, media.CodecHEVC}
	tests := []struct {
		name     string
		offer    string
		codecs   []media.Codec
		accepted []bool
		number   uint8
		err      string
	}{
		{"browser", offer(video("0"), audio, data), both, []bool{true, true, true}, 102, ""},
		{"only HEVC here", offer(video("0")), []media.Codec{media.CodecHEVC}, []bool{true}, 116, ""},
		{"three screens", offer(video("0"), video("1"), video("2")), both, []bool{true, true, false}, 102, ""},
		{"microphone", offer(video("0"), strings.Replace(audio, "recvonly", "sendonly", 1)), both, []bool{true, false}, 102, ""},
		{"camera first", offer(strings.Replace(video("0"), "recvonly", "sendonly", 1), video("1")), both, []bool{false, true}, 102, ""},
		{"sendrecv", offer(strings.Replace(video("0"), "a=recvonly", "a=sendrecv", 1)), both, []bool{true}, 102, ""},
		{"inactive", offer(video("0"), strings.Replace(video("1"), "recvonly", "inactive", 1)), both, []bool{true, false}, 102, ""},
		{"switched off", offer(video("0"), strings.Replace(video("1"), "video 9", "video 0", 1)), both, []bool{true, false}, 102, ""},
		{"bundle-only", offer(video("0"), strings.Replace(strings.Replace(video("1"), "video 9", "video 0", 1), "a=recvonly", "a=bundle-only\r\na=recvonly", 1)), both, []bool{true, true}, 102, ""},
		{"two sounds", offer(video("0"), audio, strings.Replace(audio, "mid:a", "mid:b", 1)), both, []bool{true, true, false}, 102, ""},
		{"unknown section", offer(section("text 98", "t", "a=rtpmap:98 t140/1000|"), video("0")), both, []bool{false, true}, 102, ""},
		{"VP8 only", offer(section("video 96", "0", "a=recvonly|a=rtpmap:96 VP8/90000|")), both, nil, 0, "no video codec in common"},
		{"no mid", strings.Replace(offer(video("0")), "a=mid:0\r\n", "", 1), both, nil, 0, "a=mid"},
		{"nothing wanted", offer(data), both, nil, 0, "no video"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := host.ReadOffer(tt.offer, tt.codecs...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("ReadOffer(%s) = %v; want %q", tt.name, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("ReadOffer(%s) = %v; want nil", tt.name, err)
			}
			if !slices.Equal(got.Accepted, tt.accepted) || got.Number != tt.number {
				t.Errorf("ReadOffer(%s) = %v, format %d; want %v, %d", tt.name, got.Accepted, got.Number, tt.accepted, tt.number)
			}
		})
	}
}

func TestReducedOffer(t *testing.T) {
	in := offer(section("text 98", "t", "a=fingerprint:sha-256 AA|a=setup:actpass|"), section("video 96 97 102 103 116 117", "0", browserVideo))
	got, err := host.ReadOffer(in, media.CodecH264)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"video 9 UDP/TLS/RTP/SAVPF 102 103\r\n", "a=rtcp-fb:102 nack", "a=group:BUNDLE 0\r\n", "a=fingerprint:sha-256 AA", "a=recvonly"} {
		if !strings.Contains(got.Reduced, want) {
			t.Errorf("reduced offer lacks %q:\n%s", want, got.Reduced)
		}
	}
	for _, gone := range []string{"VP8", "H265", "t140", "rtcp-fb:96", "fmtp:117"} {
		if strings.Contains(got.Reduced, gone) {
			t.Errorf("reduced offer has %q:\n%s", gone, got.Reduced)
		}
	}
}

func FuzzReadOffer(f *testing.F) {
	f.Add(offer(section("video 96 97 102 103 116 117", "0", browserVideo), section("audio 111", "a", opus),
		section("application webrtc-datachannel", "d", "a=sctp-port:5000|")))
	f.Add(offer(section("text 98", "t", ""), section("video 116", "0", "a=rtpmap:116 H265/90000|")))
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := host.ReadOffer(raw, media.CodecH264, media.CodecHEVC)
		if err != nil {
			return
		}
		var reduced sdp.SessionDescription
		if err := reduced.UnmarshalString(got.Reduced); err != nil {
			t.Fatalf("reduced offer of %q cannot be read: %v\n%s", raw, err, got.Reduced)
		}
		// Answering with the reduced offer itself gives every section back.
		answer, err := got.Answer(got.Reduced)
		if err != nil {
			t.Fatalf("Answer(%q) = %v; want nil", raw, err)
		}
		var full sdp.SessionDescription
		if err := full.UnmarshalString(answer); err != nil || len(full.MediaDescriptions) != len(got.Accepted) {
			t.Fatalf("Answer(%q) has %d sections, %v; want %d", raw, len(full.MediaDescriptions), err, len(got.Accepted))
		}
	})
}

// A host on loopback sends checks to this machine only, and no host sends
// them to everything that an offer names.
func TestCandidates(t *testing.T) {
	candidate := func(address, more string) string {
		return "a=candidate:1 1 udp 1 " + address + " 5000 typ host" + more + "|"
	}
	lines := candidate("127.0.0.1", " ufrag x") + candidate("::1", "") + candidate("192.0.2.7", "") + candidate("203.0.113.9", "") +
		candidate("evil.example", "") + candidate("1f2e.local", "") + candidate("0.0.0.0", "") + candidate("239.1.1.1", "") +
		"a=candidate:1 2 udp 1 127.0.0.1 5000 typ host|a=candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active|a=candidate:x|"
	count := func(raw string, loopback bool) (n int, reduced string) {
		t.Helper()
		reduced, err := host.Reduce(raw, loopback)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(reduced, "a=candidate:"), reduced
	}
	in := offer(section("video 102", "0", "a=recvonly|a=rtpmap:102 H264/90000|a=fmtp:102 packetization-mode=1|"+lines),
		section("application webrtc-datachannel", "d", lines))
	for _, tt := range []struct {
		loopback bool
		want     int
	}{{true, 4}, {false, 8}} {
		if n, reduced := count(in, tt.loopback); n != tt.want {
			t.Errorf("%d candidates are left with loopback %v; want %d:\n%s", n, tt.loopback, tt.want, reduced)
		}
	}
	storm := strings.Replace(in, "a=recvonly\r\n", "a=recvonly\r\n"+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n", 500), 1)
	if n, _ := count(storm, false); n != 32 {
		t.Errorf("%d of 500 candidates are left; want 32", n)
	}
}

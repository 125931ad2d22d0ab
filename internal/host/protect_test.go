package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
)

// FEC is answered, on an SSRC of its own, to who offers it and to nobody else.
func TestAnswersFEC(t *testing.T) {
	for _, offered := range []bool{false, true} {
		r := newRig(t, 2, nil)
		codecs := []string{webrtc.MimeTypeH264}
		if offered {
			codecs = append(codecs, webrtc.MimeTypeFlexFEC03)
		}
		p := newPeer(t, 2, codecs...)
		p.connect(t, r.url)
		answer := p.RemoteDescription().SDP
		format := strings.Count(answer, "flexfec-03/90000")
		groups := strings.Count(answer, "a=ssrc-group:FEC-FR ")
		if want := map[bool]int{true: 2}[offered]; format != want || groups != want {
			t.Errorf("FEC offered %v: answer has %d formats and %d groups; want %d\n%s", offered, format, groups, want, answer)
		}
		nextKeyframe(t, videoTrack(t, p))
	}
}

// Transport feedback counts only where numbers and reports were both offered.
func TestOfferedFeedback(t *testing.T) {
	const twcc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	tests := []struct {
		extra string
		want  bool
	}{
		{"", false},
		{"a=rtcp-fb:102 transport-cc|", false},
		{"a=extmap:3 " + twcc + "|", false},
		{"a=extmap:3 " + twcc + "|a=rtcp-fb:103 transport-cc|", false},
		{"a=extmap:3 " + twcc + "|a=rtcp-fb:102 transport-cc|", true},
		{"a=extmap:3/sendrecv " + twcc + " x|a=rtcp-fb:* transport-cc|", true},
		{"a=extmap:3 " + twcc + "-02|a=rtcp-fb:* transport-cc|", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.40q", tt.extra), func(t *testing.T) {
			o, err := host.ReadOffer(offer(section("video 102 103", "0", browserVideo+tt.extra)), media.CodecH264)
			if err != nil {
				t.Fatal(err)
			}
			if o.Arrivals != tt.want {
				t.Errorf("feedback is used: %v; want %v", o.Arrivals, tt.want)
			}
		})
	}
}

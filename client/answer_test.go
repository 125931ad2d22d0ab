package client_test

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/wire"
)

// answer makes SDP of sections, each its lines without the line ends.
func answer(sections ...[]string) string {
	lines := []string{"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"}
	for _, s := range sections {
		lines = append(lines, s...)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

func section(kind string, attributes ...string) []string {
	lines := []string{"m=" + kind}
	for _, a := range attributes {
		lines = append(lines, "a="+a)
	}
	return lines
}

const (
	video    = "video 9 UDP/TLS/RTP/SAVPF 102 103"
	noVideo  = "video 0 UDP/TLS/RTP/SAVPF 102"
	audio    = "audio 9 UDP/TLS/RTP/SAVPF 111"
	noAudio  = "audio 0 UDP/TLS/RTP/SAVPF 111"
	channels = "application 9 UDP/DTLS/SCTP webrtc-datachannel"
	noData   = "application 0 UDP/DTLS/SCTP webrtc-datachannel"
)

func TestReadAnswer(t *testing.T) {
	tests := []struct {
		name     string
		raw      string
		sections int
		want     client.Answer
		where    map[uint32]int // SSRC to screen; -2: not known
		err      string
	}{
		{
			name: "everything", sections: 4,
			raw: answer(
				section(video, "mid:0", "ssrc:1 cname:a", "ssrc:1 msid:a b", "ssrc:2 cname:a", "ssrc-group:FID 1 2"),
				section(video, "mid:1", "ssrc:3 cname:a", "ssrc-group:FID 3 4"),
				section(audio, "mid:2", "ssrc:5 cname:a"),
				section(channels, "mid:3")),
			want:  client.Answer{Screens: 2, Sound: true, Data: true, Known: 5},
			where: map[uint32]int{1: 0, 2: 0, 3: 1, 4: 1, 5: client.SoundOnly, 6: -2},
		},
		{
			name: "rejected sections", sections: 4,
			raw: answer(section(video, "ssrc:1 cname:a"), section(noVideo, "ssrc:9 cname:a"),
				section(noAudio, "ssrc:5 cname:a"), section(noData)),
			want:  client.Answer{Screens: 1, Known: 1},
			where: map[uint32]int{1: 0, 9: 0, 77: 0}, // what is not known can only be the one screen's
		},
		{
			name: "second screen only", sections: 3,
			raw:   answer(section(noVideo), section(video), section(noAudio)),
			want:  client.Answer{Screens: 1},
			where: map[uint32]int{1: 1},
		},
		{
			name: "no ssrc lines", sections: 2,
			raw:   answer(section(video), section(audio)),
			want:  client.Answer{Screens: 1, Sound: true},
			where: map[uint32]int{1: 0},
		},
		{
			name: "no ssrc lines on two screens", sections: 2,
			raw:   answer(section(video), section(video)),
			want:  client.Answer{Screens: 2},
			where: map[uint32]int{1: -2},
		},
		{
			name: "extensions with direction", sections: 1,
			raw: answer(section(video, "extmap:3/sendonly "+wire.ExtTWCC, "extmap:4 "+wire.ExtAbsCaptureTime,
				"extmap:5/sendonly "+wire.ExtFrameTiming+" attributes", "extmap:6 urn:of:somebody:else")),
			want: client.Answer{Screens: 1, Ext: receive.ExtIDs{TWCC: 3, AbsCaptureTime: 4, FrameTiming: 5}},
		},
		{
			name: "protected", sections: 2,
			raw: answer(
				section(video+" 118", "rtpmap:102 H264/90000", "rtpmap:118 flexfec-03/90000", "extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
					"ssrc:1 cname:a", "ssrc-group:FID 1 2", "ssrc-group:FEC-FR 1 3", "ssrc-group:FEC-FR 1 x", "ssrc-group:FEC 1 9"),
				section(video, "rtpmap:97 flexfec-03/90000", "ssrc:4 cname:a", "ssrc-group:FEC-FR 4 5")),
			want:  client.Answer{Screens: 2, FEC: true, Known: 5, Ext: receive.ExtIDs{PlayoutDelay: 8}},
			where: map[uint32]int{1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 9: -2},
		},
		{
			name: "absurd numbers", sections: 1,
			raw: answer(section(video, "extmap:0 "+wire.ExtTWCC, "extmap:256 "+wire.ExtTWCC, "extmap:-1 "+wire.ExtTWCC,
				"extmap:"+wire.ExtTWCC, "extmap:7", "extmap: ", "ssrc:4294967296 cname:a", "ssrc:-1 cname:a", "ssrc: a", "ssrc:x",
				"ssrc-group:FID 1 99999999999", "ssrc-group:FID 1", "ssrc-group:FID", "ssrc-group:SIM 7 8", "ssrc-group:FID 1 2 3",
				"ssrc:4294967295 cname:a")),
			want:  client.Answer{Screens: 1, Known: 1},
			where: map[uint32]int{4294967295: 0},
		},
		{name: "no screen", sections: 2, raw: answer(section(noVideo), section(audio)), err: "offers no screen"},
		{name: "too few sections", sections: 3, raw: answer(section(video)), err: "1 sections to our 3"},
		{name: "too many sections", sections: 1, raw: answer(section(video), section(video)), err: "2 sections to our 1"},
		{name: "a port that is none", sections: 1, raw: answer(section("video 99999999999 UDP/TLS/RTP/SAVPF 102")), err: "not SDP"},
		{name: "no SDP", sections: 1, raw: "hello", err: "not SDP"},
		{name: "empty", sections: 1, raw: "", err: "0 sections"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := client.ReadAnswer(tt.raw, tt.sections)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("readAnswer() = %v; want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("readAnswer() = %v; want routes", err)
			}
			if got.Screens != tt.want.Screens || got.Sound != tt.want.Sound || got.Data != tt.want.Data ||
				got.Ext != tt.want.Ext || got.FEC != tt.want.FEC || got.Known != tt.want.Known {
				t.Errorf("readAnswer() = %+v; want %+v", got, tt.want)
			}
			for ssrc, want := range tt.where {
				screen, ok := got.Find(ssrc)
				if !ok {
					screen = -2
				}
				if screen != want {
					t.Errorf("find(%d) = %d; want %d", ssrc, screen, want)
				}
			}
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(answer(section(video, "mid:0", "ssrc:1 cname:a", "ssrc-group:FID 1 2", "extmap:3/sendonly "+wire.ExtTWCC),
		section(audio, "ssrc:5 cname:a"), section(channels)), 3)
	f.Add(answer(section(noVideo), section(video, "ssrc:1 cname:a")), 2)
	f.Fuzz(func(t *testing.T, raw string, sections int) {
		got, err := client.ReadAnswer(raw, sections)
		if err != nil {
			if got != nil || strings.ContainsAny(err.Error(), "\r\n\x1b") {
				t.Errorf("readAnswer() = %v, %q; want nothing but one printable line", got, err)
			}
			return
		}
		if got.Screens < 1 || got.Screens > sections || got.Known > len(raw) {
			t.Errorf("readAnswer() = %+v of %d sections; want 1 to %d screens", got, sections, sections)
		}
		for ssrc := range uint32(8) {
			if screen, ok := got.Find(ssrc); ok && (screen < client.SoundOnly || screen >= sections) {
				t.Errorf("find(%d) = %d; want a screen of the offer", ssrc, screen)
			}
		}
	})
}

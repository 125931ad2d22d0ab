package peer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/peer"
)

const (
	udpCandidate = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw"
	v6Candidate  = "candidate:7 1 udp 2122260223 2001:db8::1 61765 typ host"
	// example is that of RFC 9725, 4.3.2, with another candidate.
	example = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\na=" + udpCandidate + "\r\na=" + v6Candidate + "\r\na=end-of-candidates\r\n"
	description = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v d\r\n" +
		"m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=inactive\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=ice-ufrag:oldu\r\na=ice-pwd:oldoldoldoldoldoldoldold\r\n" +
		"a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\na=end-of-candidates\r\na=sendonly\r\n" +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\na=ice-ufrag:oldu\r\na=ice-pwd:oldoldoldoldoldoldoldold\r\n"
)

func TestParseFrag(t *testing.T) {
	f, err := peer.ParseFrag([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if f.Ufrag != "ysXw" || f.Pwd != "vw5LmwG4y/e6dPP/zAP9Gp5k" || f.Mid != "0" || f.Media != "audio" || !f.End ||
		!slices.Equal(f.Candidates, []string{udpCandidate, v6Candidate}) {
		t.Errorf("ParseFrag(example) = %+v; want what it says", f)
	}
	again, err := peer.ParseFrag([]byte(f.String()))
	if err != nil || again.Ufrag != f.Ufrag || !slices.Equal(again.Candidates, f.Candidates) || !again.End || again.Mid != f.Mid {
		t.Errorf("ParseFrag(String()) = %+v, %v; want %+v", again, err, f)
	}
}

// Names at the session's level, LF alone and sections that repeat are fine.
func TestParseFragTolerates(t *testing.T) {
	for name, text := range map[string]string{
		"session level": "a=ice-ufrag:ysXw\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\nm=video 9 x 0\na=mid:1\n",
		"repeated":      example + example,
		"unknown":       example + "a=something:else\r\na=flag\r\n",
		"mDNS left out": example + "a=candidate:1 1 udp 1 abc.local 5 typ host\r\n",
		"blank lines":   "\r\n" + example + "\r\n",
	} {
		f, err := peer.ParseFrag([]byte(text))
		if err != nil || f.Ufrag != "ysXw" {
			t.Errorf("ParseFrag(%s) = %+v, %v; want ysXw", name, f, err)
		}
		for _, c := range f.Candidates {
			if strings.Contains(c, ".local") {
				t.Errorf("ParseFrag(%s) keeps %q; want addresses only", name, c)
			}
		}
	}
}

func TestParseFragRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":        "",
		"no password":  "a=ice-ufrag:ysXw\r\n",
		"not a frag":   "hello",
		"whole SDP":    description,
		"two bundles":  example + "m=video 9 x 0\r\na=ice-ufrag:other\r\n",
		"short name":   "a=ice-ufrag:ysX\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n",
		"bad letters":  "a=ice-ufrag:ys w\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n",
		"short secret": "a=ice-ufrag:ysXw\r\na=ice-pwd:short\r\n",
		"too long":     example + strings.Repeat("a=x\r\n", 4000),
	} {
		if f, err := peer.ParseFrag([]byte(text)); err == nil {
			t.Errorf("ParseFrag(%s) = %+v; want a refusal", name, f)
		} else if !strings.HasPrefix(err.Error(), "the ICE fragment ") {
			t.Errorf("ParseFrag(%s) = %q; want a sentence about the fragment", name, err)
		}
	}
	f, err := peer.ParseFrag([]byte(example + strings.Repeat("a="+v6Candidate+"\r\n", 200)))
	if err != nil || len(f.Candidates) > 64 {
		t.Errorf("ParseFrag(200 candidates) keeps %d, %v; want at most 64", len(f.Candidates), err)
	}
}

func TestFragWith(t *testing.T) {
	f, err := peer.ParseFrag([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := f.With(description)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(changed, "oldu") || strings.Contains(changed, "10.0.0.1") || strings.Count(changed, "a=ice-ufrag:ysXw\r\n") != 2 ||
		strings.Count(changed, udpCandidate) != 1 || strings.Count(changed, "end-of-candidates") != 1 {
		t.Errorf("With(description) =\n%s\nwant the new names in both accepted sections and the candidates once", changed)
	}
	back, err := peer.FragOf(changed)
	if err != nil || back.Ufrag != "ysXw" || back.Mid != "v" || back.Media != "video" || !back.End || !slices.Equal(back.Candidates, f.Candidates) {
		t.Errorf("FragOf(With()) = %+v, %v; want the fragment of section v", back, err)
	}
	old, err := peer.FragOf(description)
	if err != nil {
		t.Fatal(err)
	}
	if restored, err := old.With(changed); err != nil || strings.Contains(restored, "ysXw") {
		t.Errorf("With() = %v\n%s\nwant the old names back", err, restored)
	}
}

func FuzzParseFrag(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(description))
	f.Add([]byte("a=ice-ufrag:ysXw\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\nm=\n"))
	f.Add([]byte("a=candidate:\r\na=\r\n=\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frag, err := peer.ParseFrag(b)
		if err != nil {
			return
		}
		again, err := peer.ParseFrag([]byte(frag.String()))
		if len(frag.String()) <= peer.MaxFrag && (err != nil || again.Ufrag != frag.Ufrag || again.Pwd != frag.Pwd || !slices.Equal(again.Candidates, frag.Candidates)) {
			t.Errorf("ParseFrag(%q) = %+v, %v; want %+v again", frag.String(), again, err, frag)
		}
		if _, err := frag.With(description); err != nil {
			t.Errorf("With() = %v; want a description", err)
		}
	})
}

func FuzzFragOf(f *testing.F) {
	f.Add(description)
	f.Fuzz(func(t *testing.T, text string) {
		frag, err := peer.FragOf(text)
		if err != nil {
			return
		}
		if _, err := frag.With(text); err != nil {
			t.Errorf("With(%q) = %v; want a description", text, err)
		}
	})
}

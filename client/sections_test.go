package client_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// What a host lists in a section that it rejects means nothing (RFC 3264, 6):
// numbers without a meaning, or none of ours, are no reason to fail.
func TestRejectedFormats(t *testing.T) {
	t.Parallel()
	for _, formats := range []string{"111", "0", "96 97 98", "63 111"} {
		t.Run(formats, func(t *testing.T) {
			t.Parallel()
			h := hosttest.Start(t, hosttest.Config{Sound: true})
			via := newFront(t, h.URL)
			via.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				return r.Method == http.MethodPost && withoutSound(t, w, r, h.URL, formats)
			}
			r := start(t, via.url, func(*client.Config) {})
			r.keyframe(t, 0)
			r.works(t, h)
		})
	}
}

// withoutSound gives the answer of a host, with the sound rejected.
func withoutSound(t *testing.T, w http.ResponseWriter, r *http.Request, host, formats string) bool {
	resp, err := http.Post(host, r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		t.Error(err)
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var d sdp.SessionDescription
	if err == nil {
		err = d.Unmarshal(body)
	}
	if err != nil {
		t.Error(err)
		return false
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media == "audio" {
			mid, _ := m.Attribute("mid")
			m.MediaName.Port.Value, m.MediaName.Formats = 0, strings.Fields(formats)
			m.Attributes = []sdp.Attribute{{Key: "mid", Value: mid}, {Key: "inactive"}}
			for n, a := range d.Attributes {
				if a.Key == "group" {
					d.Attributes[n].Value = strings.Replace(a.Value, " "+mid, "", 1)
				}
			}
		}
	}
	body, err = d.Marshal()
	if err != nil {
		t.Error(err)
		return false
	}
	for name, values := range resp.Header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
	return true
}

// What pion is given has our sections and formats, whatever a host answered.
func FuzzKeepSections(f *testing.F) {
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	const offer = head + "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:0\r\na=rtpmap:102 H264/90000\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=recvonly\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\na=recvonly\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
	f.Add(offer, offer)
	f.Add(strings.NewReplacer("audio 9", "audio 0", "a=rtpmap:111 opus/48000/2\r\n", "").Replace(offer), offer)
	f.Add(strings.ReplaceAll(offer, " 9 ", " 0 "), offer)
	f.Add(head+"m=video 0 RTP/AVP 0\r\n", head+"m=video 9 RTP/AVP 0\r\n")
	f.Fuzz(func(t *testing.T, answer, offer string) {
		kept, err := client.KeepSections(answer, offer)
		if err != nil {
			return
		}
		var a, o, k sdp.SessionDescription
		if err := k.UnmarshalString(kept); err != nil {
			return // what pion will say, too
		}
		if a.UnmarshalString(answer) != nil || o.UnmarshalString(offer) != nil || len(k.MediaDescriptions) != len(o.MediaDescriptions) {
			t.Fatalf("%d sections of %q; want those of %q", len(k.MediaDescriptions), kept, offer)
		}
		for i, m := range k.MediaDescriptions {
			ours := o.MediaDescriptions[i].MediaName
			if m.MediaName.Media != ours.Media {
				t.Errorf("section %d is of %s; want %s", i, m.MediaName.Media, ours.Media)
			}
			if a.MediaDescriptions[i].MediaName.Port.Value != 0 || ours.Media == "application" {
				continue
			}
			_, inactive := m.Attribute("inactive")
			if m.MediaName.String() != ours.String() || !inactive {
				t.Errorf("rejected section %q, inactive %v; want %q", m.MediaName.String(), inactive, ours.String())
			}
		}
	})
}

// Wherever a host sends us, it is to HTTP, never from TLS to where everybody
// can listen, and with a token only where it may go.
func FuzzRedirect(f *testing.F) {
	for _, at := range []string{"http://127.0.0.1:8089/whep", "https://pc.example/whep"} {
		for _, to := range []string{
			"", "/whep/2", "//other.example/x", "https://other.example/whep#x", "http://[::1]:1/", "file:///etc/passwd", "javascript:alert(1)",
			"https://user:pw@other.example/", "http:///x", "http://localhost", "HTTPS://X", "https:opaque", "\\\\other\\x", "https://a\r\nb/",
		} {
			f.Add(at, to, true)
			f.Add(at, to, false)
		}
	}
	f.Fuzz(func(t *testing.T, from, location string, token bool) {
		at, err := url.Parse(from)
		if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			return // not an endpoint, see parseEndpoint
		}
		next, err := client.Redirect(at, location, token)
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\r\n\x00\x1b") && !strings.ContainsAny(from, "\r\n\x00\x1b") {
				t.Errorf("error %q has control characters", s)
			}
			return
		}
		own := func(u *url.URL) bool {
			ip := net.ParseIP(u.Hostname())
			return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
		}
		switch {
		case next.Scheme != "http" && next.Scheme != "https", next.Host == "", next.User != nil, next.Fragment != "":
			t.Errorf("Redirect(%q, %q) = %q", from, location, next)
		case at.Scheme == "https" && next.Scheme != "https":
			t.Errorf("Redirect(%q, %q) = %q; want no way out of TLS", from, location, next)
		case token && next.Scheme != "https" && !(own(at) && own(next)):
			t.Errorf("Redirect(%q, %q) = %q; want no token there", from, location, next)
		}
	})
}

package host_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	frags "github.com/blade-shadow/terminal/internal/peer"
)

const fragType = "application/trickle-ice-sdpfrag"

// restart makes an offer for another path and returns its fragment.
func (p *peer) restart(t *testing.T) (offer webrtc.SessionDescription, frag frags.Frag) {
	t.Helper()
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	offer, err := p.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	frag, err = frags.FragOf(p.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	return offer, frag
}

func (p *peer) patch(t *testing.T, body, match string) (*http.Response, string) {
	t.Helper()
	h := map[string]string{"Content-Type": fragType}
	if match != "" {
		h["If-Match"] = match
	}
	return do(t, http.MethodPatch, p.location, body, h)
}

// A terminal of another make finds another path by the letter of the draft.
func TestPatchRestart(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	first := p.RemoteDescription().SDP
	_, f := p.restart(t)
	resp, body := p.patch(t, f.String(), "*")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != fragType || !strings.HasPrefix(resp.Header.Get("ETag"), `"`) {
		t.Fatalf("PATCH = %s %v: %s; want 200, a fragment and an ETag", resp.Status, resp.Header, body)
	}
	theirs, err := frags.ParseFrag([]byte(body))
	if err != nil || len(theirs.Candidates) == 0 || !theirs.End || strings.Contains(first, theirs.Ufrag) {
		t.Fatalf("PATCH = %q, %v; want new names and all candidates", body, err)
	}
	answer, err := theirs.With(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	for arrived := false; !arrived; { // one that is sent too early is lost
		if err := p.input.Send([]byte("over the new path")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.input.datagrams:
			arrived = true
		case <-time.After(50 * time.Millisecond):
			if t.Context().Err() != nil {
				t.Fatal("the test is over")
			}
		}
	}

	// The same question has the same answer, and the ETag is that of it.
	again, same := p.patch(t, f.String(), `"*"`)
	if again.StatusCode != http.StatusOK || same != body || again.Header.Get("ETag") != resp.Header.Get("ETag") {
		t.Errorf("PATCH again = %s %q; want %q again", again.Status, same, body)
	}
	late := frags.Frag{Ufrag: f.Ufrag, Pwd: f.Pwd, Candidates: []string{"candidate:9 1 udp 1 127.0.0.1 9 typ host"}}
	if resp, body := p.patch(t, late.String(), resp.Header.Get("ETag")); resp.StatusCode != http.StatusNoContent {
		t.Errorf("PATCH with a late candidate = %s: %s; want 204", resp.Status, body)
	}
}

func TestPatchRefuses(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	good := frags.Frag{Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuv"}.String()
	tests := []struct {
		name, path, kind, match, body string
		want                          int
	}{
		{"no such session", "/whep/AAAA", fragType, "*", good, http.StatusNotFound},
		{"SDP", "", "application/sdp", "*", good, http.StatusUnsupportedMediaType},
		{"garbage", "", fragType, "*", "hello", http.StatusBadRequest},
		{"a whole description", "", fragType, "*", p.RemoteDescription().SDP, http.StatusBadRequest},
		{"empty", "", fragType, "*", "", http.StatusBadRequest},
		{"too long", "", fragType, "*", strings.Repeat("a=x\r\n", 10000), http.StatusRequestEntityTooLarge},
		{"no If-Match", "", fragType, "", good, http.StatusPreconditionRequired},
		{"another ETag", "", fragType, `"x"`, good, http.StatusPreconditionFailed},
	}
	for _, tt := range tests {
		url := p.location
		if tt.path != "" {
			url = strings.TrimSuffix(r.url, "/whep") + tt.path
		}
		resp, body := do(t, http.MethodPatch, url, tt.body, map[string]string{"Content-Type": tt.kind, "If-Match": tt.match})
		if resp.StatusCode != tt.want || strings.Count(body, "\n") != 1 {
			t.Errorf("PATCH with %s = %s: %q; want %d and one sentence", tt.name, resp.Status, body, tt.want)
		}
	}
	if p.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Errorf("connection = %v after refused PATCHes; want it to live", p.ConnectionState())
	}
}

// A terminal cannot keep the host busy with nothing but paths.
func TestPatchFlood(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	limited := 0
	for range 200 {
		if resp, _ := p.patch(t, "x", "*"); resp.StatusCode == http.StatusTooManyRequests {
			if resp.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			limited++
		}
	}
	if limited < 100 {
		t.Errorf("%d of 200 PATCHes were refused; want most", limited)
	}
}

// Thousands of candidates make no more checks than a few.
func TestPatchManyCandidates(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	resp, _ := do(t, http.MethodOptions, p.location, "", nil)
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Accept-Patch") != fragType {
		t.Errorf("OPTIONS = %s %v; want 204 and Accept-Patch", resp.Status, resp.Header)
	}
	f := frags.Frag{Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuv"}
	for round := range 8 {
		f.Candidates = nil
		for i := range 60 {
			f.Candidates = append(f.Candidates, fmt.Sprintf("candidate:%d 1 udp 1 127.0.0.1 %d typ host", i, 1000+60*round+i))
		}
		if resp, body := p.patch(t, f.String(), "*"); resp.StatusCode != http.StatusOK {
			t.Fatalf("PATCH = %s: %s", resp.Status, body)
		}
	}
	if n := r.server.Candidates(p.location[strings.LastIndex(p.location, "/")+1:]); n > 32 {
		t.Errorf("%d candidates are taken; want 32 at most", n)
	}
}

// Whose path is dead is taken over from as quickly as others.
func TestTakeOverFromTheSilent(t *testing.T) {
	r := newRig(t, 1, nil)
	first := newPeer(t, 1, webrtc.MimeTypeH264)
	first.connect(t, r.url)
	first.hello(t)
	first.restart(t) // its sockets are closed, and the host is not told of new ones
	for r.server.Connected() {
		time.Sleep(20 * time.Millisecond)
	}
	second := newPeer(t, 1, webrtc.MimeTypeH264)
	begin := time.Now()
	second.connect(t, r.url)
	second.hello(t)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the second terminal had the host after %v; want it at once", took)
	}
}

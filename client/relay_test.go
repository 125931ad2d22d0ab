package client_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// relay stands between a terminal and a host: the terminal's path leads
// through its UDP socket, so that the host can vanish from the network.
type relay struct {
	url   string
	cut   atomic.Bool // nothing gets through any more
	front *net.UDPConn
	back  *net.UDPConn // connected to the host; nil before the answer
	peer  atomic.Pointer[net.UDPAddr]

	offer  func(string) string // changes the offer on its way
	answer func(string) string // and the answer
}

var candidate = regexp.MustCompile(`a=candidate:(\S+ 1 udp \d+) 127\.0\.0\.1 (\d+) typ host[^\r]*\r\n`)

func newRelay(t *testing.T, host string) *relay {
	t.Helper()
	r := &relay{offer: func(s string) string { return s }, answer: func(s string) string { return s }}
	var err error
	if r.front, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whep", func(w http.ResponseWriter, req *http.Request) { r.post(t, w, req, host) })
	mux.HandleFunc("DELETE /whep/{id}", func(_ http.ResponseWriter, req *http.Request) {
		<-req.Context().Done() // a host that is gone does not answer
	})
	srv := httptest.NewServer(mux)
	r.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		_ = r.front.Close()
		if r.back != nil {
			_ = r.back.Close()
		}
	})
	return r
}

func (r *relay) post(t *testing.T, w http.ResponseWriter, req *http.Request, host string) {
	raw, _ := io.ReadAll(req.Body)
	offer := r.offer(candidates.ReplaceAllString(string(raw), ""))
	resp, err := http.Post(host, "application/sdp", strings.NewReader(offer))
	if err != nil {
		t.Errorf("POST to the host = %v", err)
		return
	}
	defer resp.Body.Close()
	raw, _ = io.ReadAll(resp.Body)
	answer := string(raw)
	found := candidate.FindStringSubmatch(answer)
	if found == nil {
		t.Errorf("answer names no candidate: %s\n%s", resp.Status, answer)
		return
	}
	port, _ := strconv.Atoi(found[2])
	if r.back, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err != nil {
		t.Error(err)
		return
	}
	go r.forward()
	go r.backward()
	ours := "a=candidate:" + found[1] + " 127.0.0.1 " + strconv.Itoa(r.front.LocalAddr().(*net.UDPAddr).Port) + " typ host\r\n"
	answer = strings.Replace(answer, found[0], ours, 1)
	answer = others.ReplaceAllStringFunc(answer, func(line string) string {
		if line == ours {
			return line
		}
		return ""
	})
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", resp.Header.Get("Location"))
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, r.answer(answer))
}

var (
	candidates = regexp.MustCompile(`a=(candidate:[^\r]*|end-of-candidates)\r\n`)
	others     = regexp.MustCompile(`a=candidate:[^\r]*\r\n`)
)

// forward carries packets to the host until the sockets close.
func (r *relay) forward() {
	buf := make([]byte, 65536)
	for {
		n, from, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		r.peer.Store(from)
		if !r.cut.Load() {
			_, _ = r.back.Write(buf[:n])
		}
	}
}

// backward carries them back.
func (r *relay) backward() {
	buf := make([]byte, 65536)
	for {
		n, err := r.back.Read(buf)
		if err != nil {
			return
		}
		if to := r.peer.Load(); to != nil && !r.cut.Load() {
			_, _ = r.front.WriteToUDP(buf[:n], to)
		}
	}
}

// A host that vanishes is noticed after 1 s. One that cannot change the path
// within the session is given 4 s to come back.
func TestHostVanishes(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newRelay(t, h.URL)
	r := start(t, via.url, nil)
	r.keyframe(t, 0)
	via.cut.Store(true)
	cut := time.Now()
	err := r.failure(t)
	took := time.Since(cut)
	if !strings.Contains(err.Error(), "lost") || err.Final || err.Hint == "" || err.Stage != client.StageLive {
		t.Errorf("Run() = %v in stage %v, final %v, hint %q; want a path lost while live, with a hint", err, err.Stage, err.Final, err.Hint)
	}
	if took < time.Second || took > 9*time.Second {
		t.Errorf("the end was noticed after %v; want about 6 s (1 s, 4 s and 1 s for a DELETE)", took)
	}
}

// A path that is cut for a moment is said to be silent, and the session goes on.
func TestSilence(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newRelay(t, h.URL)
	silent := make(chan bool, 16)
	r := start(t, via.url, func(cfg *client.Config) { cfg.OnSilence = func(s bool) { silent <- s } })
	r.keyframe(t, 0)
	via.cut.Store(true)
	for want := range slices.Values([]bool{true, false}) {
		for got := !want; got != want; {
			got = hosttest.Within(t, silent, fmt.Sprintf("OnSilence(%v)", want))
		}
		via.cut.Store(false)
	}
	n := r.taken.Load()
	hosttest.Until(t, "pictures come again", func() bool { return r.taken.Load() > n+10 })
}

// A firewall: the answer comes, and then nothing gets through.
func TestNoPath(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newRelay(t, h.URL)
	via.cut.Store(true)
	err := startPatient(t, via.url, nil, 500*time.Millisecond).failure(t)
	if want := "no path to the host was found within 500ms"; err.Stage != client.StageConnect || err.Final || !strings.Contains(err.Hint, "UDP") || err.Error() != want {
		t.Errorf("Run() = %v in stage %v, final %v, hint %q; want %q, and UDP named", err, err.Stage, err.Final, err.Hint, want)
	}
}

// Whoever changes the fingerprint in the answer gets no session.
func TestForeignFingerprint(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newRelay(t, h.URL)
	via.answer = func(s string) string {
		return fingerprint.ReplaceAllString(s, "a=fingerprint:sha-256 "+strings.Repeat("AB:", 31)+"AB\r\n")
	}
	r := start(t, via.url, nil)
	err := r.failure(t)
	if err.Stage != client.StageConnect || err.Hint == "" || !strings.Contains(err.Error(), "could not be secured") {
		t.Errorf("Run() = %v in stage %v, hint %q; want a path that could not be secured", err, err.Stage, err.Hint)
	}
	if n := r.taken.Load(); n != 0 {
		t.Errorf("%d pictures came from a host that is not the one that answered; want none", n)
	}
}

var fingerprint = regexp.MustCompile(`a=fingerprint:sha-256 [0-9A-F:]+\r\n`)

// A host that knows nothing of our channels can still be shown.
func TestHostWithoutChannels(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newRelay(t, h.URL)
	via.offer = func(s string) string { return strings.Replace(s, "UDP/DTLS/SCTP", "UDP/TLS/RTP/SAVPF", 1) }
	via.answer = func(s string) string {
		return strings.Replace(s, "m=application 0 UDP/TLS/RTP/SAVPF", "m=application 0 UDP/DTLS/SCTP", 1)
	}
	r := start(t, via.url, nil)
	r.keyframe(t, 0)
	hosttest.Until(t, "pictures go on", func() bool { return r.taken.Load() > 10 })
	r.Focus(false)
	r.cancel()
	_ = r.end()
	if r.RTT() != 0 {
		t.Errorf("RTT() = %v without a control channel; want 0", r.RTT())
	}
}

package netlab_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/peer"
)

// newPeer returns a connection on loopback; net nil is the kernel's.
func newPeer(t *testing.T, n transport.Net) *webrtc.PeerConnection {
	t.Helper()
	return newPeerWith(t, peer.Config{Loopback: true, Net: n})
}

func newPeerWith(t *testing.T, cfg peer.Config) *webrtc.PeerConnection {
	t.Helper()
	se, err := peer.Settings(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := peer.API(&webrtc.MediaEngine{}, se).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

// echoServer answers offers with a peer that echoes what comes over data
// channels. An offer on the resource restarts ICE. It keeps what it was sent.
type echoServer struct {
	t      *testing.T
	pc     *webrtc.PeerConnection
	offers []string
	header http.Header
}

func (s *echoServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.header = req.Header.Clone()
	body, _ := io.ReadAll(req.Body)
	switch req.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "a=candidate:1 1 udp 1 192.0.2.1 1 typ host, but %s is a page", req.URL)
		return
	case http.MethodPatch, http.MethodPost:
		s.offers = append(s.offers, string(body))
		sdp, err := answer(s.pc, string(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "http://"+req.Host+"/whep/1")
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, sdp)
	case http.MethodDelete:
		_ = s.pc.Close()
	}
}

func answer(pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		return "", err
	}
	<-done
	return pc.LocalDescription().SDP, nil
}

// call makes an offer, sends it and takes the answer.
func call(t *testing.T, pc *webrtc.PeerConnection, method, url string, restart bool) *http.Response {
	t.Helper()
	offer, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	req, err := http.NewRequest(method, url, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		t.Fatalf("%s = %s: %s", method, resp.Status, body)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses(t, body) {
		if a.Addr() != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("answer names %v; want the relay only", a)
		}
	}
	return resp
}

// TestRelayBetweenPeers has two foreign peers meet through the relay, talk,
// restart ICE and part; none of them knows the other's address.
func TestRelayBetweenPeers(t *testing.T) {
	const delay = 20 * time.Millisecond
	c := netlab.Conditions{Delay: delay}
	far := &echoServer{t: t, pc: newPeer(t, nil)}
	far.pc.OnDataChannel(echo)
	server := httptest.NewServer(far)
	defer server.Close()
	r := startRelay(t, netlab.RelayConfig{To: server.URL + "/whep", Profile: netlab.Profile{Name: "x", Up: c, Down: c}})
	front := httptest.NewServer(r)
	defer front.Close()

	pc := newPeer(t, nil)
	dc, err := pc.CreateDataChannel("echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan io.ReadWriteCloser, 1)
	dc.OnOpen(func() {
		if raw, err := dc.Detach(); err == nil {
			opened <- raw
		}
	})
	resp := call(t, pc, http.MethodPost, front.URL+"/whep", false)
	if at := resp.Header.Get("Location"); at != "/whep/1" {
		t.Errorf("Location = %q; want it beneath the relay", at)
	}
	if got := far.header.Get("Authorization"); got != "Bearer token" {
		t.Errorf("Authorization = %q; want it passed on", got)
	}
	var raw io.ReadWriteCloser
	select {
	case raw = <-opened:
	case <-time.After(20 * time.Second):
		t.Fatalf("no connection through the relay: %+v", r.Stats())
	}
	if took := ping(t, raw); took < 2*delay {
		t.Errorf("round trip = %v; want %v or more", took, 2*delay)
	}
	before := r.Stats().Up.Packets
	call(t, pc, http.MethodPatch, front.URL+"/whep/1", true)
	for range 5 {
		ping(t, raw)
	}
	if after := r.Stats(); after.Up.Packets < before+5 {
		t.Errorf("after the restart %d packets passed; want 5 or more", after.Up.Packets-before)
	}
	own := ownAddresses(pc)
	for i, offer := range far.offers {
		for _, a := range addresses(t, []byte(offer)) {
			if own[a] {
				t.Errorf("offer %d names the viewer's own %v", i, a)
			}
		}
	}
	req, _ := http.NewRequest(http.MethodDelete, front.URL+"/whep/1", nil)
	if resp, err = http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE = %v, %v", resp, err)
	}
	resp.Body.Close()
}

// ownAddresses returns the peer's own candidates.
func ownAddresses(pc *webrtc.PeerConnection) map[netip.AddrPort]bool {
	own := map[netip.AddrPort]bool{}
	for line := range strings.Lines(pc.LocalDescription().SDP) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
			if a, err := netip.ParseAddrPort(net.JoinHostPort(f[4], f[5])); err == nil {
				own[a] = true
			}
		}
	}
	return own
}

// TestRelayWhereTheViewerServes has a host call a viewer: what the caller
// sends goes down.
func TestRelayWhereTheViewerServes(t *testing.T) {
	far := &echoServer{t: t, pc: newPeer(t, nil)}
	server := httptest.NewServer(far)
	defer server.Close()
	r := startRelay(t, netlab.RelayConfig{To: server.URL, ViewerServes: true})
	front := httptest.NewServer(r)
	defer front.Close()
	pc := newPeer(t, nil)
	dc, err := pc.CreateDataChannel("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	const size = 50_000
	dc.OnOpen(func() {
		if raw, err := dc.Detach(); err == nil {
			_, _ = raw.Write(make([]byte, size))
		}
	})
	call(t, pc, http.MethodPost, front.URL, false)
	eventually(t, "through", func() bool { return r.Stats().Down.Bytes > size })
	if s := r.Stats(); s.Up.Packets == 0 || s.Up.Bytes > size/2 {
		t.Errorf("Stats() = %+v; want little but something up", s)
	}
}

func TestRelayPassesPagesOn(t *testing.T) {
	far := &echoServer{t: t, pc: newPeer(t, nil)}
	server := httptest.NewServer(far)
	defer server.Close()
	r := startRelay(t, netlab.RelayConfig{To: server.URL})
	front := httptest.NewServer(r)
	defer front.Close()
	req, _ := http.NewRequest(http.MethodGet, front.URL+"/page?x=1", nil)
	req.Header.Set("Origin", front.URL)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if want := "a=candidate:1 1 udp 1 192.0.2.1 1 typ host, but /page?x=1 is a page"; string(body) != want {
		t.Errorf("page = %q; want %q", body, want)
	}
	if got := far.header.Get("Origin"); got != server.URL {
		t.Errorf("Origin of the relay's own page = %q; want the server's", got)
	}
	req.Header.Set("Origin", "http://elsewhere.example")
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := far.header.Get("Origin"); got != "http://elsewhere.example" {
		t.Errorf("Origin of another page = %q; want it unchanged", got)
	}
	long := strings.NewReader(strings.Repeat("a", 1<<20))
	if resp, err = http.Post(front.URL, "application/sdp", long); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("POST of a megabyte = %v, %v; want 413", resp, err)
	}
	resp.Body.Close()
	server.Close()
	if resp, err = http.Get(front.URL); err != nil || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("GET with the server gone = %v, %v; want 502", resp, err)
	}
	resp.Body.Close()
}

// negotiate has a offer, with new candidates, and b answer.
func negotiate(t *testing.T, a, b *webrtc.PeerConnection, restart bool) {
	t.Helper()
	offer, err := a.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(a)
	if err := a.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	sdp, err := answer(b, a.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		t.Fatal(err)
	}
}

// connect joins two peers and returns a's end of a data channel that b echoes.
func connect(t *testing.T, a, b *webrtc.PeerConnection) io.ReadWriteCloser {
	t.Helper()
	b.OnDataChannel(echo)
	dc, err := a.CreateDataChannel("echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan io.ReadWriteCloser, 1)
	dc.OnOpen(func() {
		if raw, err := dc.Detach(); err == nil {
			opened <- raw
		}
	})
	negotiate(t, a, b, false)
	select {
	case raw := <-opened:
		return raw
	case <-time.After(20 * time.Second):
		t.Fatal("no connection")
		return nil
	}
}

// echo sends back what comes over a data channel.
func echo(dc *webrtc.DataChannel) {
	dc.OnOpen(func() {
		raw, err := dc.Detach()
		if err != nil {
			return
		}
		go func() {
			buf := make([]byte, 1000)
			for n, err := raw.Read(buf); err == nil; n, err = raw.Read(buf) {
				_, _ = raw.Write(buf[:n])
			}
		}()
	})
}

// ping sends a message to an echo and returns how long it was on its way.
func ping(t *testing.T, raw io.ReadWriteCloser) time.Duration {
	t.Helper()
	start := time.Now()
	if _, err := raw.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := raw.Read(buf); err != nil || string(buf[:n]) != "ping" {
		t.Fatalf("echo = %q, %v", buf[:n], err)
	}
	return time.Since(start)
}

// TestNetUnderPeers puts a Net under a real peer connection.
func TestNetUnderPeers(t *testing.T) {
	const delay = 20 * time.Millisecond
	n := netlab.NewNet(nil, 1, netlab.Profile{Up: netlab.Conditions{Delay: delay}, Down: netlab.Conditions{Delay: delay}})
	a, b := newPeer(t, n), newPeer(t, nil)
	if took := ping(t, connect(t, a, b)); took < 2*delay {
		t.Errorf("round trip = %v; want %v or more", took, 2*delay)
	}
	_, _ = a.Close(), b.Close()
	n.Wait()
	if up, down := n.Stats(); up.Arrived == 0 || down.Arrived == 0 {
		t.Errorf("Stats() = %+v, %+v", up, down)
	}
}

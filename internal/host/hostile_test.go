package host_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

var sdpHeader = map[string]string{"Content-Type": "application/sdp"}

// A storm of offers gets answers or 503, and leaves nothing behind.
func TestOfferStorm(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	r := newRig(t, 1, nil)
	offer := newPeer(t, 1, webrtc.MimeTypeH264).offer(t)
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	var answered, busy atomic.Int32
	for range 40 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, strings.NewReader(offer))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/sdp")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusCreated:
				answered.Add(1)
			case http.StatusServiceUnavailable:
				busy.Add(1)
			default:
				t.Errorf("POST = %s; want 201 or 503", resp.Status)
			}
		})
	}
	all.Wait()
	if answered.Load() == 0 {
		t.Errorf("%d offers answered, %d refused; want some answered", answered.Load(), busy.Load())
	}
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, p))
	if n := r.source.open.Load(); n != 1 {
		t.Errorf("%d videos are open after the storm; want 1", n)
	}
	if err := p.GracefulClose(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	settle(t, before)
}

// Strangers that hold connections open get no more than their number.
func TestCrowd(t *testing.T) {
	r := newRig(t, 1, nil)
	address := strings.TrimSuffix(strings.TrimPrefix(r.url, "http://"), "/whep")
	var crowd []net.Conn
	defer func() {
		for _, c := range crowd {
			_ = c.Close()
		}
	}()
	var d net.Dialer
	for range host.MaxConns + 1 {
		c, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, c)
	}
	last := crowd[len(crowd)-1]
	if err := last.SetReadDeadline(time.Now().Add(4 * time.Second)); err != nil { // less than the header's time
		t.Fatal(err)
	}
	var late net.Error
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
		t.Errorf("Read() of connection %d = %v; want it closed", len(crowd), err)
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); ; { // places come back when the host sees it
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, r.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("OPTIONS after the crowd has gone = %v; want an answer", err)
		}
	}
}

// A terminal that answers connectivity checks but no DTLS blocks nobody.
func TestTakeoverOfStalledHandshake(t *testing.T) {
	r := newRig(t, 1, nil)
	silent := newPeer(t, 1, webrtc.MimeTypeH264)
	sdp := silent.offer(t)
	agent, err := ice.NewAgentWithOptions(ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}), ice.WithIncludeLoopback())
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	ufrag, pwd, err := agent.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	gathered := make(chan struct{})
	if err := agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(gathered)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := agent.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	within(t, gathered, "candidates")
	resp, answer := do(t, http.MethodPost, r.url, replaceLines(sdp, "a=ice-ufrag:", ufrag, "a=ice-pwd:", pwd), sdpHeader)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST = %s: %s; want 201", resp.Status, answer)
	}
	for line := range strings.Lines(answer) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "a=candidate:"); ok {
			c, err := ice.UnmarshalCandidate(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := agent.AddRemoteCandidate(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := agent.Dial(ctx, valueOf(answer, "a=ice-ufrag:"), valueOf(answer, "a=ice-pwd:")); err != nil {
		t.Fatalf("Dial() = %v; want checks to succeed", err)
	}

	start := time.Now()
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, p))
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the next terminal waited %v; want less than 5s", d)
	}
}

func valueOf(sdp, key string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key); ok {
			return v
		}
	}
	return ""
}

// replaceLines gives every line that starts with a key the value after it.
func replaceLines(sdp string, keyValues ...string) string {
	for i := 0; i < len(keyValues); i += 2 {
		old := keyValues[i] + valueOf(sdp, keyValues[i])
		sdp = strings.ReplaceAll(sdp, old, keyValues[i]+keyValues[i+1])
	}
	return sdp
}

// Channels that are not ours are closed, however many, and ours still work.
func TestForeignChannels(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	closed := make(chan struct{}, 64)
	foreign := func(n int) {
		t.Helper()
		for range n {
			dc, err := p.CreateDataChannel("foreign", nil)
			if err != nil {
				t.Fatal(err)
			}
			dc.OnClose(func() { closed <- struct{}{} })
		}
	}
	foreign(20)
	p.connect(t, r.url)
	p.hello(t)
	for range 20 {
		within(t, closed, "a foreign channel to close")
	}
	if err := p.input.Send([]byte("key")); err != nil {
		t.Fatal(err)
	}
	within(t, r.input.datagrams, "input")
	foreign(20)
	if got := p.bye(t); got.Code != wire.ByeProtocolError || !strings.Contains(got.Reason, "channels") {
		t.Errorf("BYE after 40 foreign channels = %+v; want %v", got, wire.ByeProtocolError)
	}
}

func TestHelloComesFirst(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	if err := p.control.Send(wire.AppendPing(nil, 1)); err != nil {
		t.Fatal(err)
	}
	if got := p.bye(t); got.Code != wire.ByeProtocolError || !strings.Contains(got.Reason, "HELLO") {
		t.Errorf("BYE after PING before HELLO = %+v; want %v", got, wire.ByeProtocolError)
	}
}

// An encoder that fails says why, at the start and in mid-session.
func TestEncoderFailureIsTold(t *testing.T) {
	var broken atomic.Bool
	missing := true // one session after another: no lock is needed
	r := newRig(t, 1, func(c *host.Config) {
		c.OpenEncoder = func(host.EncoderConfig) (host.Encoder, error) {
			if missing {
				missing = false
				return nil, errors.New("no encoder today")
			}
			return &fakeEncoder{broken: &broken}, nil
		}
	})
	first := newPeer(t, 1, webrtc.MimeTypeH264)
	first.connect(t, r.url)
	if got := first.bye(t); got.Code != wire.ByeSourceEnded || !strings.Contains(got.Reason, "no encoder today") {
		t.Errorf("BYE = %+v; want %v with the reason", got, wire.ByeSourceEnded)
	}
	second := newPeer(t, 1, webrtc.MimeTypeH264)
	second.connect(t, r.url)
	second.hello(t)
	nextKeyframe(t, videoTrack(t, second))
	broken.Store(true)
	if got := second.bye(t); got.Code != wire.ByeSourceEnded || !strings.Contains(got.Reason, "no encoder any more") {
		t.Errorf("BYE = %+v; want %v with the reason", got, wire.ByeSourceEnded)
	}
}

// A device that fails takes the input channel with it, not the picture.
func TestInputFailureClosesChannel(t *testing.T) {
	r := newRig(t, 1, nil)
	r.input.broken = make(chan error, 1)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	closed := make(chan struct{})
	p.input.OnClose(func() { close(closed) })
	p.connect(t, r.url)
	tr := videoTrack(t, p)
	nextKeyframe(t, tr)
	r.input.broken <- errors.New("unplugged")
	within(t, closed, "the input channel to close")
	p.requestKeyframe(t, tr.SSRC())
	nextKeyframe(t, tr)
}

// Limits near zero are limits, also when screens share them.
func TestLowestRates(t *testing.T) {
	r := newRig(t, 2, nil)
	p := newPeer(t, 2, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	if err := p.control.Send(wire.AppendSetBitrate(nil, wire.SetBitrate{Screen: wire.AllScreens, MaxBps: 1})); err != nil {
		t.Fatal(err)
	}
	least := func(bps int) bool { return bps == media.MinBitrate }
	for range 2 {
		rateUntil(t, r.rates, "the lowest rate", least)
	}
	if err := p.control.Send(wire.AppendSetBitrate(nil, wire.SetBitrate{Screen: wire.AllScreens})); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rateUntil(t, r.rates, "a higher rate", func(bps int) bool { return bps > media.MinBitrate })
	}
	remb := &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1, SSRCs: []uint32{uint32(videoTrack(t, p).SSRC())}}
	if err := p.WriteRTCP([]rtcp.Packet{remb}); err != nil {
		t.Fatal(err)
	}
	rateUntil(t, r.rates, "the lowest rate", least)
}

// An encoder that starts anew for each rate is not asked to all the time.
func TestRateFlood(t *testing.T) {
	r := newRig(t, 1, func(c *host.Config) {
		rates := make(chan int, 16)
		c.OpenEncoder = func(host.EncoderConfig) (host.Encoder, error) { return &fakeEncoder{rates: rates, anew: true}, nil }
		c.OpenAudioEncoder = nil
		t.Cleanup(func() {
			if n := len(rates); n == 0 || n > 3 {
				t.Errorf("%d changes of rate within 1.5 s; want 1 to 3", n)
			}
		})
	})
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range 1500 {
		<-tick.C
		rate := wire.SetBitrate{MaxBps: uint32(1_000_000 * (1 + i%2*4))}
		if err := p.control.Send(wire.AppendSetBitrate(nil, rate)); err != nil {
			t.Fatal(err)
		}
	}
}

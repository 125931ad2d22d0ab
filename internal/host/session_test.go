package host_test

import (
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// nextKeyframe reads packets until one starts an IDR slice and returns how
// many were read.
func nextKeyframe(t *testing.T, tr *webrtc.TrackRemote) (packets int) {
	t.Helper()
	if err := tr.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			t.Fatalf("waiting for a keyframe: %v", err)
		}
		packets++
		if isKeyframe(p) {
			return packets
		}
	}
}

// restOfPicture reads on to a picture's last packet.
func restOfPicture(t *testing.T, tr *webrtc.TrackRemote) {
	t.Helper()
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			t.Fatalf("waiting for the end of a picture: %v", err)
		}
		if p.Marker {
			return
		}
	}
}

// isKeyframe reports an FU-A that starts an IDR slice: the fake encoder's
// keyframes are of that shape.
func isKeyframe(p *rtp.Packet) bool {
	return len(p.Payload) > 2 && p.Payload[0]&0x1f == 28 && p.Payload[1] == 0x85
}

func videoTrack(t *testing.T, p *peer) *webrtc.TrackRemote {
	t.Helper()
	for {
		if tr := within(t, p.tracks, "a video track"); tr.Kind() == webrtc.RTPCodecTypeVideo {
			return tr
		}
	}
}

func TestSession(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)

	tr := videoTrack(t, p)
	nextKeyframe(t, tr)
	for range 30 { // no other keyframe by itself
		pkt, _, err := tr.ReadRTP()
		if err != nil || isKeyframe(pkt) {
			t.Fatalf("ReadRTP() = keyframe %v, %v; want a plain picture", err == nil, err)
		}
	}
	p.requestKeyframe(t, tr.SSRC())
	nextKeyframe(t, tr)

	if err := p.input.Send([]byte("key down")); err != nil {
		t.Fatal(err)
	}
	if got := within(t, r.input.datagrams, "input"); got != "key down" {
		t.Errorf("input = %q; want %q", got, "key down")
	}
	if got := within(t, p.replies, "an acknowledgement"); string(got) != "key down" {
		t.Errorf("reply = %q; want %q", got, "key down")
	}
	if !r.input.channel.SameMachine {
		t.Error("SameMachine = false; want true on loopback")
	}
}

func TestControl(t *testing.T) {
	r := newRig(t, 2, nil)
	p := newPeer(t, 2, webrtc.MimeTypeH264)
	p.connect(t, r.url)

	send := func(b []byte) {
		t.Helper()
		if err := p.control.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	send(wire.AppendHello(nil, wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion, Screens: 2, Program: "test"}))
	m, _, err := wire.ParseMessage(within(t, p.messages, "HELLO_ACK"))
	if err != nil {
		t.Fatal(err)
	}
	ack, err := m.HelloAck()
	if err != nil || len(ack.Screens) != 2 || ack.Screens[1].Width != 64 || ack.Host != "fake" {
		t.Errorf("HELLO_ACK = %+v, %v; want two screens of 64 pixels on fake", ack, err)
	}

	send(wire.AppendPing(nil, 42))
	if m, _, err = wire.ParseMessage(within(t, p.messages, "PONG")); err != nil {
		t.Fatal(err)
	}
	pong, err := m.Pong()
	if err != nil || pong.Echo != 42 || time.Since(pong.Wall).Abs() > time.Minute {
		t.Errorf("PONG = %+v, %v; want echo 42 and the time", pong, err)
	}

	send(wire.AppendSetBitrate(nil, wire.SetBitrate{Screen: 1, MaxBps: 1_000_000}))
	rateUntil(t, r.rates, "what SET_BITRATE says", func(bps int) bool { return bps == 1_000_000 })

	tr := videoTrack(t, p)
	remb := &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1_000_000, SSRCs: []uint32{uint32(tr.SSRC())}}
	if err := p.WriteRTCP([]rtcp.Packet{remb}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // each screen gets its share
		rateUntil(t, r.rates, "half of what REMB says, less what is no picture", func(bps int) bool {
			return bps >= media.MinBitrate && bps <= 500_000
		})
	}

	send([]byte{byte(wire.MessageHello), 0, 1, 0, 9}) // too short
	if got := p.bye(t); got.Code != wire.ByeProtocolError {
		t.Errorf("BYE after a malformed message = %+v; want %v", got, wire.ByeProtocolError)
	}
}

func TestTakeover(t *testing.T) {
	r := newRig(t, 1, nil)
	first := newPeer(t, 1, webrtc.MimeTypeH264)
	first.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, first))

	second := newPeer(t, 1, webrtc.MimeTypeH264)
	second.connect(t, r.url)
	if got := first.bye(t); got.Code != wire.ByeTakenOver {
		t.Errorf("BYE = %+v; want %v", got, wire.ByeTakenOver)
	}
	nextKeyframe(t, videoTrack(t, second))
	if n := r.source.open.Load(); n != 1 {
		t.Errorf("%d videos are open; want 1", n)
	}
}

func TestShutdownSaysBye(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	start := time.Now()
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("Run() ended after %v; want less than 1s", d)
	}
	if got := p.bye(t); got.Code != wire.ByeHostShutdown {
		t.Errorf("BYE = %+v; want %v", got, wire.ByeHostShutdown)
	}
}

func TestDelete(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, p))
	resp, _ := do(t, http.MethodDelete, p.location, "", nil)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE = %s; want 200", resp.Status)
	}
	for within(t, p.states, "the connection to close") != webrtc.PeerConnectionStateClosed {
	}
	resp, _ = do(t, http.MethodDelete, p.location+"x", "", nil)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("DELETE of another session = %s; want 404", resp.Status)
	}
}

func TestNothingIsLeft(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	r := newRig(t, 1, nil)
	for range 3 {
		p := newPeer(t, 1, webrtc.MimeTypeH264)
		p.connect(t, r.url)
		tr := videoTrack(t, p)
		nextKeyframe(t, tr)
		restOfPicture(t, tr)
		if err := p.GracefulClose(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	settle(t, before)
	if n := r.source.open.Load(); n != 0 {
		t.Errorf("%d videos are open; want 0", n)
	}
	sum := r.server.Summary("shadow-host", "test")
	if len(sum.Screens) != 1 || sum.Sessions != 3 || sum.Screens[0].Sent == 0 || sum.Screens[0].Encoder != "fake" {
		t.Errorf("Summary() = %+v; want 3 sessions with pictures", sum)
	}
}

func TestHEVCFirst(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH265, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	if got := videoTrack(t, p).Codec().MimeType; got != webrtc.MimeTypeH265 {
		t.Errorf("codec = %s; want H265, the first of the offer", got)
	}
}

var _ host.Encoder = (*fakeEncoder)(nil)

// A terminal that asks and never connects must not block the next one.
func TestTakeoverOfUnconnected(t *testing.T) {
	r := newRig(t, 1, nil)
	silent := newPeer(t, 1, webrtc.MimeTypeH264)
	resp, _ := do(t, http.MethodPost, r.url, silent.offer(t), map[string]string{"Content-Type": "application/sdp"})
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST = %s; want 201", resp.Status)
	}
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, p))
}

// An encoder that fails ends the session with a reason, not the host.
func TestEncoderFails(t *testing.T) {
	fail := true // one session after another: no lock is needed
	r := newRig(t, 1, func(c *host.Config) {
		open := c.OpenEncoder
		c.OpenEncoder = func(e host.EncoderConfig) (host.Encoder, error) {
			if fail {
				fail = false
				return nil, errors.New("no encoder today")
			}
			return open(e)
		}
	})
	first := newPeer(t, 1, webrtc.MimeTypeH264)
	resp, _ := do(t, http.MethodPost, r.url, first.offer(t), map[string]string{"Content-Type": "application/sdp"})
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST = %s; want 201", resp.Status)
	}
	second := newPeer(t, 1, webrtc.MimeTypeH264)
	second.connect(t, r.url)
	nextKeyframe(t, videoTrack(t, second))
}

// frameNumbers reads packets until n frames ended and returns their numbers.
func frameNumbers(t *testing.T, p *peer, tr *webrtc.TrackRemote, n int) (numbers []uint32) {
	t.Helper()
	id := uint8(0)
	for _, e := range p.GetReceivers()[0].GetParameters().HeaderExtensions {
		if e.URI == wire.ExtFrameTiming {
			id = uint8(e.ID)
		}
	}
	for len(numbers) < n {
		pkt, _, err := tr.ReadRTP()
		if err != nil {
			t.Fatal(err)
		}
		if b := pkt.GetExtension(id); b != nil {
			ft, err := wire.ParseFrameTiming(b)
			if err != nil || !pkt.Marker {
				t.Fatalf("frame-timing = %v, marker %v; want one on the last packet", err, pkt.Marker)
			}
			numbers = append(numbers, ft.Frame)
		}
	}
	return numbers
}

// A source that goes away and comes back starts counting anew; the terminal
// sees one count and a keyframe.
func TestSourceComesBack(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	tr := videoTrack(t, p)
	nextKeyframe(t, tr)
	before := frameNumbers(t, p, tr, 10)
	r.source.gone.Store(true)
	after := frameNumbers(t, p, tr, 20)
	all := append(before, after...)
	for i := 1; i < len(all); i++ {
		if all[i] <= all[i-1] {
			t.Fatalf("frame numbers = %v; want them to grow", all)
		}
	}
}

func TestSizeChange(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	tr := videoTrack(t, p)
	nextKeyframe(t, tr)
	p.hello(t)
	r.source.half.Store(true)
	m, _, err := wire.ParseMessage(within(t, p.messages, "SCREEN"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Screen()
	want := wire.Screen{Width: 32, Height: 32, MilliFPS: 60_000, Codec: media.CodecH264}
	if err != nil || got != want {
		t.Errorf("SCREEN = %+v, %v; want %+v", got, err, want)
	}
	nextKeyframe(t, tr)
}

// rateUntil waits for a rate that is as wanted: the path's estimate moves, too.
func rateUntil(t *testing.T, rates <-chan int, what string, wanted func(bps int) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if wanted(within(t, rates, what)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

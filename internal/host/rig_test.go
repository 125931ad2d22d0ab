package host_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// fakeSource has screens of 64x64 at 60 Hz and a silent sound.
type fakeSource struct {
	screens atomic.Int32
	open    atomic.Int32 // videos that are open
	gone    atomic.Bool  // the next picture is not there any more, once
	half    atomic.Bool  // pictures have half the size
}

func (f *fakeSource) Name() string { return "fake" }

func (f *fakeSource) Screens() []source.Screen {
	all := make([]source.Screen, f.screens.Load())
	for i := range all {
		all[i] = source.Screen{Index: i, Width: 64, Height: 64, FPS: 60, Bounds: image.Rect(0, 0, 64, 64)}
	}
	return all
}

func (f *fakeSource) OpenVideo(screen int) (source.Video, error) {
	f.open.Add(1)
	v := &fakeVideo{source: f, frame: media.AllocFrame(media.I420, 64, 64), tick: time.NewTicker(time.Second / 60)}
	v.frame.Screen = screen
	return v, nil
}

func (f *fakeSource) OpenAudio() (source.Audio, error) {
	return &fakeAudio{tick: time.NewTicker(5 * time.Millisecond)}, nil
}
func (f *fakeSource) Injector() source.Injector { return nil }
func (f *fakeSource) Close() error              { return nil }

type fakeVideo struct {
	source *fakeSource
	frame  *media.Frame
	tick   *time.Ticker
}

func (v *fakeVideo) Size() (int, int) { return 64, 64 }

func (v *fakeVideo) Next(ctx context.Context) (*media.Frame, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-v.tick.C:
	}
	if v.source.gone.CompareAndSwap(true, false) {
		return nil, fmt.Errorf("fake: %w", source.ErrGone)
	}
	if v.source.half.Load() {
		v.frame.Width, v.frame.Height = 32, 32
	}
	v.frame.FrameID++
	v.frame.Timing.Captured = time.Now()
	return v.frame, nil
}

func (v *fakeVideo) Close() error {
	v.tick.Stop()
	v.source.open.Add(-1)
	return nil
}

type fakeAudio struct{ tick *time.Ticker }

func (a *fakeAudio) Read(ctx context.Context, _ []int16) (time.Time, error) {
	select {
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-a.tick.C:
		return time.Now(), nil
	}
}

func (a *fakeAudio) Close() error { a.tick.Stop(); return nil }

// fakeEncoder makes access units of two NAL units, the second of 3 kB; a
// keyframe's is of type 5 (H.264 IDR).
type fakeEncoder struct {
	rates  chan int     // capacity 16; full drops
	broken *atomic.Bool // Encode fails; nil: never
	anew   bool         // SetBitrate starts it anew
}

func (e *fakeEncoder) Reconfigures() bool { return !e.anew }

func (e *fakeEncoder) Encode(dst []byte, _ *media.Frame, keyframe bool) ([]byte, bool, error) {
	if e.broken != nil && e.broken.Load() {
		return nil, false, errors.New("no encoder any more")
	}
	kind := byte(0x61)
	if keyframe {
		kind = 0x65
	}
	dst = append(dst, 0, 0, 0, 1, 0x06, 1, 2, 0x80, 0, 0, 0, 1, kind)
	for range 3000 {
		dst = append(dst, 0xaa)
	}
	return dst, keyframe, nil
}

func (e *fakeEncoder) SetBitrate(bps int) error {
	select {
	case e.rates <- bps:
	default:
	}
	return nil
}
func (e *fakeEncoder) Name() string { return "fake" }
func (e *fakeEncoder) Close() error { return nil }

type fakeOpus struct{}

func (fakeOpus) Encode(dst []byte, _ []int16) ([]byte, error) { return append(dst, 0xfc), nil }
func (fakeOpus) Close() error                                 { return nil }

// fakeInput keeps datagrams and answers each with its own bytes.
type fakeInput struct {
	channel   host.InputChannel
	datagrams chan string // capacity 16; full drops
	broken    chan error  // ends Run
	running   atomic.Bool
}

func (in *fakeInput) Run(ctx context.Context) error {
	in.running.Store(true)
	defer in.running.Store(false)
	select {
	case <-ctx.Done():
		return nil
	case err := <-in.broken:
		return err
	}
}

func (in *fakeInput) Datagram(b []byte) {
	select {
	case in.datagrams <- string(b):
	default:
	}
	_ = in.channel.Reply(b)
}

// rig is a running host.
type rig struct {
	source *fakeSource
	input  *fakeInput
	rates  chan int
	server *host.Server
	url    string
	stop   func() error // ends Run and returns its error
}

// baseConfig is a host with fakes for everything.
func baseConfig(r *rig) host.Config {
	return host.Config{
		Source: r.source,
		OpenEncoder: func(host.EncoderConfig) (host.Encoder, error) {
			return &fakeEncoder{rates: r.rates}, nil
		},
		OpenAudioEncoder: func() (host.AudioEncoder, error) { return fakeOpus{}, nil },
		OpenInput: func(c host.InputChannel) (host.Input, error) {
			r.input.channel = c
			return r.input, nil
		},
		Listen: "127.0.0.1:0",
	}
}

func newRig(t *testing.T, screens int, change func(*host.Config)) *rig {
	t.Helper()
	r := &rig{source: &fakeSource{}, input: &fakeInput{datagrams: make(chan string, 16)}, rates: make(chan int, 16)}
	r.source.screens.Store(int32(screens))
	cfg := baseConfig(r)
	urls := make(chan string, 1)
	cfg.OnListen = func(url string) { urls <- url }
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.server, err = host.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
	select {
	case r.url = <-urls:
	case err := <-done:
		t.Fatalf("Run() = %v; want a listener", err)
	}
	return r
}

// peer is a terminal made of plain pion.
type peer struct {
	*webrtc.PeerConnection
	api     *webrtc.API
	control *webrtc.DataChannel
	input   *webrtc.DataChannel

	messages chan []byte // control, capacity 64
	replies  chan []byte // input, capacity 64
	open     chan string // labels of channels that opened, capacity 2
	tracks   chan *webrtc.TrackRemote
	states   chan webrtc.PeerConnectionState // capacity 16
	location string
}

func newPeer(t *testing.T, screens int, codecs ...string) *peer {
	t.Helper()
	me := &webrtc.MediaEngine{}
	for i, mime := range codecs {
		fmtp := "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034"
		switch mime {
		case webrtc.MimeTypeH265:
			fmtp = ""
		case webrtc.MimeTypeFlexFEC03:
			fmtp = "repair-window=10000000"
		}
		err := me.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp,
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
			},
			PayloadType: webrtc.PayloadType(100 + i),
		}, webrtc.RTPCodecTypeVideo)
		if err != nil {
			t.Fatal(err)
		}
	}
	err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
		PayloadType:        111,
	}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{wire.ExtTWCC, wire.ExtAbsCaptureTime, wire.ExtFrameTiming} {
		if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	se.SetICETimeouts(time.Second, 2*time.Second, 100*time.Millisecond)
	p := &peer{
		api:      webrtc.NewAPI(webrtc.WithMediaEngine(me), webrtc.WithSettingEngine(se)),
		messages: make(chan []byte, 64), replies: make(chan []byte, 64), open: make(chan string, 2),
		tracks: make(chan *webrtc.TrackRemote, 4), states: make(chan webrtc.PeerConnectionState, 16),
	}
	if p.PeerConnection, err = p.api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.GracefulClose() })
	p.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.tracks <- tr })
	p.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { p.states <- s })
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for range screens {
		if _, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvonly); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvonly); err != nil {
		t.Fatal(err)
	}
	p.control = p.channel(t, wire.ControlLabel, wire.ControlProtocol, p.messages, true)
	p.input = p.channel(t, wire.InputLabel, wire.InputProtocol, p.replies, false)
	return p
}

func (p *peer) channel(t *testing.T, label, protocol string, to chan []byte, reliable bool) *webrtc.DataChannel {
	t.Helper()
	init := &webrtc.DataChannelInit{Protocol: &protocol}
	if !reliable {
		none, unordered := uint16(0), false
		init.MaxRetransmits, init.Ordered = &none, &unordered
	}
	dc, err := p.CreateDataChannel(label, init)
	if err != nil {
		t.Fatal(err)
	}
	dc.OnOpen(func() { p.open <- label })
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		select {
		case to <- m.Data:
		default:
		}
	})
	return dc
}

func (p *peer) offer(t *testing.T) string {
	t.Helper()
	offer, err := p.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return p.LocalDescription().SDP
}

// connect posts the offer, applies the answer and waits for both channels.
func (p *peer) connect(t *testing.T, url string) {
	t.Helper()
	resp, body := do(t, http.MethodPost, url, p.offer(t), map[string]string{"Content-Type": "application/sdp"})
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST = %s: %s; want 201", resp.Status, body)
	}
	p.location = strings.TrimSuffix(url, "/whep") + resp.Header.Get("Location")
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		t.Fatalf("SetRemoteDescription() = %v; answer:\n%s", err, body)
	}
	for range 2 {
		within(t, p.open, "a data channel to open")
	}
}

// hello introduces the terminal and waits for the answer: the host has the
// control channel then.
func (p *peer) hello(t *testing.T) {
	t.Helper()
	hello := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion, Screens: 1, Program: "test"}
	if err := p.control.Send(wire.AppendHello(nil, hello)); err != nil {
		t.Fatal(err)
	}
	within(t, p.messages, "HELLO_ACK")
}

// within waits for a value for at most 10 s.
func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited 10 s for %s", what)
		panic("unreachable")
	}
}

// bye waits for BYE among the control messages.
func (p *peer) bye(t *testing.T) wire.Bye {
	t.Helper()
	for {
		m, _, err := wire.ParseMessage(within(t, p.messages, "BYE"))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == wire.MessageBye {
			b, err := m.Bye()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
}

func (p *peer) requestKeyframe(t *testing.T, ssrc webrtc.SSRC) {
	t.Helper()
	if err := p.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// settle waits until no more than n goroutines run, which is polled: nobody
// announces the end of a goroutine.
func settle(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > n {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines; want %d:\n%s", runtime.NumGoroutine(), n, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

// Package lane moves the packets of a link test between its two ends: one peer
// connection with one video track each way and one control channel, on the
// transport of real sessions. It sends frames at a rate, answers pings and
// probes, and gives what arrives to a meter.
//
// It decides nothing: which steps are run, what the figures mean and when a test
// is over is its two users' business, client/linktest and internal/host/linktest.
// Whatever the other end sends, memory is bounded and what is sent back is too.
package lane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/peer"
)

// Config describes one end.
type Config struct {
	Loopback   bool          // nothing leaves this machine
	Net        transport.Net // sockets and interfaces; nil: the kernel's, unfragmented
	TCP        ice.TCPMux    // takes packets over TCP (RFC 6544), the host's; nil: none
	ICEServers []webrtc.ICEServer
	RelayOnly  bool // only paths through a TURN server
	MaxBps     int  // what may arrive: much more than this ends the test
}

// lostAfter is when an interrupted path is given up.
const lostAfter = 4 * time.Second

// Lane is one end of a test's connection. Its methods are safe on any goroutine.
type Lane struct {
	cfg   Config
	pc    *webrtc.PeerConnection
	track *track
	start time.Time

	connected chan struct{} // closed once media can flow
	failed    chan struct{} // closed when the path is lost, was never found, or is closed
	flooded   chan struct{} // closed when far too much came
	onceUp    sync.Once
	onceDown  sync.Once
	onceFlood sync.Once

	control  atomic.Pointer[control]
	opened   chan struct{} // closed when the control channel works
	onceOpen sync.Once
	messages chan linktest.Message // capacity 8; a full one ends the channel's reader
	broken   atomic.Pointer[error] // what was wrong with a message of the other end

	flood flood
	echo  echo

	mu     sync.Mutex // guards below
	meter  *linktest.Meter
	step   uint8
	base   time.Duration // least difference of the clocks, inbound
	based  bool
	pings  pings
	probes [linktest.MaxProbe + 1]probe
}

// probe is what became of a size.
type probe struct{ there, back bool }

// New opens the peer connection. Close must be called.
func New(cfg Config) (*Lane, error) {
	l := &Lane{
		cfg: cfg, start: time.Now(),
		connected: make(chan struct{}), failed: make(chan struct{}), flooded: make(chan struct{}),
		opened: make(chan struct{}), messages: make(chan linktest.Message, 8),
	}
	l.flood.bytes = floodBytes(cfg.MaxBps)
	api, err := l.api()
	if err != nil {
		return nil, err
	}
	rtc := webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: cfg.ICEServers}
	if cfg.RelayOnly {
		rtc.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	if l.pc, err = api.NewPeerConnection(rtc); err != nil {
		return nil, fmt.Errorf("open peer connection: %w", err)
	}
	l.track = newTrack()
	l.pc.OnConnectionStateChange(l.state)
	l.pc.OnDataChannel(l.takeChannel)
	return l, nil
}

// api has one codec, no interceptors, and the settings of sessions.
func (l *Lane) api() (*webrtc.API, error) {
	me := &webrtc.MediaEngine{}
	err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: clockRate,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034",
		},
		PayloadType: payloadType,
	}, webrtc.RTPCodecTypeVideo)
	if err != nil {
		return nil, fmt.Errorf("register codec: %w", err)
	}
	network := l.cfg.Net
	if network == nil {
		if network, err = peer.NewNet(); err != nil {
			return nil, err
		}
		network = whole{network}
	}
	se, err := peer.Settings(peer.Config{Loopback: l.cfg.Loopback, Net: network, TCP: l.cfg.TCP})
	if err != nil {
		return nil, err
	}
	// A session waits half a minute for a path to come back, a test does not.
	se.SetICETimeouts(peer.InterruptedAfter, lostAfter, 250*time.Millisecond)
	se.SetSRTPReplayProtectionWindow(8192) // reordering is measured, not thrown away
	se.SetFireOnTrackBeforeFirstRTP(true)
	se.BufferFactory = l.buffer
	return peer.API(me, se), nil
}

func (l *Lane) state(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		l.onceUp.Do(func() { close(l.connected) })
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		l.onceDown.Do(func() { close(l.failed) })
	}
}

// Connected is closed once media can flow.
func (l *Lane) Connected() <-chan struct{} { return l.connected }

// Failed is closed when there is no path, or no more.
func (l *Lane) Failed() <-chan struct{} { return l.failed }

// Flooded is closed when the other end sends far more than was agreed.
func (l *Lane) Flooded() <-chan struct{} { return l.flooded }

// Close takes the connection down and waits for pion's goroutines.
func (l *Lane) Close() error {
	if c := l.control.Load(); c != nil {
		_ = c.rw.Close() // its reader ends with it
	}
	err := l.pc.GracefulClose()
	if c := l.control.Load(); c != nil {
		<-c.done
	}
	return err
}

// Offer returns this end's description with all candidates that gathering
// finds; the terminal's.
func (l *Lane) Offer(ctx context.Context, patience time.Duration) (string, error) {
	if err := l.addTrack(); err != nil {
		return "", err
	}
	if err := l.openChannel(); err != nil {
		return "", err
	}
	offer, err := l.pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	return l.describe(ctx, offer, patience)
}

// Accept takes the answer to Offer.
func (l *Lane) Accept(answer string) error {
	return l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// Answer takes an offer and returns this end's description; the host's. ErrOffer
// is wrapped where the offer is at fault.
func (l *Lane) Answer(ctx context.Context, offer string, patience time.Duration) (string, error) {
	if err := l.addTrack(); err != nil {
		return "", err
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	answer, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return l.describe(ctx, answer, patience)
}

// ErrOffer marks offers that cannot be answered.
var ErrOffer = errors.New("the offer cannot be used")

func (l *Lane) addTrack() error {
	_, err := l.pc.AddTransceiverFromTrack(l.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv})
	if err != nil {
		return fmt.Errorf("add track: %w", err)
	}
	return nil
}

// describe sets the local description and waits for its candidates.
func (l *Lane) describe(ctx context.Context, d webrtc.SessionDescription, patience time.Duration) (string, error) {
	gathered := webrtc.GatheringCompletePromise(l.pc)
	if err := l.pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("set description: %w", err)
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-gathered:
	case <-t.C: // with what there is
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return l.pc.LocalDescription().SDP, nil
}

// now is this end's clock in packets.
func (l *Lane) now() time.Duration { return time.Since(l.start) }

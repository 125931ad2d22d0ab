package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
)

// patience is how long a session waits for each step before it gives up.
type patience struct {
	gather  time.Duration // local candidates
	connect time.Duration // ICE and DTLS, after the answer
	picture time.Duration // first access unit, after that
}

// goodbyeGrace is how long a lost path waits for words that came before it
// was lost and are not read yet.
const goodbyeGrace = 200 * time.Millisecond

// Config is what a session needs.
type Config struct {
	URL        string        // WHEP endpoint, http or https; a missing path means /whep
	Token      string        // bearer token, empty for none; never logged
	TLS        *tls.Config   // nil: the system's defaults
	Screens    int           // video sections to offer, 1 or 2
	Codecs     []media.Codec // in order of preference
	BitrateBps int           // upper bound a screen that the host is told; 0: none
	Name       string        // program and version, told to the host
	Version    string

	// OnAccessUnit takes ownership of each picture, in order, per screen. It
	// is called on pion's goroutine and must not block. Required.
	OnAccessUnit func(*media.AccessUnit)
	// OnSound gets each Opus packet, in order, and how many are missing
	// before it; packet is only lent. Same goroutine, same rule. May be nil.
	OnSound func(packet []byte, lost int)
	// OnStage is told what the session is waiting for. May be nil.
	OnStage func(Stage)
	// OnScreen is told how the host codes a screen, at first and whenever that
	// changes, which is shortly before or after the first such picture. It is
	// called on the control channel's goroutine and must not block. May be nil.
	OnScreen func(wire.Screen)
	// OnCursor is told what the host's pointer looks like, whenever that
	// changes, and takes ownership of c. It is called on the control channel's
	// goroutine and must not block. May be nil.
	OnCursor func(c *Cursor)
	// OnPointer is told where the host's pointer is: its hot-spot, 0..65535
	// over the screen's picture; not visible is over none of the screens. It
	// is called on the input channel's goroutine, up to 250 times a second,
	// and must not block. May be nil.
	OnPointer func(screen int, x, y uint16, visible bool)
	// OnSilence is told when the host has not been heard for a second, and
	// when it is heard again; 5 s later the session ends. May be nil.
	OnSilence func(silent bool)
	// KeyToChannel, if not nil, measures key events from their read to the
	// moment the channel has taken them.
	KeyToChannel *metric.Latency

	Logger *slog.Logger // nil: discard
}

// Cursor is what the host's pointer looks like. It does not change.
type Cursor struct {
	Serial uint32      // another for each shape of a session
	Image  *image.RGBA // premultiplied, at most 256x256, in pixels of the host's screen; nil: there is nothing to see
	Hot    image.Point // the pixel that points
}

// Session is one attempt to show a host, from offer to end.
type Session struct {
	cfg   Config
	log   *slog.Logger
	whep  whep
	waits patience

	// owned by Run
	pc       *webrtc.PeerConnection
	resource *url.URL
	ended    chan error    // capacity 1: the first reason wins, later ones are dropped
	goodbye  chan error    // capacity 1: the host's own, which wins over ended
	pictured chan struct{} // closed with the first access unit
	hasFirst atomic.Bool
	offered  int // sections in the offer

	talkers  sync.WaitGroup // goroutines that say goodbye when their context ends
	receiver receiver
	control  control
	pointer  pointer
	input    atomic.Pointer[inputs.Sender]

	mu      sync.Mutex // guards below; channels open under it
	focused bool
	closing bool          // nothing joins the errgroup any more
	heard   chan struct{} // closed when the host's words are all read; nil before st.control opens
}

// New checks cfg. It starts and sends nothing.
func New(cfg Config) (*Session, error) {
	endpoint, err := parseEndpoint(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Screens < 1 || cfg.Screens > maxScreens {
		return nil, fmt.Errorf("%d screens: use 1 or 2", cfg.Screens)
	}
	if cfg.OnAccessUnit == nil {
		return nil, errors.New("internal error: nobody takes the pictures of a session")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OnStage == nil {
		cfg.OnStage = func(Stage) {}
	}
	if cfg.OnScreen == nil {
		cfg.OnScreen = func(wire.Screen) {}
	}
	if cfg.OnCursor == nil {
		cfg.OnCursor = func(*Cursor) {}
	}
	if cfg.OnPointer == nil {
		cfg.OnPointer = func(int, uint16, uint16, bool) {}
	}
	if cfg.OnSilence == nil {
		cfg.OnSilence = func(bool) {}
	}
	transport := &http.Transport{TLSClientConfig: cfg.TLS, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	s := &Session{
		cfg: cfg,
		log: cfg.Logger.With("component", "client"),
		whep: whep{
			endpoint: endpoint, token: cfg.Token,
			client: &http.Client{
				Transport: transport,
				// A redirect would carry the offer to a server nobody chose.
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			},
		},
		waits:    patience{gather: 2 * time.Second, connect: 12 * time.Second, picture: 10 * time.Second},
		ended:    make(chan error, 1),
		goodbye:  make(chan error, 1),
		pictured: make(chan struct{}),
		focused:  true,
	}
	s.receiver.init(s)
	s.control.session, s.control.start = s, time.Now()
	s.control.wishes.init()
	return s, nil
}

// Run makes the session and blocks until it has ended and everything it
// started too. It returns ctx's error if ctx ended it, else an *Error.
func (s *Session) Run(ctx context.Context) error {
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return s.run(run, g) })
	err := g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// run is the session's main goroutine: it brings the connection up, waits for
// its end and takes it down, which ends the other goroutines of g.
func (s *Session) run(parent context.Context, g *errgroup.Group) error {
	ctx, cancel := context.WithCancel(parent)
	s.cfg.OnStage(StageOffer)
	connected, err := s.open()
	defer s.close(context.WithoutCancel(ctx), cancel)
	if err == nil {
		err = s.openChannels(ctx, g)
	}
	if err != nil {
		return fail(StageOffer, true, "", err)
	}
	g.Go(func() error { s.receiver.feedback(ctx); return nil })

	offer, err := s.offer(ctx)
	if err != nil {
		return fail(StageOffer, true, "", err)
	}
	s.cfg.OnStage(StageSignal)
	if err := s.signal(ctx, offer); err != nil {
		return err
	}
	s.cfg.OnStage(StageConnect)
	if err := s.await(ctx, connected, s.waits.connect, StageConnect, hintNoPath, noPath); err != nil {
		return err
	}
	s.cfg.OnStage(StagePicture)
	patience := s.waits.picture
	if s.control.wishes.isDark() {
		patience = 0 // for ever: nobody looks
	}
	if err := s.await(ctx, s.pictured, patience, StagePicture,
		"look at the host's log: its source or encoder may have failed", "the host is connected but sends no picture"); err != nil {
		return err
	}
	s.cfg.OnStage(StageLive)
	return s.await(ctx, nil, 0, StageLive, "", "")
}

// open builds the peer connection and returns a channel that is closed when
// media can flow.
func (s *Session) open() (connected chan struct{}, err error) {
	api, err := newAPI(s.cfg.Codecs, s.whep.endpoint, &tap{rtp: s.receiver.rtp, rtcp: s.receiver.rtcp})
	if err != nil {
		return nil, err
	}
	if s.pc, err = api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}); err != nil {
		return nil, err
	}
	connected = make(chan struct{})
	var once sync.Once // pion starts a goroutine for every state
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		s.log.Debug("connection", "state", st.String())
		switch st {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(connected) })
			s.cfg.OnSilence(false)
		case webrtc.PeerConnectionStateDisconnected:
			s.cfg.OnSilence(true)
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			s.end(s.lost(connected))
		}
	})
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for range s.cfg.Screens {
		if _, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvonly); err != nil {
			return nil, err
		}
	}
	if _, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvonly); err != nil {
		return nil, err
	}
	s.offered = s.cfg.Screens + 2 // sound and the data channels
	return connected, nil
}

// lost is how a path fails: ICE gives up before our own patience ends, also
// when there never was one, and DTLS fails when who answers there is not who
// answered our offer.
func (s *Session) lost(connected <-chan struct{}) *Error {
	select {
	case <-connected:
		return fail(StageLive, false, "check the network on both sides", errors.New("the connection to the host was lost"))
	default:
	}
	if s.pc.ICEConnectionState() == webrtc.ICEConnectionStateFailed {
		return fail(StageConnect, false, hintNoPath, errors.New(noPath))
	}
	return fail(StageConnect, false, "look at the host's log, or who is between here and the host",
		errors.New("the path to the host could not be secured"))
}

const (
	noPath     = "no path to the host was found"
	hintNoPath = "a firewall may block UDP between here and the host"
)

// offer returns our description with all candidates in it.
func (s *Session) offer(ctx context.Context) (string, error) {
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	timeout := time.NewTimer(s.waits.gather)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C: // what has been found will have to do
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return s.pc.LocalDescription().SDP, nil
}

// signal exchanges descriptions with the host.
func (s *Session) signal(ctx context.Context, offer string) error {
	answer, resource, err := s.whep.post(ctx, offer)
	if err != nil {
		return err
	}
	s.resource = resource
	routes, err := readAnswer(answer, s.offered)
	if err != nil {
		return fail(StageSignal, true, notAHost, err)
	}
	if !routes.data {
		s.log.Info("the host takes no input")
	}
	if !routes.sound {
		s.log.Info("the host sends no sound")
	}
	s.receiver.routes.Store(routes)
	err = s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		// pion's text quotes the answer; it stays in the log.
		s.log.Debug("answer refused", "err", err)
		return fail(StageSignal, true, notAHost, errors.New("the host's answer does not fit our offer"))
	}
	return nil
}

// await waits for done, the session's end or, if timeout is not 0, the time.
func (s *Session) await(ctx context.Context, done <-chan struct{}, timeout time.Duration, stage Stage, hint, late string) error {
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-done:
		return nil
	case err := <-s.goodbye:
		return at(stage, err)
	case err := <-s.ended:
		return at(stage, s.lastWord(err))
	case <-expired:
		return fail(stage, false, hint, fmt.Errorf("%s within %v", late, timeout))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end gives a live session its reason to end; only the first one counts.
func (s *Session) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// dismiss ends the session by the host's goodbye.
func (s *Session) dismiss(bye error) {
	select {
	case s.goodbye <- bye:
	default:
	}
}

// lastWord returns what the host said before the path was lost by err, if it
// said anything: it closes the path right after its goodbye, and either can
// be seen first here.
func (s *Session) lastWord(err error) error {
	s.mu.Lock()
	heard := s.heard
	s.mu.Unlock()
	if heard != nil {
		t := time.NewTimer(goodbyeGrace)
		defer t.Stop()
		select {
		case <-heard:
		case <-t.C:
		}
	}
	select {
	case bye := <-s.goodbye:
		return bye
	default:
		return err
	}
}

// at notes the stage in which a session ended.
func at(stage Stage, err error) error {
	var ce *Error
	if errors.As(err, &ce) {
		ce.Stage = stage
	}
	return err
}

// close says goodbye, so that the host need not wait for a time-out, and
// takes the connection down. delete has its own bound in time.
func (s *Session) close(ctx context.Context, cancel context.CancelFunc) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	cancel()
	s.talkers.Wait()
	if s.pc == nil {
		return
	}
	if err := s.whep.delete(ctx, s.resource); err != nil {
		s.log.Debug("delete session", "err", err)
	}
	if err := s.pc.GracefulClose(); err != nil {
		s.log.Debug("close connection", "err", err)
	}
}

// Handle sends an event of the person. It never blocks; before the channel is
// open events go nowhere, as on a PC that is not there.
func (s *Session) Handle(ev input.Event) {
	if in := s.input.Load(); in != nil {
		in.Handle(ev)
	}
}

// Focus tells the host whether the person's input is meant for it. When it is
// not, everything held is let go there.
func (s *Session) Focus(focused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.focused = focused
	if in := s.input.Load(); in != nil {
		in.Focus(focused)
	}
}

// RTT returns the round trip to the host, 0 while it is not known.
func (s *Session) RTT() time.Duration { return s.control.clock.RTT() }

// RequestKeyframe asks the host for a picture that needs no other.
func (s *Session) RequestKeyframe(screen int, reason string) {
	s.receiver.requestKeyframe(screen, reason)
}

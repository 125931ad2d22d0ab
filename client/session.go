package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
)

// How long a session waits for each step before it gives up.
const (
	connectTimeout = 12 * time.Second // ICE and DTLS, after the answer
	pictureTimeout = 10 * time.Second // first access unit, after that
	gatherTimeout  = 2 * time.Second  // local candidates
)

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
	// KeyToChannel, if not nil, measures key events from their read to the
	// moment the channel has taken them.
	KeyToChannel *metric.Latency

	Logger *slog.Logger // nil: discard
}

// Session is one attempt to show a host, from offer to end.
type Session struct {
	cfg  Config
	log  *slog.Logger
	whep whep

	// owned by Run
	pc       *webrtc.PeerConnection
	resource *url.URL
	ended    chan error    // capacity 1: the first reason wins, later ones are dropped
	pictured chan struct{} // closed with the first access unit
	hasFirst atomic.Bool
	offered  int // sections in the offer

	talkers  sync.WaitGroup // goroutines that say goodbye when their context ends
	receiver receiver
	control  control
	input    atomic.Pointer[inputs.Sender]
	focused  atomic.Bool
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
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OnStage == nil {
		cfg.OnStage = func(Stage) {}
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
		ended:    make(chan error, 1),
		pictured: make(chan struct{}),
	}
	s.receiver.init(s)
	s.control.session = s
	s.focused.Store(true)
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
	if err := s.await(ctx, connected, connectTimeout, StageConnect,
		"a firewall may block UDP between here and the host", "no path to the host was found"); err != nil {
		return err
	}
	s.cfg.OnStage(StagePicture)
	if err := s.await(ctx, s.pictured, pictureTimeout, StagePicture,
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
	up := false // pion calls one state handler at a time
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		s.log.Debug("connection", "state", st.String())
		switch st {
		case webrtc.PeerConnectionStateConnected:
			if !up {
				up = true
				close(connected)
			}
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			s.end(fail(StageLive, false, "check the network on both sides", errors.New("the connection to the host was lost")))
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
	timeout := time.NewTimer(gatherTimeout)
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
	case err := <-s.ended:
		var ce *Error
		if errors.As(err, &ce) {
			ce.Stage = stage
		}
		return err
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

// close says goodbye, so that the host need not wait for a time-out, and
// takes the connection down. delete has its own bound in time.
func (s *Session) close(ctx context.Context, cancel context.CancelFunc) {
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
	s.focused.Store(focused)
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

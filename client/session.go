package client

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/clipboard"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/netwatch"
	"github.com/blade-shadow/terminal/internal/peer"
)

// patience is how long a session waits for each step before it gives up.
type patience struct {
	connect time.Duration // ICE and DTLS, after the answer
	picture time.Duration // first access unit, after that
	lost    time.Duration // a path, after the last packet
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
	servers  []ICEServer   // those of cfg and those that the host named; written under mu
	named    []ICEServer   // the latter
	ended    chan error    // capacity 1: the first reason wins, later ones are dropped
	goodbye  chan error    // capacity 1: the host's own, which wins over ended
	pictured chan struct{} // closed with the first access unit
	hasFirst atomic.Bool
	offered  int // sections in the offer

	talkers  sync.WaitGroup // goroutines that say goodbye when their context ends
	path     path
	receiver receiver
	control  control
	pointer  pointer
	usb      usbLink
	mic      microphone
	clip     *clipboard.Link // nil: no texts are carried
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
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	s := &Session{
		cfg:      cfg,
		log:      cfg.Logger.With("component", "client"),
		waits:    patience{connect: 12 * time.Second, picture: 10 * time.Second, lost: peer.LostAfter},
		servers:  cfg.ICEServers,
		ended:    make(chan error, 1),
		goodbye:  make(chan error, 1),
		pictured: make(chan struct{}),
		focused:  true,
	}
	s.path.init(s)
	s.path.watch = cfg.Watch
	s.whep = whep{
		endpoint: endpoint, bearer: cfg.Bearer,
		transport: newTransport(&s.cfg, func() string { return s.path.owner(netip.Addr{}) }),
	}
	s.receiver.init(s)
	s.control.session, s.control.start = s, time.Now()
	s.control.wishes.init()
	s.control.open = make(chan struct{})
	s.usb.init()
	if cfg.OnClipboard != nil {
		s.clip = clipboard.New(clipboard.Config{Send: s.control.say, OnText: cfg.OnClipboard})
	}
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
	defer s.close(context.WithoutCancel(ctx), cancel)
	s.watchNetwork(ctx, g)
	connected, err := s.establish(ctx, g)
	if err != nil {
		return err
	}
	g.Go(func() error { s.receiver.feedback(ctx); return nil })
	g.Go(func() error { s.receiver.requests.run(ctx, s.receiver.send); return nil })
	g.Go(func() error { return s.path.run(ctx, connected) })
	g.Go(func() error { return s.path.trickle(ctx) })
	s.cfg.OnStage(StageConnect)
	if err := s.await(ctx, connected, s.waits.connect, StageConnect, hintNoPath, noPath); err != nil {
		return err
	}
	g.Go(func() error { return s.path.attend(ctx) })
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

// watchNetwork sees to it that somebody watches the interfaces, but for a host
// on this machine: the way there does not change.
func (s *Session) watchNetwork(ctx context.Context, g *errgroup.Group) {
	if s.path.watch != nil || s.cfg.Net != nil || peer.IsLoopback(s.whep.endpoint.Hostname()) {
		return
	}
	w := netwatch.New(s.cfg.Logger)
	s.path.watch = w
	g.Go(func() error {
		if err := w.Run(ctx); err != nil {
			s.log.Warn("changes of the network are noticed late", "err", err)
		}
		return nil
	})
}

// open builds the peer connection and returns a channel that is closed when
// media can flow.
func (s *Session) open(screens int) (connected chan struct{}, err error) {
	network := peer.Config{Loopback: peer.IsLoopback(s.whep.endpoint.Hostname()), Net: s.cfg.Net, Interface: s.path.offers}
	if network.Net == nil {
		if network.Net, err = peer.NewBoundNet(s.path.owner); err != nil {
			return nil, err
		}
	}
	api, err := newAPI(s.cfg.Codecs, network, &tap{
		rtp:   func(ssrc uint32, packet []byte) { s.path.heard(); s.receiver.rtp(ssrc, packet) },
		rtcp:  func(packet []byte) { s.path.heard(); s.receiver.rtcp(packet) },
		flood: s.receiver.flooded,
	})
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: peer.Servers(s.servers),
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.pc = pc
	s.mu.Unlock()
	connected = make(chan struct{})
	s.follow(pc, connected)
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for range screens {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvonly); err != nil {
			return nil, err
		}
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvonly); err != nil {
		return nil, err
	}
	s.offered = screens + 1 // sound
	return connected, nil
}

// follow turns pion's callbacks into what the session and its path wait for.
func (s *Session) follow(pc *webrtc.PeerConnection, connected chan struct{}) {
	s.path.candidates.reset()
	pc.OnICECandidate(s.path.candidates.add)
	pc.SCTP().Transport().ICETransport().OnSelectedCandidatePairChange(s.path.selected)
	var once sync.Once // pion starts a goroutine for every state
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		s.log.Debug("connection", "state", st.String())
		switch st {
		case webrtc.PeerConnectionStateConnected:
			s.path.broken.Store(false)
			once.Do(func() { close(connected) })
		case webrtc.PeerConnectionStateDisconnected:
			s.path.broken.Store(true)
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			if s.current(pc) {
				s.end(s.lost(pc, connected))
			}
		}
	})
}

// lost is how a path fails: ICE gives up before our own patience ends, also
// when there never was one, and DTLS fails when who answers there is not who
// answered our offer.
func (s *Session) lost(pc *webrtc.PeerConnection, connected <-chan struct{}) *Error {
	if closedChannel(connected) {
		return errLost()
	}
	if pc.ICEConnectionState() == webrtc.ICEConnectionStateFailed {
		return fail(StageConnect, false, hintNoPath, errors.New(noPath))
	}
	return fail(StageConnect, false, "look at the host's log, or who is between here and the host",
		errors.New("the path to the host could not be secured"))
}

const (
	noPath     = "no path to the host was found"
	hintNoPath = "a firewall may block UDP between here and the host"
)

// close says goodbye, so that the host need not wait for a time-out, and
// takes the connection down. delete has its own bound in time.
func (s *Session) close(ctx context.Context, cancel context.CancelFunc) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	cancel()
	s.talkers.Wait()
	defer s.whep.transport.CloseIdleConnections()
	if s.clip != nil {
		s.clip.Close()
	}
	if err := s.usb.end(); err != nil {
		s.log.Debug("close connection for USB", "err", err)
	}
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

// Unplugged lets go of what an input device holds; see input.Event's Device.
func (s *Session) Unplugged(device uint8) {
	if in := s.input.Load(); in != nil {
		in.Unplugged(device)
	}
}

// Pad sends the whole state of a pad; see inputs.Sender's Pad.
func (s *Session) Pad(p input.Pad) {
	if in := s.input.Load(); in != nil {
		in.Pad(p)
	}
}

// Touch sends all that touches a touch screen over a screen; see
// inputs.Sender's Touch. t is lent for the call.
func (s *Session) Touch(screen uint8, t *input.Touch) {
	if in := s.input.Load(); in != nil {
		in.Touch(screen, t)
	}
}

// Pen sends a pen's whole state over a screen; see inputs.Sender's Pen.
func (s *Session) Pen(screen uint8, p input.Pen) {
	if in := s.input.Load(); in != nil {
		in.Pen(screen, p)
	}
}

// PadMotion sends a sample of a pad's motion sensors, as often as the host wants
// it; see inputs.Sender's PadMotion.
func (s *Session) PadMotion(m input.PadMotion) {
	if in := s.input.Load(); in != nil {
		in.PadMotion(m)
	}
}

// PadTouch sends all that touches a pad's touchpad; see inputs.Sender's PadTouch.
func (s *Session) PadTouch(t input.PadTouch) {
	if in := s.input.Load(); in != nil {
		in.PadTouch(t)
	}
}

// ReleaseAll lets go of all that is held, on every device: before the machine
// sleeps.
func (s *Session) ReleaseAll() {
	if in := s.input.Load(); in != nil {
		in.ReleaseAll()
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

// SetClipboard lets the host's programs paste a text, where clipboards are
// shared. Any goroutine; it never blocks.
func (s *Session) SetClipboard(text string) {
	if s.clip != nil {
		s.clip.Set(text)
	}
}

// RTT returns the round trip to the host, 0 while it is not known.
func (s *Session) RTT() time.Duration { return s.control.clock.RTT() }

// RequestKeyframe asks the host for a picture that needs no other.
func (s *Session) RequestKeyframe(screen int, reason string) {
	s.receiver.requestKeyframe(screen, reason)
}

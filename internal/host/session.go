package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/clipboard"
	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Times of a session's life.
const (
	gatherTimeout  = 700 * time.Millisecond // local candidates; relays may be late
	connectTimeout = 10 * time.Second       // from answer to connection
	farewell       = 200 * time.Millisecond // for BYE to be acknowledged
	lastWords      = 3 * time.Second        // for a control channel, when there is bad news only
)

// ending is why a session ends.
type ending struct {
	code   wire.ByeCode
	reason string
	tell   bool // the terminal can still hear it
	err    error
}

// session is one terminal's connection. Its life:
//
//	answered --connected--> live --ended--> closing --> done
//	    \------------- ended, 10 s ------------^
//
// end and done may be used from any goroutine; all else belongs to run and
// what it starts.
type session struct {
	id     string
	answer string // SDP
	srv    *Server
	log    *slog.Logger
	plan   *plan
	path   path
	holder atomic.Pointer[credential] // what its last request was let in by; set before it runs

	pc      *webrtc.PeerConnection
	sender  *egress.Sender
	screens []*screen
	sound   *sound // nil: no audio section was accepted
	rates   *rates
	wishes  *wishes
	layouts chan []wire.Placement // capacity 1, never closed: the newest that was not acted on
	mark    atomic.Pointer[mark]  // the newest marker; nil: none yet
	pointer pointer
	usb     *usbDevices
	clip    *clipboard.Link            // nil: no texts are carried
	board   Clipboard                  // nil with clip
	mic     atomic.Pointer[Microphone] // nil: the terminal is not heard

	connected chan struct{}            // closed by pion's callback, once
	channels  chan *webrtc.DataChannel // capacity 2: the two we know, each once
	ended     chan ending              // capacity 1: the first reason wins
	done      chan struct{}            // closed when everything is gone
	reachable chan struct{}            // closed when control is there

	greeted bool          // HELLO came; owned by serveControl
	welcome chan struct{} // closed when HELLO was answered

	mu      sync.Mutex // guards control
	control *channel   // nil until the terminal opens it
}

// newSession answers an offer for the given screens. Nothing is captured or
// encoded before run.
func (srv *Server) newSession(ctx context.Context, p *plan, screens []source.Screen) (*session, error) {
	id := rand.Text()
	s := &session{
		id: id, srv: srv, plan: p,
		log:       srv.log.With("session", id[:8]),
		rates:     newRates(srv.cfg.BitrateBps, p.screens),
		wishes:    newWishes(p.codec, p.screens),
		layouts:   make(chan []wire.Placement, 1),
		pointer:   newPointer(),
		connected: make(chan struct{}),
		channels:  make(chan *webrtc.DataChannel, 2),
		ended:     make(chan ending, 1),
		done:      make(chan struct{}),
		reachable: make(chan struct{}),
		welcome:   make(chan struct{}),
	}
	s.usb = newUSBDevices(s)
	s.openClipboard()
	if err := s.open(ctx, screens); err != nil {
		if s.pc != nil {
			err = errors.Join(err, s.pc.GracefulClose())
		}
		err = errors.Join(err, s.closeClipboard())
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context, screens []source.Screen) error {
	api, err := newAPI(s.plan, s.srv.network(), func(b []byte) { s.sender.HandleRTCP(time.Now(), b) }, s.takeVoice)
	if err != nil {
		return err
	}
	if s.pc, err = api.NewPeerConnection(webrtc.Configuration{ICEServers: peer.Servers(s.srv.cfg.ICEServers)}); err != nil {
		return fmt.Errorf("open peer connection: %w", err)
	}
	if err := s.addTracks(screens); err != nil {
		return err
	}
	s.watch()
	return s.negotiate(ctx)
}

func (s *session) addTracks(screens []source.Screen) (err error) {
	cfg := egress.Config{
		WriteRTCP:    s.pc.WriteRTCP,
		OnKeyframe:   func(screen int, full bool) { s.screens[screen].wantKeyframe(full) },
		OnBitrateCap: s.rates.setEstimate,
		Arrivals:     s.plan.arrivals,
		QueueDelay:   &s.srv.totals.queueDelay,
		Logger:       s.log,
	}
	if r := s.srv.recorder; r != nil {
		cfg.OnPacket, cfg.OnRTCP = r.packet, r.rtcp
	}
	s.sender, err = egress.New(cfg)
	if err != nil {
		return err
	}
	s.rates.path, s.rates.tell = s.sender.PictureBps, s.sender.SetBounds
	for k, info := range screens {
		sc, err := newScreen(s, k, info)
		if err != nil {
			return err
		}
		if err = s.addTrack(sc.track); err != nil {
			return err
		}
		s.screens = append(s.screens, sc)
	}
	if s.plan.hasAudio {
		s.sound = &sound{session: s, track: s.sender.AddAudio()}
		if err = s.addTrack(s.sound.track); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) addTrack(t webrtc.TrackLocal) error {
	_, err := s.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("add track %s: %w", t.ID(), err)
	}
	return nil
}

// watch turns pion's callbacks into the session's channels.
func (s *session) watch() {
	var once sync.Once
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(s.connected) })
			s.log.Debug("path carries", "component", "host")
		case webrtc.PeerConnectionStateDisconnected: // it may come back, or the terminal names another
			s.log.Info("session interrupted", "component", "host")
		case webrtc.PeerConnectionStateFailed:
			s.end(ending{reason: "the path to the terminal is gone"})
		case webrtc.PeerConnectionStateClosed:
			s.end(ending{reason: "the terminal closed the connection"})
		}
	})
	s.pc.OnDataChannel(s.sortChannels())
}

func (s *session) negotiate(ctx context.Context) error {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: s.plan.reduced}
	if err := s.pc.SetRemoteDescription(offer); err != nil {
		return badOffer("the offer cannot be used: " + err.Error())
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return badOffer("the offer cannot be answered: " + err.Error())
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return fmt.Errorf("set answer: %w", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherTimeout): // answer with what there is
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.answer, err = s.plan.answer(s.pc.LocalDescription().SDP); err != nil {
		return err
	}
	return s.path.begin(s.plan.reduced, s.answer)
}

// end asks the session to end; the first reason wins.
func (s *session) end(e ending) {
	select {
	case s.ended <- e:
	default:
	}
}

// run lives the session and returns when everything of it is gone.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	s.log.Info("session answered", "component", "host", "codec", s.plan.codec, "screens", s.plan.screens, "sound", s.plan.hasAudio)
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // BYE outlives ctx
	g, parts := errgroup.WithContext(inner)
	s.start(parts, g)
	// The terminal can open its channels and hear BYE after a part has failed.
	g.Go(func() error { return s.serveChannels(inner, parts, g) })
	e := s.wait(ctx, parts)
	if e.tell {
		s.sayBye(e)
	}
	cancel()
	err := s.pc.GracefulClose()
	if perr := g.Wait(); e.err == nil && perr != nil && !errors.Is(perr, context.Canceled) {
		e.err = perr
	}
	if cerr := s.closeClipboard(); cerr != nil {
		s.log.Debug("close clipboard", "component", "host", "err", cerr)
	}
	s.srv.totals.add(s)
	level := slog.LevelInfo
	if e.err != nil {
		level = slog.LevelWarn
	}
	s.log.Log(inner, level, "session ended", "component", "host", "reason", e.reason, "err", e.err, "close_err", err)
}

// start starts the session's parts. Each ends when its context does or when
// the connection closes; the first error ends all.
func (s *session) start(ctx context.Context, g *errgroup.Group) {
	for _, sc := range s.screens {
		g.Go(func() error { return sc.run(ctx) })
	}
	if s.sound != nil {
		g.Go(func() error { return s.sound.run(ctx) })
	}
	g.Go(func() error { return s.arrange(ctx) })
	g.Go(func() error { s.usb.run(ctx); return nil })
	if s.plan.hasMic {
		g.Go(func() error { return s.runMicrophone(ctx) })
	}
	if s.clip != nil {
		g.Go(func() error { return s.followClipboard(ctx) })
	}
	if src, ok := s.srv.cfg.Source.(source.Pointed); ok && s.plan.hasData {
		g.Go(func() error { return s.followPointer(ctx, src) })
		g.Go(func() error { return s.sendShapes(ctx) })
	}
	g.Go(func() error { return s.sender.Run(ctx) })
}

// setMark shows a marker in the pictures taken from now on.
func (s *session) setMark(id uint16) {
	s.mark.Store(&mark{id: id, at: time.Now()})
	s.srv.totals.marks.Add(1)
}

// wait returns why the session is over.
func (s *session) wait(ctx, parts context.Context) ending {
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	connected := s.connected
	for {
		select {
		case <-connected:
			s.log.Info("session connected", "component", "host")
			timeout.Stop()
			connected = nil
		case <-timeout.C:
			return ending{reason: "the terminal did not connect"}
		case e := <-s.ended:
			return e
		case <-ctx.Done():
			return ending{code: wire.ByeHostShutdown, reason: "host shutting down", tell: true}
		case <-parts.Done():
			err := context.Cause(parts)
			s.untilReachable(ctx)
			return ending{code: wire.ByeSourceEnded, reason: "the host cannot go on: " + err.Error(), tell: true, err: err}
		}
	}
}

// untilReachable gives a terminal that is still connecting the time to open
// its control channel: it shall hear why there is no picture.
func (s *session) untilReachable(ctx context.Context) {
	if !s.plan.hasData {
		return
	}
	timeout := time.NewTimer(lastWords)
	defer timeout.Stop()
	select {
	case <-s.reachable:
	case <-s.ended:
	case <-ctx.Done():
	case <-timeout.C:
	}
}

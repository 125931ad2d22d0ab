package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/peer"
)

// refused is an offer that the host did not like; a smaller one it may.
type refused struct{ err *Error }

func (r *refused) Error() string { return r.err.Error() }
func (r *refused) Unwrap() error { return r.err }

// establish agrees with the host on a session. Servers that know WHEP only to
// the letter refuse two screens or data channels; they are asked once more for
// what every player asks for, and the person is told that they can only look.
func (s *Session) establish(ctx context.Context, g *errgroup.Group) (connected chan struct{}, err error) {
	var no *refused
	connected, err = s.attempt(ctx, g, s.cfg.Screens, true)
	if !errors.As(err, &no) {
		return connected, err
	}
	first := no.err
	s.log.Info("the host refused the whole offer: asking for one screen and sound only", "err", first)
	s.abandon(ctx)
	connected, err = s.attempt(ctx, g, 1, false)
	var second *Error
	if errors.As(err, &second) && wantsLess(second.status) {
		return nil, first // its size was not the reason
	}
	if err == nil {
		s.cfg.OnViewOnly("the host speaks only WHEP: one screen and sound, no input")
	}
	return connected, err
}

// abandon takes down what a refused offer left.
func (s *Session) abandon(ctx context.Context) {
	pc := s.pc
	s.mu.Lock()
	s.pc = nil
	s.mu.Unlock()
	if err := s.whep.delete(ctx, s.resource); err != nil {
		s.log.Debug("delete session", "err", err)
	}
	s.resource = nil
	if err := pc.GracefulClose(); err != nil {
		s.log.Debug("close connection", "err", err)
	}
}

// current reports whether pc is the connection that the session is about.
func (s *Session) current(pc *webrtc.PeerConnection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pc == pc
}

// attempt makes one offer and takes its answer.
func (s *Session) attempt(ctx context.Context, g *errgroup.Group, screens int, channels bool) (connected chan struct{}, err error) {
	s.cfg.OnStage(StageOffer)
	if connected, err = s.open(screens); err == nil && channels {
		s.offered++
		if err = s.openChannels(ctx, g); err == nil {
			err = s.offerMicrophone()
		}
	}
	if err != nil {
		return nil, fail(StageOffer, true, "", err)
	}
	offer, err := s.offer(ctx)
	if err != nil {
		return nil, fail(StageOffer, true, "", err)
	}
	s.cfg.OnStage(StageSignal)
	return connected, s.signal(ctx, g, offer, channels)
}

// offer returns our description with the candidates that were found at once;
// where relays are known before, all are waited for a little longer, because
// not every host takes late ones.
func (s *Session) offer(ctx context.Context) (string, error) {
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	if err := s.path.candidates.wait(ctx, len(s.servers) > 0); err != nil {
		return "", err
	}
	s.path.candidates.take()
	return s.pc.LocalDescription().SDP, nil
}

// signal exchanges descriptions with the host.
func (s *Session) signal(ctx context.Context, g *errgroup.Group, offer string, channels bool) error {
	a, err := s.whep.post(ctx, offer)
	if err != nil {
		var e *Error
		if channels && errors.As(err, &e) && wantsLess(e.status) {
			return &refused{e}
		}
		return err
	}
	s.resource = a.resource
	refuse := func(err error) error {
		e := fail(StageSignal, true, notAHost, err)
		if channels {
			return &refused{e}
		}
		return e
	}
	routes, err := readAnswer(a.sdp, s.offered)
	if err != nil {
		return refuse(err)
	}
	if channels && !routes.data {
		s.log.Info("the host takes no input")
		s.cfg.OnViewOnly("the host takes no input")
	}
	if !routes.sound {
		s.log.Info("the host sends no sound")
	}
	routes.plain = !a.ours
	s.receiver.routes.Store(routes)
	return s.accept(ctx, g, a, offer, refuse)
}

// accept gives pion the answer, and the path what it needs to change it.
func (s *Session) accept(ctx context.Context, g *errgroup.Group, a *answer, offer string, refuse func(error) error) error {
	misfit := refuse(errors.New("the host's answer does not fit our offer"))
	ours, err := peer.FragOf(offer)
	if err != nil {
		return fail(StageOffer, true, "", fmt.Errorf("own offer: %w", err))
	}
	theirs, err := peer.FragOf(a.sdp)
	if err != nil {
		s.log.Debug("answer refused", "err", err)
		return misfit
	}
	late := holdBack(&theirs)
	if a.sdp, err = keepSections(a.sdp, offer); err != nil {
		return misfit
	}
	description, err := theirs.With(a.sdp)
	if err != nil {
		return misfit
	}
	err = s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: description})
	if err != nil {
		// pion's text quotes the answer; it stays in the log.
		s.log.Debug("answer refused", "err", err)
		return misfit
	}
	s.path.begin(a, ours)
	s.addServers(a.servers)
	s.path.candidates.settle()
	g.Go(func() error { s.path.addLater(ctx, late); return nil })
	return nil
}

// addServers lets the next search for a path use what the host named.
func (s *Session) addServers(named []ICEServer) {
	if len(named) == 0 {
		return
	}
	s.named = named
	s.path.more.Store(true)
	s.renewServers()
}

// renewServers has the next search for a path use the servers of this moment.
func (s *Session) renewServers() {
	now := peer.Union(s.cfg.NewICEServers(), s.named)
	if slices.EqualFunc(now, s.servers, peer.Server.Equal) {
		return
	}
	s.mu.Lock()
	s.servers = now
	s.mu.Unlock()
	if err := s.pc.SetConfiguration(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: peer.Servers(s.servers)}); err != nil {
		s.log.Warn("newer relays cannot be used", "err", err)
	}
}

// wantsLess reports a status by which a host may mean the size of the offer.
func wantsLess(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusConflict, http.StatusGone, http.StatusTooManyRequests, http.StatusUnsupportedMediaType:
		return false
	}
	return status >= 400 && status < 500
}

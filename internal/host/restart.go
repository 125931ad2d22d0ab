package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
)

// Bounds of what a terminal may ask of ICE.
const (
	restartGather = 400 * time.Millisecond // for our addresses on another path
	patchBurst    = 32                     // PATCHes at once
	patchEvery    = 100 * time.Millisecond // and one more in each of these
)

// path is the ICE side of a session: what the terminal last said, and what we
// answered. Its lock is held over a whole exchange, so they come one by one.
type path struct {
	mu         sync.Mutex
	etag       string
	remote     peer.Frag // the terminal's, with the candidates that we took
	local      peer.Frag // ours
	candidates int       // taken of this remote
	restarts   int

	tokens int // PATCHes that may come now
	filled time.Time
}

// begin notes the first exchange.
func (p *path) begin(offer, answer string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.etag, p.tokens, p.filled = `"`+rand.Text()+`"`, patchBurst, time.Now()
	var err error
	if p.remote, err = peer.FragOf(offer); err != nil {
		return badOffer("the offer cannot be used: it lacks a=ice-ufrag or a=ice-pwd, or ICE forbids them")
	}
	p.candidates = len(p.remote.Candidates)
	p.local, err = peer.FragOf(answer)
	return err
}

// tag is the entity tag of the ICE session of this moment.
func (p *path) tag() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.etag
}

// admit reports whether one more PATCH is within bounds.
func (p *path) admit(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := int(now.Sub(p.filled) / patchEvery); n > 0 {
		p.tokens = min(p.tokens+n, patchBurst)
		p.filled = p.filled.Add(time.Duration(n) * patchEvery)
	}
	if p.tokens == 0 {
		return false
	}
	p.tokens--
	return true
}

// patch takes a fragment (draft-ietf-wish-whep, 4.4; RFC 9725, 4.3): late
// candidates of the terminal, or names of its own for another path.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, c credential) {
	n, ok := s.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	n.holder.Store(&c) // a newer token, maybe
	if !n.path.admit(time.Now()) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the session changes its path too often", http.StatusTooManyRequests)
		return
	}
	body, ok := readBody(w, r, peer.FragType, peer.MaxFrag)
	if !ok {
		return
	}
	f, err := peer.ParseFrag([]byte(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.Candidates = slices.DeleteFunc(f.Candidates, func(c string) bool {
		return !checkable(strings.TrimPrefix(c, "candidate:"), s.access.loopback)
	})
	switch match := r.Header.Get("If-Match"); match {
	case "":
		http.Error(w, `say If-Match: the session's ETag, or * for another path`, http.StatusPreconditionRequired)
	case "*", `"*"`:
		n.answerRestart(r.Context(), w, f)
	default:
		n.takeLate(w, match, f)
	}
}

// takeLate adds candidates to the path that the terminal means.
func (s *session) takeLate(w http.ResponseWriter, match string, f peer.Frag) {
	p := &s.path
	p.mu.Lock()
	defer p.mu.Unlock()
	if match != p.etag || f.Ufrag != p.remote.Ufrag {
		http.Error(w, "the session has another path meanwhile", http.StatusPreconditionFailed)
		return
	}
	s.addCandidates(f.Candidates)
	w.WriteHeader(http.StatusNoContent)
}

// addCandidates gives pion what it does not have yet, within the bound of a
// path. The path's lock is held.
func (s *session) addCandidates(all []string) {
	for _, c := range all {
		if s.path.candidates >= maxCandidates {
			return
		}
		if slices.Contains(s.path.remote.Candidates, c) {
			continue
		}
		s.path.candidates++
		s.path.remote.Candidates = append(s.path.remote.Candidates, c)
		mid := s.path.remote.Mid
		if err := s.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c, SDPMid: &mid}); err != nil {
			s.log.Debug("candidate was not taken", "component", "host", "err", err)
		}
	}
}

// answerRestart looks for another path between the same two ends. A terminal
// that did not get our answer asks again with the same names and gets the
// same answer.
func (s *session) answerRestart(ctx context.Context, w http.ResponseWriter, f peer.Frag) {
	p := &s.path
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Ufrag == p.remote.Ufrag && f.Pwd == p.remote.Pwd {
		s.addCandidates(f.Candidates)
	} else if err := s.restart(ctx, f); err != nil {
		s.srv.refuse(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", peer.FragType)
	h.Set("ETag", p.etag)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(p.local.String())) // a terminal that has gone asks again
}

// restart exchanges the names and addresses of both ends. SRTP, DTLS and the
// data channels know nothing of it. The path's lock is held.
func (s *session) restart(ctx context.Context, f peer.Frag) error {
	f.Candidates = f.Candidates[:min(len(f.Candidates), maxCandidates)]
	offer, err := f.With(s.plan.reduced)
	if err != nil {
		return fmt.Errorf("internal error: rebuild offer: %w", err)
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return s.unlessOver("take another path", err)
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return s.unlessOver("answer another path", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return s.unlessOver("set another path", err)
	}
	timeout := time.NewTimer(restartGather)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C: // answer with what there is
	case <-ctx.Done(): // the terminal asks again: finish what has begun
	}
	local, err := peer.FragOf(s.pc.LocalDescription().SDP)
	if err != nil {
		return fmt.Errorf("internal error: own answer: %w", err)
	}
	p := &s.path
	p.remote, p.local, p.candidates = f, local, len(f.Candidates)
	p.etag = `"` + rand.Text() + `"`
	p.restarts++
	s.log.Info("session looks for another path", "component", "host", "restarts", p.restarts)
	return nil
}

// unlessOver wraps an error of pion's; that of a session that has just ended
// is no fault.
func (s *session) unlessOver(what string, err error) error {
	if s.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return &refusal{http.StatusNotFound, "there is no such session"}
	}
	return errors.Join(errors.New(what), err)
}

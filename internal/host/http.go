package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/blade-shadow/terminal/internal/peer"
)

const (
	endpoint   = "/whep"
	sdpType    = "application/sdp"
	maxOffer   = 64 << 10 // bytes
	retryAfter = "2"      // seconds
	// sessionRelation announces that the session has our data channels.
	sessionRelation = "urn:shadow-terminal:ext:session"
)

var errShuttingDown = errors.New("the host is shutting down")

// handler serves the WHEP exchanges. Every body but an answer is one sentence
// of text; http.ServeMux gives 404 and 405 with Allow.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS "+endpoint, s.options)
	mux.HandleFunc("OPTIONS "+endpoint+"/{id}", s.options)
	mux.HandleFunc("POST "+endpoint, s.authorized(s.post))
	mux.HandleFunc("PATCH "+endpoint+"/{id}", s.authorized(s.patch))
	mux.HandleFunc("DELETE "+endpoint+"/{id}", s.authorized(s.delete))
	mux.HandleFunc("POST "+endpoint+"/{id}/usb", s.authorized(s.postUSB))
	for _, r := range s.cfg.Routes {
		h := r.Handler
		if !r.Public {
			h = s.authorized(func(w http.ResponseWriter, q *http.Request, _ credential) { r.Handler.ServeHTTP(w, q) })
		}
		mux.Handle(r.Pattern, h)
	}
	return s.addressed(mux)
}

// addressed refuses requests for a name that is not ours when no token
// protects us: a web page that lets its own name point at loopback could
// drive this machine otherwise (DNS rebinding).
func (s *Server) addressed(next http.Handler) http.Handler {
	if s.access.own != nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			name = strings.Trim(r.Host, "[]")
		}
		if !peer.IsLoopback(name) {
			http.Error(w, "this host is reached as localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authorized asks for the bearer token (RFC 6750) where one is configured, and
// tells next what the request was let in by.
func (s *Server) authorized(next func(http.ResponseWriter, *http.Request, credential)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.admit(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shadow-host"`)
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		next(w, r, c)
	}
}

// options says what an endpoint or a session takes. Asking for a session that
// is none any more is how a terminal learns that we forgot it.
func (s *Server) options(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	id := r.PathValue("id")
	if id == "" {
		h.Set("Allow", "POST, OPTIONS")
		h.Set("Accept-Post", sdpType)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if _, ok := s.find(id); !ok {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	h.Set("Allow", "PATCH, DELETE, OPTIONS")
	h.Set("Accept-Patch", peer.FragType)
	w.WriteHeader(http.StatusNoContent)
}

// post answers an offer and starts the session.
func (s *Server) post(w http.ResponseWriter, r *http.Request, c credential) {
	offer, ok := readBody(w, r, sdpType, maxOffer)
	if !ok {
		return
	}
	screens := s.cfg.Source.Screens()
	have := limits{
		codecs: s.cfg.Codecs, screens: len(screens), sound: s.cfg.OpenAudioEncoder != nil, mic: s.cfg.OpenMicrophone != nil,
		loopback: s.access.loopback,
	}
	if have.screens == 0 {
		unavailable(w, "the host has no screen to show yet")
		return
	}
	p, err := readOffer(offer, have)
	if err != nil {
		s.refuse(w, err)
		return
	}
	select {
	case s.offers <- struct{}{}:
		defer func() { <-s.offers }()
	default:
		unavailable(w, "the host is busy with other offers")
		return
	}
	n, err := s.newSession(r.Context(), p, screens[:p.screens])
	if err == nil {
		n.holder.Store(&c)
		err = s.enter(r.Context(), n)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.announce(w.Header(), n)
	w.WriteHeader(http.StatusCreated)
	// A terminal that went away meanwhile does not connect; the session ends
	// by its own timeout.
	_, _ = io.WriteString(w, n.answer)
}

// announce says where and what a new session is.
func (s *Server) announce(h http.Header, n *session) {
	location := endpoint + "/" + n.id
	h.Set("Content-Type", sdpType)
	h.Set("Location", location)
	h.Set("ETag", n.path.tag())
	h.Set("Accept-Patch", peer.FragType)
	h.Set("Cache-Control", "no-store")
	if n.plan.hasData {
		h.Add("Link", fmt.Sprintf("<%s>; rel=%q", location, sessionRelation))
	}
	for _, link := range peer.Links(s.cfg.ICEServers) {
		h.Add("Link", link)
	}
}

// readBody reads an offer or a fragment within its bounds or answers why not.
func readBody(w http.ResponseWriter, r *http.Request, kind string, limit int64) (string, bool) {
	what := "offer"
	if kind == peer.FragType {
		what = "ICE fragment"
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != kind {
		http.Error(w, fmt.Sprintf("an %s is sent as %s", what, kind), http.StatusUnsupportedMediaType)
		return "", false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("the %s is over %d bytes", what, limit), http.StatusRequestEntityTooLarge)
		return "", false
	case err != nil:
		http.Error(w, fmt.Sprintf("the %s was cut off", what), http.StatusBadRequest)
		return "", false
	}
	return string(body), true
}

// refuse answers an offer that got no session.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
		http.Error(w, no.text, no.status)
	case errors.Is(err, errShuttingDown):
		unavailable(w, errShuttingDown.Error())
	case errors.Is(err, context.Canceled): // who asked has gone
		unavailable(w, "the request was given up")
	default:
		s.log.Error("session could not be opened", "component", "host", "err", err)
		http.Error(w, "the host could not open a session: its log says why", http.StatusInternalServerError)
	}
}

func unavailable(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", retryAfter)
	http.Error(w, why, http.StatusServiceUnavailable)
}

// delete ends a session (WHEP, 4.2).
func (s *Server) delete(w http.ResponseWriter, r *http.Request, _ credential) {
	n, ok := s.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	n.end(ending{reason: "the terminal ended the session"})
	w.WriteHeader(http.StatusOK)
}

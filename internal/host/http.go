package host

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
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
	mux.HandleFunc("OPTIONS "+endpoint, options("POST, OPTIONS"))
	mux.HandleFunc("OPTIONS "+endpoint+"/{id}", options("DELETE, OPTIONS"))
	mux.HandleFunc("POST "+endpoint, s.authorized(s.post))
	mux.HandleFunc("DELETE "+endpoint+"/{id}", s.authorized(s.delete))
	return s.addressed(mux)
}

// addressed refuses requests for a name that is not ours when no token
// protects us: a web page that lets its own name point at loopback could
// drive this machine otherwise (DNS rebinding).
func (s *Server) addressed(next http.Handler) http.Handler {
	if s.access.token != nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			name = strings.Trim(r.Host, "[]")
		}
		if !isLoopback(name) {
			http.Error(w, "this host is reached as localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authorized asks for the bearer token (RFC 6750) where one is configured.
// Hashes are compared, so neither contents nor length show in the time.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.access.token != nil {
			scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			hash := sha256.Sum256([]byte(strings.TrimSpace(given)))
			same := subtle.ConstantTimeCompare(hash[:], s.access.token[:]) == 1
			if !same || !strings.EqualFold(scheme, "Bearer") {
				w.Header().Set("WWW-Authenticate", `Bearer realm="shadow-host"`)
				http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
				return
			}
		}
		next(w, r)
	}
}

func options(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		if r.PathValue("id") == "" {
			w.Header().Set("Accept-Post", sdpType)
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// post answers an offer and starts the session.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	offer, ok := readBody(w, r)
	if !ok {
		return
	}
	screens := s.cfg.Source.Screens()
	have := limits{
		codecs: s.cfg.Codecs, screens: len(screens), sound: s.cfg.OpenAudioEncoder != nil,
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
		err = s.admit(r.Context(), n)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	location := endpoint + "/" + n.id
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", location)
	h.Set("ETag", n.etag)
	h.Set("Cache-Control", "no-store")
	if p.hasData {
		h.Add("Link", fmt.Sprintf("<%s>; rel=%q", location, sessionRelation))
	}
	w.WriteHeader(http.StatusCreated)
	// A terminal that went away meanwhile does not connect; the session ends
	// by its own timeout.
	_, _ = io.WriteString(w, n.answer)
}

// readBody reads the offer within its bounds or answers why not.
func readBody(w http.ResponseWriter, r *http.Request) (string, bool) {
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != sdpType {
		http.Error(w, "an offer is sent as "+sdpType, http.StatusUnsupportedMediaType)
		return "", false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("the offer is over %d bytes", maxOffer), http.StatusRequestEntityTooLarge)
		return "", false
	case err != nil:
		http.Error(w, "the offer was cut off", http.StatusBadRequest)
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
func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	n, ok := s.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	n.end(ending{reason: "the terminal ended the session"})
	w.WriteHeader(http.StatusOK)
}

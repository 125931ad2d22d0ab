package linktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
	"github.com/blade-shadow/terminal/internal/peer"
)

// Bounds of the HTTP exchange.
const (
	endpoint      = "/linktest"
	sdpType       = "application/sdp"
	maxOffer      = 64 << 10 // bytes
	maxCandidates = 32
	maxSections   = 2
	gatherTimeout = 2 * time.Second
	// sessionRetry is when to ask again while a session is live, in seconds.
	sessionRetry = 60
)

// Config describes the host's end.
type Config struct {
	MaxBps   int           // highest rate either way; default [linktest.DefaultMax]
	Loopback bool          // only this machine can connect
	Net      transport.Net // sockets and interfaces; nil: the kernel's
	// ICEServers are STUN and TURN servers that the host uses itself.
	ICEServers []peer.Server
	Logger     *slog.Logger // nil discards
}

// Server answers link tests. Run may be called once.
type Server struct {
	cfg Config
	log *slog.Logger

	beside   atomic.Pointer[Beside] // nil: nothing
	arrivals chan *test             // unbuffered, never closed
	closing  chan struct{}          // closed when Run takes no more

	mu      sync.Mutex // guards below
	current *test      // nil: none; an answered one or one being answered
}

// New checks cfg; it starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.MaxBps == 0 {
		cfg.MaxBps = linktest.DefaultMax
	}
	if cfg.MaxBps < linktest.MinMax || cfg.MaxBps > linktest.MaxMax {
		return nil, fmt.Errorf("link test's bound of %d b/s: use %d to %d", cfg.MaxBps, linktest.MinMax, linktest.MaxMax)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, log: cfg.Logger.With("component", "linktest"),
		arrivals: make(chan *test), closing: make(chan struct{}),
	}, nil
}

// Beside is the host's server that sessions are with.
type Beside interface {
	// Live says whether a session is live: then no test begins, and one that
	// runs ends.
	Live() bool
	// TCP takes packets over TCP (RFC 6544); nil: nothing does.
	TCP() ice.TCPMux
}

// SetBeside tells the server what it is beside of. It may be called before Run.
func (s *Server) SetBeside(b Beside) { s.beside.Store(&b) }

func (s *Server) sessionLive() bool {
	b := s.beside.Load()
	return b != nil && (*b).Live()
}

func (s *Server) tcp() ice.TCPMux {
	if b := s.beside.Load(); b != nil {
		return (*b).TCP()
	}
	return nil
}

// Handlers are what the host's HTTP server answers for us, by the patterns of
// [http.ServeMux].
func (s *Server) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"POST " + endpoint:             http.HandlerFunc(s.post),
		"DELETE " + endpoint + "/{id}": http.HandlerFunc(s.delete),
	}
}

// Run runs tests until ctx ends, which is no error.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.closing)
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-s.arrivals:
			t.run(ctx)
			s.release(t)
		}
	}
}

// post answers an offer and starts the test.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	offer, ok := readOffer(w, r)
	if !ok {
		return
	}
	if s.sessionLive() {
		busy(w, sessionRetry, "a session is live: the test would disturb it")
		return
	}
	t := &test{
		id: rand.Text(), srv: s, ends: time.Now().Add(linktest.Limit),
		quit: make(chan string, 1),
	}
	if left, ok := s.reserve(t); !ok {
		busy(w, int(left/time.Second)+1, "another link test is running")
		return
	}
	answer, err := t.open(r.Context(), offer)
	if err == nil {
		err = s.admit(r.Context(), t)
	}
	if err != nil {
		s.refuse(w, errors.Join(err, t.close()))
		s.release(t)
		return
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", endpoint+"/"+t.id)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	// A terminal that went away does not connect; the test ends by its bounds.
	_, _ = io.WriteString(w, answer)
}

// readOffer reads the offer within its bounds or answers why not. What a link
// test has no use for is refused before pion reads it.
func readOffer(w http.ResponseWriter, r *http.Request) (string, bool) {
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
	if err := checkOffer(string(body)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return "", false
	}
	return string(body), true
}

// checkOffer bounds what an offer makes pion do: each candidate is an address
// that is sent to, and names would be looked up.
func checkOffer(offer string) error {
	sections, candidates := 0, 0
	for line := range strings.Lines(offer) {
		switch {
		case strings.HasPrefix(line, "m="):
			sections++
		case strings.HasPrefix(line, "a=candidate:"):
			candidates++
			if f := strings.Fields(line); len(f) > 4 && strings.HasSuffix(f[4], ".local") {
				return errors.New("the offer has candidates that are names")
			}
		}
	}
	if sections == 0 || sections > maxSections || candidates > maxCandidates {
		return fmt.Errorf("an offer of a link test has at most %d sections and %d candidates", maxSections, maxCandidates)
	}
	return nil
}

// delete ends the test.
func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	t := s.current
	s.mu.Unlock()
	if t == nil || t.id != r.PathValue("id") {
		http.Error(w, "there is no such link test", http.StatusNotFound)
		return
	}
	t.end("the terminal ended the test")
	w.WriteHeader(http.StatusOK)
}

// reserve takes the only place, or says how long it is taken at most.
func (s *Server) reserve(t *test) (left time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return max(time.Until(s.current.ends), 0), false
	}
	s.current = t
	return 0, true
}

func (s *Server) release(t *test) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == t {
		s.current = nil
	}
}

var errClosing = errors.New("the host is shutting down")

// admit gives an answered test to Run.
func (s *Server) admit(ctx context.Context, t *test) error {
	select {
	case s.arrivals <- t:
		return nil
	case <-s.closing:
		return errClosing
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, lane.ErrOffer):
		http.Error(w, lane.ErrOffer.Error(), http.StatusBadRequest)
	case errors.Is(err, errClosing), errors.Is(err, context.Canceled):
		w.Header().Set("Retry-After", "2")
		http.Error(w, errClosing.Error(), http.StatusServiceUnavailable)
	default:
		s.log.Error("link test could not be opened", "err", err)
		http.Error(w, "the host could not open a link test: its log says why", http.StatusInternalServerError)
	}
}

func busy(w http.ResponseWriter, seconds int, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, why, http.StatusConflict)
}

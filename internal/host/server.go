package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Bounds of one HTTP exchange (docs/PROTOCOL.md).
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = 15 * time.Second
	idleTimeout     = 30 * time.Second
	maxHeader       = 16 << 10
	shutdownTimeout = time.Second
	// maxConns bounds the connections, so that no crowd of strangers takes the
	// file descriptors that a session needs.
	maxConns = 64
	// maxOffers bounds the offers that are being answered: each has sockets.
	maxOffers = 8
)

// Server is the host. Run may be called once.
type Server struct {
	cfg      Config
	access   access
	log      *slog.Logger
	totals   *totals
	recorder *recorder  // nil: nothing is recorded
	tcp      ice.TCPMux // nil: media over UDP only; constant while Run serves

	// arrivals hands answered sessions to the manager; unbuffered, never
	// closed: a handler waits until the manager or its request's end.
	arrivals chan *session
	closing  chan struct{} // closed when the manager takes no more
	offers   chan struct{} // capacity maxOffers, one for each being answered; full refuses

	mu       sync.Mutex // guards sessions
	sessions map[string]*session
}

// New checks the configuration, certificate and token; it listens nowhere.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	a, err := newAccess(cfg)
	if err != nil {
		return nil, err
	}
	srv := &Server{
		cfg: cfg, access: a, log: cfg.Logger, totals: newTotals(),
		arrivals: make(chan *session),
		closing:  make(chan struct{}),
		offers:   make(chan struct{}, maxOffers),
		sessions: make(map[string]*session),
	}
	if cfg.Record != nil {
		srv.recorder = newRecorder(cfg.Record, cfg.Logger)
	}
	return srv, nil
}

// Run serves until ctx ends, which is no error. The session in progress is
// told; everything has ended when Run returns.
func (s *Server) Run(ctx context.Context) error {
	l, url, err := s.access.listen(ctx)
	if err != nil {
		return err
	}
	if err := s.listenTCP(ctx); err != nil {
		return errors.Join(err, l.Close())
	}
	g, ctx := errgroup.WithContext(ctx)
	srv := s.httpServer()
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", url, err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := srv.Shutdown(stop); err != nil {
			return srv.Close() // exchanges that hang
		}
		return nil
	})
	g.Go(func() error { return s.manage(ctx) })
	g.Go(func() error { return s.watchCredentials(ctx) })
	if s.recorder != nil {
		g.Go(func() error { return s.recorder.run(ctx) })
	}
	if s.cfg.OnListen != nil {
		s.cfg.OnListen(url)
	}
	err = g.Wait()
	if s.tcp != nil {
		err = errors.Join(err, s.tcp.Close())
	}
	return err
}

// listenTCP opens the port for media over TCP, if there is one. It is apart
// from the HTTP server's: what is spoken there is STUN, DTLS and SRTP.
func (s *Server) listenTCP(ctx context.Context) error {
	if s.cfg.ICETCP == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.ICETCP)
	if err != nil {
		return fmt.Errorf("listen for media over TCP: %w", err)
	}
	s.tcp = peer.NewTCP(crowd{l, make(chan struct{}, maxConns)})
	return nil
}

// network is what a session's connection may use.
func (s *Server) network() peer.Config {
	return peer.Config{Loopback: s.access.loopback, Net: s.cfg.Net, TCP: s.tcp}
}

func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// net/http reports peers' broken handshakes here: not our errors.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// manage has one session at a time: a new one takes the old one's place as
// soon as the old one is gone.
func (s *Server) manage(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer close(s.closing)
	var current *session
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-s.arrivals:
			if current != nil {
				current.end(ending{code: wire.ByeTakenOver, reason: "taken over by another terminal", tell: true})
				<-current.done
			}
			current = next
			running.Go(func() {
				defer s.forget(next.id)
				next.run(ctx)
			})
		}
	}
}

// enter gives an answered session to the manager, or closes it when the
// server is going down or the request is over.
func (s *Server) enter(ctx context.Context, n *session) error {
	s.mu.Lock()
	s.sessions[n.id] = n
	s.mu.Unlock()
	select {
	case s.arrivals <- n:
		return nil
	case <-s.closing:
	case <-ctx.Done():
	}
	s.forget(n.id)
	return errors.Join(errShuttingDown, n.pc.GracefulClose())
}

func (s *Server) forget(id string) {
	s.mu.Lock()
	delete(s.sessions, id)
	s.mu.Unlock()
}

// find returns a session that has not ended.
func (s *Server) find(id string) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.sessions[id]
	return n, ok
}

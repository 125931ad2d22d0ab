package linktest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/pion/transport/v5"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// How long each part of a test may take. All of them together stay within
// [linktest.Limit] by its deadline.
const (
	gatherTimeout  = time.Second
	connectTimeout = 8 * time.Second
	greetTimeout   = 3 * time.Second
	idleTime       = 800 * time.Millisecond
	stepGrace      = 3 * time.Second // beyond a step's duration
	closing        = 700 * time.Millisecond
	// pingGrace is how long a ping may be without an answer before it is lost.
	pingGrace = 500 * time.Millisecond
)

// Config is what a test needs.
type Config struct {
	URL    string        // of the host: its WHEP endpoint or only its name
	Bearer func() string // returns the token, "" for none; nil: there is none
	TLS    *tls.Config   // nil: the system's defaults
	MaxBps int           // highest rate either way; default [linktest.DefaultMax]

	Net        transport.Net // sockets and interfaces; nil: the kernel's
	ICEServers []peer.Server
	RelayOnly  bool // only through a TURN server

	// Link says what is known of the network interface that has an address. It
	// is called before and after the measurement. May be nil.
	Link func(local netip.Addr) linktest.Link
	// Progress is told what comes next and how much of the test is over, 0 to
	// 1. May be nil.
	Progress func(share float64, text string)
	Logger   *slog.Logger // nil: discard
}

// Error is why there is no result.
type Error struct {
	Hint string // what a person can do: one sentence, may be empty
	Err  error
}

// Error returns the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// run is one test on its way.
type run struct {
	cfg      Config
	exchange *exchange
	lane     *lane.Lane
	ends     time.Time // of the measurement
	result   *linktest.Result
	begun    time.Time
	steps    int
	planned  int
}

// Run tests the way to a host and returns the graded result. Also a host that
// can be reached by HTTP only is a result. It ends within [linktest.Limit].
func Run(ctx context.Context, cfg Config) (*linktest.Result, error) {
	if cfg.MaxBps == 0 {
		cfg.MaxBps = linktest.DefaultMax
	}
	if cfg.MaxBps < linktest.MinMax || cfg.MaxBps > linktest.MaxMax {
		return nil, fmt.Errorf("bound of %d b/s: use %d to %d", cfg.MaxBps, linktest.MinMax, linktest.MaxMax)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(float64, string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	x, err := newExchange(cfg)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := &run{
		cfg: cfg, exchange: x, begun: now, ends: now.Add(linktest.Limit - closing),
		result: &linktest.Result{At: now.UTC().Truncate(time.Second), Host: x.endpoint.Host, MaxBps: cfg.MaxBps},
	}
	return r.run(ctx)
}

func (r *run) run(parent context.Context) (*linktest.Result, error) {
	ctx, cancel := context.WithDeadline(parent, r.ends)
	defer cancel()
	err := r.connect(ctx)
	defer r.close(context.WithoutCancel(parent))
	if err != nil {
		if parent.Err() != nil {
			return nil, parent.Err()
		}
		return r.blocked(err)
	}
	before, local := r.link()
	err = r.lastWord(parent, r.measure(ctx))
	if parent.Err() != nil {
		return nil, parent.Err() // the person's wish
	}
	if err != nil {
		if len(r.result.Down) == 0 && r.result.Idle.N == 0 {
			return nil, r.explain(err)
		}
		r.result.Stopped = reason(err)
	}
	if r.cfg.Link != nil {
		r.result.Link = r.cfg.Link(local).Since(before)
		r.result.Path.MTU.Interface = r.result.Link.MTU
	}
	return r.finish(), nil
}

// lastWord is the host's goodbye where it came before the path was lost by err:
// either can be seen first.
func (r *run) lastWord(ctx context.Context, err error) error {
	if !errors.Is(err, lane.ErrLost) {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel() // what has come is heard all the same
	for {
		m, herr := r.lane.Hear(over)
		if herr != nil {
			return err
		}
		if m.Type == linktest.MessageBye {
			return &byeError{wire.Printable(m.Reason)}
		}
	}
}

func (r *run) finish() *linktest.Result {
	r.result.Seconds = time.Since(r.begun).Round(10 * time.Millisecond).Seconds()
	r.result.Finish()
	return r.result
}

// errNoPath says that HTTP works and nothing else.
var errNoPath = errors.New("no path to the host was found")

// blocked makes a result of a host that only HTTP reaches, and an error of all
// else.
func (r *run) blocked(err error) (*linktest.Result, error) {
	if !errors.Is(err, errNoPath) {
		return nil, r.explain(err)
	}
	r.result.Path = linktest.Path{
		Transport: linktest.TransportNone, UDP: linktest.ReachBlocked,
		NAT: linktest.NAT{Mapping: linktest.BehaviourNotKnown, Filtering: linktest.BehaviourNotKnown},
	}
	if r.cfg.Link != nil {
		r.result.Link = r.cfg.Link(r.exchange.local)
	}
	return r.finish(), nil
}

// explain gives an error that came after the exchange its sentence.
func (r *run) explain(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{"test again in a moment; if it stays, look at the host's log", fmt.Errorf("link test with %s: nothing could be measured within %v", r.result.Host, linktest.Limit)}
	case errors.Is(err, lane.ErrFlooded):
		return &Error{"what answers there is not a host to trust", fmt.Errorf("link test with %s: the host sends more than was agreed", r.result.Host)}
	}
	return &Error{"look at the host's log", fmt.Errorf("link test with %s: %w", r.result.Host, err)}
}

// reason is an error in a few words.
func reason(err error) string {
	var b *byeError
	switch {
	case errors.As(err, &b):
		return "the host ended it: " + b.reason
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNoTime):
		return fmt.Sprintf("its %v were over", linktest.Limit)
	case errors.Is(err, lane.ErrFlooded):
		return "the host sent more than was agreed"
	case errors.Is(err, lane.ErrLost):
		return "the connection was lost"
	}
	return err.Error()
}

// connect exchanges descriptions and waits for the path.
func (r *run) connect(ctx context.Context) error {
	r.cfg.Progress(0, "asking the host")
	var err error
	r.lane, err = lane.New(lane.Config{
		Loopback: r.exchange.loopback(), Net: r.cfg.Net, ICEServers: peer.Servers(r.cfg.ICEServers),
		RelayOnly: r.cfg.RelayOnly, MaxBps: r.cfg.MaxBps,
	})
	if err != nil {
		return err
	}
	offer, err := r.lane.Offer(ctx, gatherTimeout)
	if err != nil {
		return err
	}
	answer, err := r.exchange.post(ctx, offer)
	if err != nil {
		return err
	}
	if err := r.lane.Accept(answer); err != nil {
		r.cfg.Logger.Debug("answer refused", "err", err) // quotes the answer
		return &Error{notAHost, fmt.Errorf("the answer of host %s does not fit our offer", r.result.Host)}
	}
	r.cfg.Progress(0.02, "finding a path")
	patience := time.NewTimer(connectTimeout)
	defer patience.Stop()
	select {
	case <-r.lane.Connected():
		return nil
	case <-r.lane.Failed():
	case <-patience.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, found := r.lane.Path(); found {
		return &Error{"look at the host's log, or who is between here and the host", errors.New("the path to the host could not be secured")}
	}
	return errNoPath
}

// link is what is known of the interface before the measurement.
func (r *run) link() (before linktest.Link, local netip.Addr) {
	local = r.exchange.local
	if p, ok := r.lane.Path(); ok && p.Local.IsValid() {
		local = p.Local
	}
	if r.cfg.Link != nil {
		before = r.cfg.Link(local)
	}
	return before, local
}

// measure runs the plan; pings go all the while.
func (r *run) measure(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	stop, done := context.WithCancel(ctx)
	g.Go(func() error { r.lane.KeepPinging(stop); return nil })
	g.Go(func() error {
		defer done()
		return r.plan(ctx)
	})
	return g.Wait()
}

// plan is the test: greeting, quiet line, packet sizes, then each direction's
// ladder as far as it carries.
func (r *run) plan(ctx context.Context) error {
	hello, err := r.greet(ctx)
	if err != nil {
		return err
	}
	if err := r.quiet(ctx, hello); err != nil {
		return err
	}
	ladder := linktest.Ladder(r.result.MaxBps)
	r.planned = 2 * len(ladder)
	for _, d := range [...]linktest.Direction{linktest.Down, linktest.Up} {
		if err := r.climb(ctx, d, ladder); err != nil {
			return err
		}
	}
	return r.lane.Tell(ctx, linktest.Message{Type: linktest.MessageBye, Reason: "done"})
}

// close says goodbye by HTTP as well and takes the connection down.
func (r *run) close(ctx context.Context) {
	r.exchange.delete(ctx)
	if r.lane == nil {
		return
	}
	if err := r.lane.Close(); err != nil {
		r.cfg.Logger.Debug("close connection", "err", err)
	}
}

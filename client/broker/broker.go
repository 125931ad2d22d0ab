package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/broker"
)

// Bounds of asking (docs/broker.yaml).
const (
	exchange    = 10 * time.Second // one request and its answer
	maxMoves    = 4
	leastPause  = 250 * time.Millisecond
	longPause   = time.Minute
	renewShare  = 2.0 / 3 // of a token's life
	look        = 5 * time.Second
	longRenewal = 15 * time.Second // between attempts to renew
)

// Config is what a client needs.
type Config struct {
	URL      string          // https, or http on loopback; without a path broker.Path is meant
	TLS      *tls.Config     // authorities and the device's certificate; nil: the system's, none
	Bearer   func() string   // the device's token, asked before each request; nil or "": none
	Terminal broker.Terminal // who asks
	// OnState is told each answer but ready and revoked, on the goroutine of
	// Ask, before Ask waits. It may be nil.
	OnState func(Status)
	Logger  *slog.Logger // nil: discard

	// Transport makes the requests; nil: TCP and TLS.
	Transport http.RoundTripper
	// SinceBoot is a clock that goes on while the machine sleeps; nil: the
	// kernel's.
	SinceBoot func() time.Duration
}

// Status is what a person can be told while there is no session yet.
type Status struct {
	broker.Response
	Broker string        // host and port of who said so, or with state moved of who is asked now
	Waking bool          // the PC was asked to wake
	Next   time.Duration // until the next question
}

// Grant is the way to the host.
type Grant struct {
	URL string // WHEP endpoint
}

// Stats is what was asked so far.
type Stats struct {
	Questions uint64 // answered or not
	Waits     uint64 // answers that had us wait
	Moves     uint64
	Renewals  uint64 // of a token in mid-session
	Waited    time.Duration
}

// Client asks one broker.
//
//	Ask:  asking --ready--> Grant
//	       |  ^ \--moved--> asking there, at most 4 times
//	       |  |  \--revoked, no answer, refusal--> error
//	       v  |
//	      waiting (starting, asleep, maintenance; a key ends it)
//
//	Hold: fresh --2/3 of its life--> renewing --ready--> fresh
//	                                  |   ^ \--revoked--> error
//	                                  v   | anything else, expired or not
//	                                 waiting
type Client struct {
	cfg        Config
	log        *slog.Logger
	http       *http.Client
	configured *url.URL

	mu      sync.Mutex // guards below
	current *url.URL   // who is asked: configured, or where that led
	token   string
	ice     []broker.ICEServer // of the newest answer that named any
	renewAt time.Duration      // on SinceBoot; 0: nothing to renew
	expires time.Duration      // the same
	stats   Stats
}

// New checks cfg. It asks nobody.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("broker address %q is not a URL", cfg.URL)
	}
	if err := checkBroker(cfg.URL, u); err != nil {
		return nil, err
	}
	completePath(u)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OnState == nil {
		cfg.OnState = func(Status) {}
	}
	if cfg.Bearer == nil {
		cfg.Bearer = func() string { return "" }
	}
	if cfg.SinceBoot == nil {
		cfg.SinceBoot = bootClock()
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			TLSClientConfig: cfg.TLS, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10,
		}
	}
	return &Client{
		cfg: cfg, log: cfg.Logger.With("component", "broker"), configured: u, current: u,
		http: &http.Client{
			Transport:     cfg.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Ask asks until the PC is ready and returns the way there. wake says that a
// person wants the PC now; a value on pressed says so later, and ends a wait.
// The error is ctx's or a *[client.Error].
func (c *Client) Ask(ctx context.Context, wake bool, pressed <-chan struct{}) (Grant, error) {
	began := c.cfg.SinceBoot()
	defer func() {
		c.mu.Lock()
		c.stats.Waited += c.cfg.SinceBoot() - began
		c.mu.Unlock()
	}()
	for {
		r, from, err := c.question(ctx, wake, c.cfg.OnState)
		switch {
		case err != nil:
			return Grant{}, err
		case r.State == broker.Ready:
			return c.take(r, from)
		case r.State == broker.Revoked:
			return Grant{}, revoked(r)
		}
		pause := interval(r)
		c.mu.Lock()
		c.stats.Waits++
		c.mu.Unlock()
		c.cfg.OnState(Status{Response: r, Broker: from.Host, Waking: wake, Next: pause})
		asked, err := wait(ctx, pause, pressed)
		if err != nil {
			return Grant{}, err
		}
		wake = wake || asked
	}
}

// take keeps the token of a ready PC and returns the way there.
func (c *Client) take(r broker.Response, from *url.URL) (Grant, error) {
	to, err := follow(from, r.WHEPURL)
	if err != nil {
		return Grant{}, failed(true, hintBroker, fmt.Errorf("broker %s leads to a host that is not used: %w", from.Host, err))
	}
	c.mu.Lock()
	c.ice = nil // of another PC, maybe
	c.mu.Unlock()
	c.keep(r)
	return Grant{URL: to.String()}, nil
}

// keep remembers a token and when to ask for the next.
func (c *Client) keep(r broker.Response) {
	now, life := c.cfg.SinceBoot(), time.Duration(r.ExpiresIn)*time.Second
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token, c.renewAt, c.expires = r.Token, 0, 0
	if len(r.ICEServers) > 0 {
		c.ice = r.ICEServers
	}
	if life > 0 {
		// A little earlier or later, so that terminals that began together part.
		c.renewAt = now + time.Duration(float64(life)*renewShare*(0.9+0.1*rand.Float64()))
		c.expires = now + life
	}
}

// Bearer returns the newest token for the host, "" where it asks for none. Any
// goroutine.
func (c *Client) Bearer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// ICEServers returns the newest STUN and TURN servers, whose passwords may expire
// as tokens do. Nobody changes the list. Any goroutine.
func (c *Client) ICEServers() []broker.ICEServer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ice
}

// Stats returns the figures so far. Any goroutine.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Hold renews the token of the last Ask until ctx ends, which is no error. It
// ends before only when the broker revokes the terminal: whatever else goes
// wrong with a broker does not end a session.
func (c *Client) Hold(ctx context.Context) error {
	for {
		c.mu.Lock()
		at := c.renewAt
		c.mu.Unlock()
		if at == 0 {
			<-ctx.Done()
			return nil
		}
		if !c.until(ctx, at) {
			return nil
		}
		if err := c.renew(ctx); err != nil {
			return err
		}
	}
}

// until waits for a moment on the clock that goes on while the machine sleeps,
// which timers do not.
func (c *Client) until(ctx context.Context, at time.Duration) bool {
	for {
		left := at - c.cfg.SinceBoot()
		if left <= 0 {
			return ctx.Err() == nil
		}
		if _, err := wait(ctx, min(left, look), nil); err != nil {
			return false
		}
	}
}

// renew asks once for another token. Without success it says when to ask again.
func (c *Client) renew(ctx context.Context) error {
	// A move in mid-session is nobody's concern but ours.
	r, from, err := c.question(ctx, false, func(Status) {})
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && r.State == broker.Revoked:
		return revoked(r)
	case err == nil && r.State == broker.Ready && r.Token != "":
		c.keep(r)
		c.mu.Lock()
		c.stats.Renewals++
		c.mu.Unlock()
		c.log.Info("token renewed", "broker", from.Host, "expires_in_s", r.ExpiresIn)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.SinceBoot()
	c.renewAt = now + jitter(min(max((c.expires-now)/4, time.Second), longRenewal))
	c.log.Info("token is not renewed yet", "state", string(r.State), "err", err)
	return nil
}

// revoked is the end of asking.
func revoked(r broker.Response) error {
	err := client.ErrRevoked
	if r.Message != "" {
		err = fmt.Errorf("%w: %s", client.ErrRevoked, r.Message)
	}
	return failed(true, "ask who runs your PC", err)
}

// interval is when to ask again after r.
func interval(r broker.Response) time.Duration {
	d := time.Duration(r.RetryAfter) * time.Second
	if d == 0 {
		switch r.State {
		case broker.Asleep:
			d = 10 * time.Second
		case broker.Maintenance:
			d = 30 * time.Second
		default:
			d = time.Second
		}
	}
	return jitter(min(d, longPause))
}

// jitter spreads the questions of many terminals: 80 to 120 % of d.
func jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }

// wait waits for d; a value on pressed ends it, though not at once after the
// last question, however fast somebody types.
func wait(ctx context.Context, d time.Duration, pressed <-chan struct{}) (asked bool, err error) {
	early, late := time.NewTimer(min(leastPause, d)), time.NewTimer(d)
	defer early.Stop()
	defer late.Stop()
	select {
	case <-early.C:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-pressed:
		return true, nil
	case <-late.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// failed is an error for people.
func failed(final bool, hint string, err error) *client.Error {
	return &client.Error{Stage: client.StageSignal, Final: final, Hint: hint, Err: err}
}

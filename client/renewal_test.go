package client_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/broker"
	nouns "github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/host"
	desk "github.com/blade-shadow/terminal/internal/host/broker"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// soonEnough bounds how long a terminal that was revoked may be shown anything.
const soonEnough = 5 * time.Second

// guarded is a host with a token and its broker, and what the terminal's
// requests carried on their way there.
type guarded struct {
	*hosttest.Host
	via             *front
	tokens, revoked string // files
	logged          log
	device          atomic.Pointer[hosttest.Host]
	looks           atomic.Int32 // how often it was asked whether a terminal stands

	mu              sync.Mutex // guards below
	posted, patched []string   // the tokens of requests to the endpoint and to sessions
}

func newGuarded(t *testing.T, life time.Duration) *guarded {
	t.Helper()
	dir := t.TempDir()
	g := &guarded{tokens: filepath.Join(dir, "token"), revoked: filepath.Join(dir, "revoked")}
	g.write(t, g.tokens, testToken)
	g.write(t, g.revoked, "# nobody\n")
	b, err := desk.New(desk.Config{
		Device: func(r *http.Request) (desk.Device, bool) {
			d, ok := g.device.Load().Device(r)
			return desk.Device(d), ok
		},
		Tokens: true, Lifetime: life, RevokedFile: g.revoked,
	})
	if err != nil {
		t.Fatal(err)
	}
	g.Host = hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) {
		c.TokenFile, c.Logger = g.tokens, g.logged.logger()
		c.CheckToken = func(token string) (func() bool, bool) {
			stands, ok := b.CheckToken(token)
			return func() bool { g.looks.Add(1); return stands() }, ok
		}
		c.Routes = []host.Route{{Pattern: "POST " + nouns.Path, Handler: b, Public: true}}
	}})
	g.device.Store(g.Host)
	g.via = newFront(t, g.URL)
	g.via.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case r.Method == http.MethodPatch:
			g.patched = append(g.patched, token)
		case r.Method == http.MethodPost && r.URL.Path == "/whep":
			g.posted = append(g.posted, token)
		}
		return false
	}
	return g
}

func (g *guarded) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asks returns the way to the host that the broker shows to who holds the
// host's own token.
func (g *guarded) asks(t *testing.T) (*broker.Client, broker.Grant) {
	t.Helper()
	c, err := broker.New(broker.Config{
		URL: strings.TrimSuffix(g.via.url, "/whep"), Bearer: func() string { return testToken },
		Terminal: nouns.Terminal{Name: "test", Version: "1", Device: "front-desk", Screens: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	grant, err := c.Ask(t.Context(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, grant
}

// opens reports whether the host lets in who holds a token.
func (g *guarded) opens(t *testing.T, token string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, g.URL+"/no-session", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("DELETE of no session = %s; want 404 or 401", resp.Status)
	}
	return resp.StatusCode == http.StatusNotFound
}

// isRevoked waits for the session's end and checks what is said of it.
func (r *terminal) isRevoked(t *testing.T) {
	t.Helper()
	begin := time.Now()
	err := r.failure(t)
	took := time.Since(begin)
	if !errors.Is(err, client.ErrRevoked) || !err.Final || err.Stage != client.StageLive || err.Hint == "" || !strings.Contains(err.Error(), "does not accept its token any more") {
		t.Errorf("Run() = %v in stage %v, final %v, hint %q; want that the terminal was revoked", err, err.Stage, err.Final, err.Hint)
	}
	if took > soonEnough {
		t.Errorf("the session ended %v after its terminal was revoked; want at most %v", took, soonEnough)
	}
	t.Logf("the session ended after %v: %v", took, err)
}

// A token that is renewed in time is what the next request carries, and a
// session goes on when its tokens have expired; when its device is revoked it
// ends, though the last token had expired by then.
func TestTokenLife(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, 2*time.Second)
	c, grant := g.asks(t)
	first := c.Bearer()
	network := newFading(t)
	r := start(t, grant.URL, func(cfg *client.Config) { cfg.Net, cfg.Bearer = network, c.Bearer })
	ctx, stop := context.WithCancel(t.Context())
	held := make(chan error, 1)
	go func() { held <- c.Hold(ctx) }()
	r.keyframe(t, 0)
	hosttest.Until(t, "the first token has expired and there is another", func() bool { return !g.opens(t, first) && g.opens(t, c.Bearer()) })
	network.kill()
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts == 1 })
	r.works(t, g.Host)

	stop()
	if err := <-held; err != nil {
		t.Fatalf("Hold() = %v; want nil", err)
	}
	last := c.Bearer()
	hosttest.Until(t, "the last token has expired", func() bool { return !g.opens(t, last) })
	looks := g.looks.Load()
	hosttest.Until(t, "the host has looked twice", func() bool { return g.looks.Load() >= looks+2 })
	r.works(t, g.Host)
	g.mu.Lock()
	posted, patched := g.posted, g.patched
	g.mu.Unlock()
	if len(posted) != 1 || posted[0] != first || len(patched) == 0 || patched[0] == first {
		t.Errorf("POSTs carried %q, PATCHes %q; want one with the first token %q, and then newer ones", posted, patched, first)
	}

	g.write(t, g.revoked, "front-desk")
	r.isRevoked(t)
	if _, err := c.Ask(t.Context(), true, nil); !errors.Is(err, client.ErrRevoked) {
		t.Errorf("Ask() = %v; want that the terminal was revoked", err)
	}
}

// Another token in the host's file ends the session of who held the one before,
// and of who got a broker's for it. A file that holds none changes nothing.
func TestTokenFileChanges(t *testing.T) {
	t.Parallel()
	const other = "another-token-of-the-host"
	for _, by := range []string{"host", "broker"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, time.Minute)
			url, bearer := g.URL, func() string { return testToken }
			if by == "broker" {
				c, grant := g.asks(t)
				url, bearer = grant.URL, c.Bearer
			}
			r := start(t, url, func(c *client.Config) { c.Bearer = bearer })
			r.keyframe(t, 0)
			g.write(t, g.tokens, "short")
			hosttest.Until(t, "the host has looked at the file", func() bool { return strings.Contains(g.logged.String(), "the token from before counts on") })
			r.works(t, g.Host)
			if !g.opens(t, testToken) {
				t.Error("the token is refused while the file holds none; want it to count on")
			}
			g.write(t, g.tokens, other)
			r.isRevoked(t)
			if g.opens(t, bearer()) || g.opens(t, testToken) || !g.opens(t, other) {
				t.Errorf("tokens from before open: %v, %v, the new one: %v; want the new one alone", g.opens(t, bearer()), g.opens(t, testToken), g.opens(t, other))
			}
			start(t, g.URL, func(c *client.Config) { c.Bearer = func() string { return other } }).keyframe(t, 0)
			if text := g.logged.String(); strings.Contains(text, testToken) || strings.Contains(text, other) {
				t.Errorf("the host's log holds a token:\n%s", text)
			}
		})
	}
}

// A session is whose token its last PATCH carried: who came with the one before
// may go.
func TestNewerTokenHolds(t *testing.T) {
	t.Parallel()
	var gone sync.Map // tokens that stand no more
	var asked atomic.Int32
	h := hosttest.Start(t, hosttest.Config{Token: testToken, Change: func(c *host.Config) {
		c.CheckToken = func(token string) (func() bool, bool) {
			return func() bool {
				if token == "newer" {
					asked.Add(1)
				}
				_, is := gone.Load(token)
				return !is
			}, token == "older" || token == "newer"
		}
	}})
	network := newFading(t)
	var now atomic.Value
	now.Store("older")
	r := start(t, h.URL, func(c *client.Config) {
		c.Net, c.Bearer = network, func() string { return now.Load().(string) }
	})
	r.keyframe(t, 0)
	now.Store("newer")
	network.kill()
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts > 0 })
	gone.Store("older", true)
	before := asked.Load()
	hosttest.Until(t, "the host has looked twice", func() bool { return asked.Load() >= before+2 })
	r.works(t, h)
	gone.Store("newer", true)
	r.isRevoked(t)
}

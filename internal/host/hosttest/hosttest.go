// Package hosttest runs a real host inside a test: sockets, DTLS and the
// protocol are those of shadow-host, only the codecs and the input device are
// fakes. It is for tests of what talks to a host; [Start] owns the host's
// goroutines and ends them with the test.
package hosttest

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/input"
)

// Size and rate of the fake screens: small, so that the race detector keeps up.
const (
	Width  = 320
	Height = 180
	FPS    = 30
)

// Config describes the host. The zero value shows one screen on a free port.
type Config struct {
	Screens int // default 1
	// Width, Height and FPS of each screen; default those of this package.
	Width, Height, FPS int
	Listen             string // host:port, default a free port of loopback
	Token              string // bearer token, "" for none
	Sound              bool   // packets of no meaning, 200 a second
	Broken             bool   // its encoder fails, which ends every session
	// OpenEncoder opens real encoders, nil: fakes, which [Host.Encoders] knows.
	OpenEncoder func(host.EncoderConfig) (host.Encoder, error)
	// Change changes what the host gets, nil: nothing.
	Change func(*host.Config)
	// NewScaler makes real scalers, nil: [NearestScaler]s.
	NewScaler func() host.Scaler
}

// Host is a running host.
type Host struct {
	URL      string // of the endpoint
	Listen   string // what to give to Config.Listen to start another one there
	Hands    *Hands
	Encoders *Encoders
	Source   *source.Testcard

	server *host.Server
	stop   func() error
}

// Start runs a host until the test ends or Stop.
func Start(t testing.TB, cfg Config) *Host {
	t.Helper()
	card, err := source.NewTestcard(source.TestcardConfig{
		Screens: cmp.Or(cfg.Screens, 1), Width: cmp.Or(cfg.Width, Width), Height: cmp.Or(cfg.Height, Height), FPS: cmp.Or(cfg.FPS, FPS),
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{Listen: cfg.Listen, Hands: &Hands{}, Encoders: &Encoders{broken: cfg.Broken}, Source: card}
	urls := make(chan string, 1)
	hc := host.Config{
		Source: card, OpenEncoder: h.Encoders.open, OpenInput: h.Hands.open,
		NewScaler: func() host.Scaler { return NearestScaler{} },
		Listen:    cfg.Listen, OnListen: func(url string) { urls <- url },
	}
	if cfg.OpenEncoder != nil {
		hc.OpenEncoder = cfg.OpenEncoder
	}
	if cfg.NewScaler != nil {
		hc.NewScaler = cfg.NewScaler
	}
	if cfg.Listen == "" {
		hc.Listen = "127.0.0.1:0"
	}
	if cfg.Token != "" {
		hc.TokenFile = tokenFile(t, cfg.Token)
	}
	if cfg.Sound {
		hc.OpenAudioEncoder = func() (host.AudioEncoder, error) { return opus{}, nil }
	}
	if cfg.Change != nil {
		cfg.Change(&hc)
	}
	h.run(t, hc, urls)
	return h
}

func (h *Host) run(t testing.TB, cfg host.Config, urls <-chan string) {
	t.Helper()
	srv, err := host.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.server = srv
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("host: Run() = %v; want nil", err)
		}
	})
	select {
	case h.URL = <-urls:
		h.Listen = h.URL[strings.Index(h.URL, "//")+2 : len(h.URL)-len("/whep")]
	case err := <-done:
		done <- err
		t.Fatalf("host: Run() = %v; want a listener", err)
	}
}

// Device says which device sent a request, see [host.Server.Device].
func (h *Host) Device(r *http.Request) (host.Device, bool) { return h.server.Device(r) }

// Stop shuts the host down as SIGTERM does: the terminal is told.
func (h *Host) Stop() error { return h.stop() }

// Summary is what the host did so far.
func (h *Host) Summary() host.Summary { return h.server.Summary("hosttest", "test") }

func tokenFile(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Hands is the host's input device: it remembers what the person did.
type Hands struct {
	mu     sync.Mutex // guards all
	keys   []Key
	dx, dy int32
}

// Key is one change of a key or button.
type Key struct {
	Usage input.Usage
	Down  bool
}

// Keys returns every change so far.
func (h *Hands) Keys() []Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.keys)
}

// Moved returns how far the pointer went.
func (h *Hands) Moved() (dx, dy int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dx, h.dy
}

func (h *Hands) open(ch host.InputChannel) (host.Input, error) {
	r, err := inject.New(inject.Config{Injector: h, Write: ch.Reply, Mark: ch.Mark, SameClock: ch.SameMachine})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Key notes a change.
func (h *Hands) Key(u input.Usage, down bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, Key{u, down})
	return nil
}

// Motion adds to the way of the pointer.
func (h *Hands) Motion(dx, dy int32) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dx, h.dy = h.dx+dx, h.dy+dy
	return nil
}

// Absolute does nothing.
func (h *Hands) Absolute(uint8, uint16, uint16) error { return nil }

// Wheel does nothing.
func (h *Hands) Wheel(int32, int32) error { return nil }

// Sync does nothing.
func (h *Hands) Sync() error { return nil }

// Within waits for a value for at most ten seconds.
func Within[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited 10 s for %s", what)
		panic("unreachable")
	}
}

// Until waits for at most ten seconds until ok; for what nobody announces.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("waited 10 s until %s", what)
		}
	}
}

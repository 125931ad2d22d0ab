package agent_test

import (
	"bytes"
	"context"
	"image"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// wall is a display of two monitors that cannot be told apart but by their
// connectors, and that have the modes which were chosen for them.
type wall struct {
	*window
	cfg   display.Config
	store string
	t     *testing.T
}

var twins = []mode.Monitor{{Connector: "DP-1", Identity: "ACME-0001"}, {Connector: "DP-2", Identity: "ACME-0001"}}

// Run shows until ctx ends.
func (w *wall) Run(ctx context.Context) error {
	w.Rechoose()
	return w.window.Run(ctx)
}

// Rechoose sets the chosen modes.
func (w *wall) Rechoose() {
	store, err := mode.OpenStore(w.store)
	if err != nil {
		w.t.Errorf("OpenStore = %v; want no call for a damaged file", err)
	}
	var all []display.Output
	for i, m := range twins {
		o := display.Output{Screen: i, Connector: m.Connector, Identity: m.Identity, Connected: true, Width: 320, Height: 180, MilliHz: 30_000}
		if c := store.For(m); c.Width > 0 {
			o.Width, o.Height = c.Width, c.Height
		}
		all = append(all, o)
	}
	w.cfg.OnOutputs(all)
}

// TestChoicesFollowed changes the choices from another program while a session
// runs: the display and the host follow, but for what cannot be read.
func TestChoicesFollowed(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	dir := t.TempDir()
	path := filepath.Join(dir, "monitors.json")
	var log syncBuffer
	startWall(t, agent.Config{
		URL: h.URL, Screens: 2, StateDir: dir, Mute: true, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}, path)
	store, err := mode.OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	choose := func(m mode.Monitor, change func(*mode.Choice)) {
		t.Helper()
		if err := store.Edit(m, twins, func(c mode.Choice) (mode.Choice, error) { change(&c); return c, nil }); err != nil {
			t.Fatal(err)
		}
	}
	stands := func(first, second image.Rectangle) {
		t.Helper()
		hosttest.Until(t, "the host's screens stand as chosen", func() bool {
			s := h.Source.Screens()
			return s[0].Bounds == first && s[1].Bounds == second
		})
	}
	stands(image.Rect(0, 0, 320, 180), image.Rect(320, 0, 640, 180))
	choose(twins[1], func(c *mode.Choice) { c.Width, c.Height = 480, 270 })
	stands(image.Rect(0, 0, 320, 180), image.Rect(320, 0, 800, 270))
	choose(twins[1], func(c *mode.Choice) { c.Order = 1 })
	stands(image.Rect(480, 0, 800, 180), image.Rect(0, 0, 480, 270))

	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "the damage is noticed", func() bool { return strings.Contains(log.String(), "monitors stay as they are") })
	choose(twins[0], func(c *mode.Choice) { c.Placed, c.X, c.Y = true, 0, -180 }) // mends it
	stands(image.Rect(0, 0, 320, 180), image.Rect(320, 0, 800, 270))
	if n := strings.Count(log.String(), "monitors stay as they are"); n != 1 {
		t.Errorf("complaints about one damaged file = %d; want 1\n%s", n, log.String())
	}
}

func startWall(t *testing.T, cfg agent.Config, store string) {
	t.Helper()
	w := &wall{store: store, t: t}
	a, err := agent.Build(cfg, func(c display.Config) (outputs.Display, error) {
		d, err := null.New(c)
		w.cfg, w.window = c, &window{Display: d}
		return w, err
	}, backend(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := hosttest.Within(t, done, "Run to end"); err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer // guarded by mu
}

var _ io.Writer = (*syncBuffer)(nil)

// Write appends b.
func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(b)
}

// String is all that was written.
func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String()
}

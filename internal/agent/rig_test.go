package agent_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// window is a display that also remembers words which were there for a moment.
type window struct {
	*null.Display

	mu   sync.Mutex // guards said
	said []ui.Status
}

func (w *window) SetStatus(screen int, st *ui.Status) {
	if st != nil {
		w.mu.Lock()
		w.said = append(w.said, *st)
		w.mu.Unlock()
	}
	w.Display.SetStatus(screen, st)
}

// words returns everything said so far.
func (w *window) words() []ui.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

// rig is a running terminal without hardware.
type rig struct {
	*agent.Agent
	window *window
	cancel context.CancelFunc
	end    func() error // waits for Run's result
}

// backend is a decoder that refuses what refuse says; nil: nothing.
func backend(refuse func(*media.AccessUnit) bool) func(media.Codec) (decode.Backend, error) {
	return func(media.Codec) (decode.Backend, error) { return &decodetest.Backend{Refuse: refuse}, nil }
}

// start runs a terminal until the test ends.
func start(t *testing.T, cfg agent.Config, decoder func(media.Codec) (decode.Backend, error)) *rig {
	t.Helper()
	cfg.Mute = true // libopus is not in every build
	r := &rig{}
	open := func(c display.Config) (outputs.Display, error) {
		d, err := null.New(c)
		r.window = &window{Display: d}
		return r.window, err
	}
	if decoder == nil {
		decoder = backend(nil)
	}
	var err error
	if r.Agent, err = agent.Build(cfg, open, decoder); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.cancel = cancel
	r.end = sync.OnceValue(func() error { return <-done })
	t.Cleanup(func() {
		cancel()
		_ = r.end() // looked at by the tests that care
	})
	return r
}

// ended waits for Run to end by itself.
func (r *rig) ended(t *testing.T) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.end() }()
	return hosttest.Within(t, done, "Run to end")
}

// streams waits until more pictures are shown and no words are over them.
func (r *rig) streams(t *testing.T) {
	t.Helper()
	n := len(r.window.Frames())
	hosttest.Until(t, "pictures are shown", func() bool { return len(r.window.Frames()) > n+5 && r.window.Status(0) == nil })
}

// waits waits for words that ok accepts and returns them.
func (r *rig) waits(t *testing.T, what string, ok func(ui.Status) bool) ui.Status {
	t.Helper()
	var got ui.Status
	hosttest.Until(t, "the window says "+what, func() bool {
		if st := r.window.Status(0); st != nil {
			got = *st
		}
		return ok(got)
	})
	return got
}

// balance checks that every frame is accounted for.
func (r *rig) balance(t *testing.T) *agent.Summary {
	t.Helper()
	sum, err := r.Summary()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sum.Screens {
		lost := s.Dropped["decoder"] + s.Dropped["pacer"] + s.Dropped["display"]
		if s.Received != s.Shown+lost+s.OnTheWay {
			t.Errorf("screen %d received %d; want %d shown + %d lost in decoder, pacer and display + %d on the way", s.Screen, s.Received, s.Shown, lost, s.OnTheWay)
		}
		if s.Received < s.Decoded || s.Decoded < s.Shown {
			t.Errorf("screen %d received %d, decoded %d, shown %d; want none to grow", s.Screen, s.Received, s.Decoded, s.Shown)
		}
	}
	return sum
}

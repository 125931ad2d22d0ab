package client_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// board is a host's clipboard.
type board struct {
	copies chan string // what the host's programs copy
	closed chan struct{}

	mu    sync.Mutex // guards texts
	texts []string   // that they may paste
}

func (b *board) Run(ctx context.Context, onText func(string)) error {
	for {
		select {
		case text := <-b.copies:
			onText(text)
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *board) Set(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts = append(b.texts, text)
}

func (b *board) Close() error { close(b.closed); return nil }

func (b *board) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.texts) > 0 && b.texts[len(b.texts)-1] == text
}

// TestClipboard proves that texts go both ways where both sides share their
// clipboards, and nowhere else.
func TestClipboard(t *testing.T) {
	for name, c := range map[string]struct{ here, there bool }{
		"both": {true, true}, "here": {true, false}, "there": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &board{copies: make(chan string), closed: make(chan struct{})}
			h := hosttest.Start(t, hosttest.Config{Change: func(cfg *host.Config) {
				if c.there {
					cfg.OpenClipboard = func() (host.Clipboard, error) { return b, nil }
				}
			}})
			texts := make(chan string, 4)
			r := start(t, h.URL, func(cfg *client.Config) {
				if c.here {
					cfg.OnClipboard = func(s string) { texts <- s }
				}
			})
			hosttest.Within(t, r.pictures, "the first picture")
			hosttest.Until(t, "the round trip is known", func() bool { return r.RTT() > 0 })
			long := strings.Repeat("long ", 100_000)
			r.SetClipboard(long)
			if c.there {
				b.copies <- "from there"
			}
			if c.here && c.there {
				if s := hosttest.Within(t, texts, "a text"); s != "from there" {
					t.Errorf("came: %q", s)
				}
				r.SetClipboard(long)
				hosttest.Until(t, "the text is there", func() bool { return b.has(long) })
			}
			r.cancel()
			_ = r.end()
			if c.there {
				hosttest.Within(t, b.closed, "the clipboard to be closed")
			}
			if !(c.here && c.there) && (len(texts) != 0 || len(b.texts) != 0) {
				t.Errorf("%d texts came and %d went; want none", len(texts), len(b.texts))
			}
		})
	}
}

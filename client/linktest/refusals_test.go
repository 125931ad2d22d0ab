package linktest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"

	client "github.com/blade-shadow/terminal/client/linktest"
	host "github.com/blade-shadow/terminal/internal/host/linktest"
	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
)

// TestRefusals turns what servers may answer into one sentence and a hint.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name       string
		serve      http.HandlerFunc
		said, hint string
	}{
		{"no link test", http.NotFound, "offers no link test", "--linktest=false"},
		{"no such method", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(405) }, "offers no link test", "older shadow-host"},
		{"token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "the token is missing or wrong", "token file"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			http.Error(w, "another link test is running", http.StatusConflict)
		}, "cannot test now: another link test is running", "try again in 17 s"},
		{"bad Retry-After", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "Wed, 21 Oct 2026")
			w.WriteHeader(409)
		}, "cannot test now", "in a moment"},
		{"redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(307)
		}, "points elsewhere", "host itself"},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(201)
		}, "did not answer with application/sdp", "not a shadow-host"},
		{"endless answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/sdp")
			w.WriteHeader(201)
			for range 100 {
				if _, err := io.WriteString(w, strings.Repeat("a=x\r\n", 1000)); err != nil {
					return
				}
			}
		}, "is over 65536 bytes", "not a shadow-host"},
		{"nonsense", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/sdp")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, "v=0\r\nm=video 9 X 1\r\n")
		}, "does not fit our offer", "not a shadow-host"},
		{"control characters", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad\x1b[2Jnews\n", 500) }, "bad [2Jnews", "log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(tt.serve)
			defer web.Close()
			_, err := client.Run(t.Context(), client.Config{URL: web.URL})
			var e *client.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.said) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("Run() = %v, hint %q; want %q, %q", err, hint(e), tt.said, tt.hint)
			}
		})
	}
}

func hint(e *client.Error) string {
	if e == nil {
		return ""
	}
	return e.Hint
}

// TestTokenStaysHere sends the token to the host and to nobody it points at.
func TestTokenStaysHere(t *testing.T) {
	t.Parallel()
	var elsewhere, here atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer secret" && r.URL.Path == "/linktest" {
			here.Add(1)
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer web.Close()
	_, err := client.Run(t.Context(), client.Config{URL: web.URL + "/whep", Bearer: func() string { return "secret" }})
	if err == nil || elsewhere.Load() != 0 || here.Load() != 1 {
		t.Errorf("Run() = %v, %d requests here, %d elsewhere; want an error, one and none", err, here.Load(), elsewhere.Load())
	}
}

// beside is a host with sessions or without.
type beside struct{ live atomic.Bool }

func (b *beside) Live() bool      { return b.live.Load() }
func (b *beside) TCP() ice.TCPMux { return nil }

// TestSessionsComeFirst refuses a test while a session is live, and ends one
// when a session begins.
func TestSessionsComeFirst(t *testing.T) {
	t.Parallel()
	s, url := newHost(t, host.Config{Loopback: true})
	var b beside
	s.SetBeside(&b)
	b.live.Store(true)
	_, err := client.Run(t.Context(), client.Config{URL: url})
	if err == nil || !strings.Contains(err.Error(), "a session is live") {
		t.Errorf("Run() beside a session = %v; want a refusal", err)
	}
	b.live.Store(false)
	begun := time.Now()
	r, err := client.Run(t.Context(), client.Config{URL: url, MaxBps: 5_000_000, Progress: func(_ float64, text string) {
		if strings.HasPrefix(text, "down") {
			b.live.Store(true)
		}
	}})
	if err != nil || !strings.Contains(r.Stopped, "a session began") {
		t.Fatalf("Run() = %+v, %v; want a result that was stopped by a session", r, err)
	}
	if took := time.Since(begun); took > 6*time.Second {
		t.Errorf("the test went on for %v; want it to end at once", took)
	}
}

// TestOneAtATime refuses a second test and says when to come back.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	_, url := newHost(t, host.Config{Loopback: true})
	second := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := false
	_, err := client.Run(ctx, client.Config{URL: url, MaxBps: 5_000_000, Progress: func(_ float64, text string) {
		if strings.HasPrefix(text, "down") && !asked {
			asked = true
			_, err := client.Run(ctx, client.Config{URL: url})
			second <- err
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run() that was given up = %v; want context.Canceled", err)
	}
	var e *client.Error
	if err := <-second; !errors.As(err, &e) || !strings.Contains(err.Error(), "another link test is running") || !strings.Contains(e.Hint, "try again in ") {
		t.Errorf("the second Run() = %v; want a refusal with a time", err)
	}
	// The place is free again once the first has gone.
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := client.Run(t.Context(), client.Config{URL: url, MaxBps: linktest.MinMax})
		if err == nil && len(r.Down) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Run() after a test that was given up = %v; want a result", err)
		}
	}
}

// fakeHost answers offers like a host and then does what act says.
func fakeHost(t *testing.T, act func(context.Context, *lane.Lane)) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			return
		}
		l, err := lane.New(lane.Config{Loopback: true, MaxBps: linktest.MaxMax})
		if err != nil {
			t.Error(err)
			return
		}
		answer, err := l.Answer(r.Context(), string(offer), time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer close(done)
			act(ctx, l)
			<-ctx.Done()
			_ = l.Close()
		}()
		w.Header().Set("Content-Type", "application/sdp")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(func() {
		cancel()
		web.Close()
		<-done
	})
	return web.URL
}

// TestHostileHosts ends by itself whatever a host does, soon and with a reason.
func TestHostileHosts(t *testing.T) {
	hello := linktest.Message{Type: linktest.MessageHello, Version: 1, MaxBps: 5_000_000}
	tests := []struct {
		name string
		act  func(context.Context, *lane.Lane)
		said string // in the error or in why the result was stopped
	}{
		{"silent", func(context.Context, *lane.Lane) {}, "nothing could be measured"},
		{"says goodbye", func(ctx context.Context, l *lane.Lane) {
			_ = l.Tell(ctx, linktest.Message{Type: linktest.MessageBye, Reason: "no\x1b[2J"})
		}, "no [2J"},
		{"another version", func(ctx context.Context, l *lane.Lane) {
			_ = l.Tell(ctx, linktest.Message{Type: linktest.MessageHello})
		}, "another kind of link test"},
		{"never sends", func(ctx context.Context, l *lane.Lane) { _ = l.Tell(ctx, hello) }, "went silent"},
		{"many messages", func(ctx context.Context, l *lane.Lane) {
			_ = l.Tell(ctx, hello)
			for range 10_000 {
				if l.Tell(ctx, linktest.Message{Type: "x"}) != nil {
					return
				}
			}
		}, "control messages"},
		{"floods", func(ctx context.Context, l *lane.Lane) {
			_ = l.Tell(ctx, hello)
			l.Send(ctx, 1, linktest.MaxMax, 20*time.Second)
		}, "more than was agreed"},
		{"lies", func(ctx context.Context, l *lane.Lane) {
			_ = l.Tell(ctx, hello)
			for {
				m, err := l.Hear(ctx)
				if err != nil {
					return
				}
				_ = l.Tell(ctx, linktest.Message{Type: linktest.MessageSent, Step: m.Step, Sent: &linktest.Sent{Packets: 1000, Bytes: 1, DurationUS: 1, PlannedPackets: 1}})
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			r, err := client.Run(t.Context(), client.Config{URL: fakeHost(t, tt.act), MaxBps: 5_000_000})
			if took := time.Since(begun); took > linktest.Limit {
				t.Errorf("Run() took %v; want at most %v", took, linktest.Limit)
			}
			said := ""
			if err != nil {
				said = err.Error()
			} else {
				said = r.Stopped
			}
			if !strings.Contains(said, tt.said) {
				t.Errorf("Run() = %v, stopped by %q; want %q", err, said, tt.said)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:8089/whep":     "http://127.0.0.1:8089/linktest",
		"https://pc":                     "https://pc/linktest",
		"https://pc/":                    "https://pc/linktest",
		"https://pc/a/whep?x=1":          "https://pc/a/linktest",
		"file:///etc/passwd":             "",
		"https://user:secret@pc/whep":    "",
		"pc:8089":                        "",
		"http://":                        "",
		"https://pc/a/../../../../whep/": "https://pc/linktest",
	} {
		u, err := client.ParseURL(raw)
		got := ""
		if err == nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("ParseURL(%s) = %q, %v; want %q", raw, got, err, want)
		}
	}
}

func FuzzParseMirrored(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x0c\x21\x12\xa4\x42aaaaaaaaaaaa\x00\x20\x00\x08\x00\x01\x11\x22\x5e\x12\xa4\x43"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var id [12]byte
		copy(id[:], "aaaaaaaaaaaa")
		if a, ok := client.ParseMirrored(b, id); ok && !a.IsValid() {
			t.Errorf("ParseMirrored(%x) = %v; want an address", b, a)
		}
	})
}

package linktest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	host "github.com/blade-shadow/terminal/internal/host/linktest"
	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
)

// serve runs a host's end and returns its endpoint.
func serve(t *testing.T, cfg host.Config) string {
	t.Helper()
	cfg.Loopback = true
	s, err := host.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, h := range s.Handlers() {
		mux.Handle(pattern, h)
	}
	web := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		web.Close()
	})
	return web.URL + "/linktest"
}

func post(t *testing.T, url, contentType, body string) (int, http.Header, string) {
	t.Helper()
	resp, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func TestNewRefuses(t *testing.T) {
	for _, most := range []int{1, linktest.MinMax - 1, linktest.MaxMax + 1, -5} {
		if _, err := host.New(host.Config{MaxBps: most}); err == nil {
			t.Errorf("New(%d b/s) = nil; want an error", most)
		}
	}
}

func TestRefusals(t *testing.T) {
	url := serve(t, host.Config{})
	sdp := "application/sdp"
	tests := []struct {
		name, contentType, body string
		want                    int
	}{
		{"no offer", "text/plain", "hello", 415},
		{"empty", sdp, "", 400},
		{"long", sdp, strings.Repeat("a=x\r\n", 20_000), 413},
		{"nonsense", sdp, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 400},
		{"many sections", sdp, strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 3), 400},
		{"many candidates", sdp, "m=video 9 X 96\r\n" + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 33), 400},
		{"names", sdp, "m=video 9 X 96\r\na=candidate:1 1 udp 1 x.local 9 typ host\r\n", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, said := post(t, url, tt.contentType, tt.body)
			if code != tt.want || strings.Count(strings.TrimSpace(said), "\n") != 0 || said == "" {
				t.Errorf("POST = %d %q; want %d and one sentence", code, said, tt.want)
			}
		})
	}
	// None of them took the place.
	_, loc := connect(t, url, linktest.MaxMax)
	code, h, said := post(t, url, sdp, "v=0\r\nm=video 9 X 96\r\n")
	if n, err := strconv.Atoi(h.Get("Retry-After")); code != 409 || err != nil || n < 1 || n > 26 {
		t.Errorf("a second POST = %d, Retry-After %q, %q; want 409 and at most 26 s", code, h.Get("Retry-After"), said)
	}
	req, _ := http.NewRequest(http.MethodDelete, url+"/nonsense", http.NoBody)
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 404 {
		t.Errorf("DELETE of another test = %v, %v; want 404", resp, err)
	}
	req, _ = http.NewRequest(http.MethodDelete, strings.TrimSuffix(url, "/linktest")+loc, http.NoBody)
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 200 {
		t.Errorf("DELETE = %v, %v; want 200", resp, err)
	}
}

// connect is a terminal up to its hello.
func connect(t *testing.T, url string, maxBps int) (l *lane.Lane, location string) {
	t.Helper()
	l, err := lane.New(lane.Config{Loopback: true, MaxBps: maxBps})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	offer, err := l.Offer(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	code, h, answer := post(t, url, "application/sdp", offer)
	if code != http.StatusCreated {
		t.Fatalf("POST = %d %q; want 201", code, answer)
	}
	if err := l.Accept(answer); err != nil {
		t.Fatal(err)
	}
	return l, h.Get("Location")
}

// TestHostileTerminals ends the test of a terminal that does not keep to what
// was agreed.
func TestHostileTerminals(t *testing.T) {
	url := serve(t, host.Config{MaxBps: 5_000_000})
	hello := linktest.Message{Type: linktest.MessageHello, Version: 1, MaxBps: linktest.MaxMax}
	step := linktest.Message{Type: linktest.MessageStep, Step: 1, Direction: linktest.Down, RateBps: 1_000_000, DurationMS: 100}
	with := func(change func(*linktest.Message)) linktest.Message {
		m := step
		change(&m)
		return m
	}
	tests := []struct {
		name string
		say  []linktest.Message
		act  func(context.Context, *lane.Lane)
	}{
		{name: "no hello", say: []linktest.Message{step}},
		{name: "too fast", say: []linktest.Message{hello, with(func(m *linktest.Message) { m.RateBps = 5_000_001 })}},
		{name: "no rate", say: []linktest.Message{hello, with(func(m *linktest.Message) { m.RateBps = 0 })}},
		{name: "no direction", say: []linktest.Message{hello, with(func(m *linktest.Message) { m.Direction = 0 })}},
		{name: "nonsense for sent", say: []linktest.Message{
			hello, with(func(m *linktest.Message) { m.Direction = linktest.Up }), {Type: linktest.MessageSent, Step: 9, Sent: &linktest.Sent{}},
		}},
		{name: "many messages", say: []linktest.Message{hello}, act: func(ctx context.Context, l *lane.Lane) {
			for range 1000 {
				if l.Tell(ctx, linktest.Message{Type: "x"}) != nil {
					return
				}
			}
		}},
		{name: "many steps", say: []linktest.Message{hello}, act: func(ctx context.Context, l *lane.Lane) {
			for range linktest.MaxSteps + 1 {
				if l.Tell(ctx, with(func(m *linktest.Message) { m.DurationMS = 20 })) != nil {
					return
				}
				for {
					m, err := l.Hear(ctx)
					if err != nil || m.Type == linktest.MessageBye {
						return
					}
					if m.Type == linktest.MessageSent {
						break
					}
				}
			}
		}},
		{name: "flood", say: []linktest.Message{hello}, act: func(ctx context.Context, l *lane.Lane) {
			l.Send(ctx, 1, linktest.MaxMax, 5*time.Second)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
			defer cancel()
			l, _ := connect(t, url, linktest.MaxMax)
			for _, m := range tt.say {
				if err := l.Tell(ctx, m); err != nil {
					break
				}
			}
			acting, stop := context.WithCancel(ctx)
			defer stop()
			acted := make(chan struct{})
			go func() {
				defer close(acted)
				if tt.act != nil {
					tt.act(acting, l)
				}
			}()
			select {
			case <-l.Failed():
			case <-ctx.Done():
				t.Error("the host keeps the test up; want an end")
			}
			stop()
			<-acted
			free(t, url)
		})
	}
}

// free waits until the host takes a test again.
func free(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		code, _, said := post(t, url, "application/sdp", "v=0\r\nm=video 9 X 96\r\n")
		if code == 400 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("POST after a test has ended = %d %q; want the place to be free", code, said)
		}
		time.Sleep(20 * time.Millisecond) // between two questions
	}
}

func FuzzCheckOffer(f *testing.F) {
	f.Add("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
	f.Add("m=\nm=\nm=\na=candidate:")
	f.Fuzz(func(t *testing.T, s string) {
		if host.CheckOffer(s) == nil && strings.Count(s, "\na=candidate:") > 32 {
			t.Errorf("CheckOffer(%q) = nil; want a bound", s)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("key"), stun.RawAttribute{Type: 3, Value: []byte{0, 0, 0, 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Raw)
	f.Add(m.Raw[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := host.ParseRequest(b, "key"); ok && len(b) < 20 {
			t.Errorf("ParseRequest(%x) is fine; want a whole message", b)
		}
	})
}

// TestMirrorAnswersItsOwn ignores requests without the key.
func TestMirrorAnswersItsOwn(t *testing.T) {
	build := func(set ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, set...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	key := stun.NewUsername("key")
	if swap, ok := host.ParseRequest(build(key), "key"); swap || !ok {
		t.Errorf("a request with the key = %v, %v; want to be answered from its port", swap, ok)
	}
	if swap, ok := host.ParseRequest(build(key, stun.RawAttribute{Type: 3, Value: []byte{0, 0, 0, 2}}), "key"); !swap || !ok {
		t.Errorf("a request for the other port = %v, %v; want both", swap, ok)
	}
	for name, b := range map[string][]byte{
		"no key": build(), "another key": build(stun.NewUsername("other")), "no STUN": []byte("hello"), "nothing": nil,
	} {
		if _, ok := host.ParseRequest(b, "key"); ok {
			t.Errorf("%s is answered; want silence", name)
		}
	}
}

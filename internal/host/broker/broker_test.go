package broker_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	nouns "github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/host/broker"
)

// desk is a broker whose every answer is held against docs/broker.yaml.
type desk struct {
	*broker.Broker
	t      *testing.T
	router routers.Router
}

func anybody(*http.Request) (broker.Device, bool) { return broker.Device{}, true }

func open(t *testing.T, cfg broker.Config) desk {
	t.Helper()
	if cfg.Device == nil {
		cfg.Device = anybody
	}
	b, err := broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile("../../../docs/broker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return desk{b, t, router}
}

// post sends a body and checks the answer against the document.
func (d desk) post(kind, body string) *http.Response {
	d.t.Helper()
	r := httptest.NewRequest(http.MethodPost, nouns.Path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	resp := w.Result()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		d.t.Fatal(err)
	}
	err = openapi3filter.ValidateResponse(d.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(raw)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		d.t.Errorf("answer %d %s is not as docs/broker.yaml says: %v", resp.StatusCode, raw, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	return resp
}

// accepts reports whether the host would let in who holds a token.
func (d desk) accepts(token string) bool {
	_, ok := d.CheckToken(token)
	return ok
}

// ask asks as a terminal does.
func (d desk) ask(wake bool) nouns.Response {
	d.t.Helper()
	body := `{"terminal":{"name":"test","version":"1","screens":1,"device":"front-desk"},"wake":true}`
	if !wake {
		body = strings.Replace(body, "true", "false", 1)
	}
	resp := d.post("application/json", body)
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("POST %s = %s, %v, %s; want 200", nouns.Path, resp.Status, err, raw)
	}
	r, err := nouns.ParseResponse(raw)
	if err != nil {
		d.t.Fatalf("ParseResponse(%s) = %v; want nil", raw, err)
	}
	return r
}

// run lives the sleep rule until the bubble's end.
func (d desk) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("Run() = %v; want nil", err)
		}
	})
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := []byte("shared with coturn")
		d := open(t, broker.Config{
			Tokens: true, Lifetime: time.Minute, TURNSecret: secret,
			ICEServers: []nouns.ICEServer{{URLs: []string{"stun:s"}}, {URLs: []string{"turn:t?transport=udp", "turns:t"}}},
		})
		r := d.ask(false)
		if r.State != nouns.Ready || r.WHEPURL != "/whep" || r.ExpiresIn != 60 || len(r.Token) < 26 {
			t.Fatalf("answer = %+v; want ready with a token of a minute", r)
		}
		user, pass := r.ICEServers[1].Username, r.ICEServers[1].Credential
		mac := hmac.New(sha1.New, secret)
		mac.Write([]byte(user))
		if !strings.HasSuffix(user, ":front-desk") || pass != base64.StdEncoding.EncodeToString(mac.Sum(nil)) || r.ICEServers[0].Username != "" {
			t.Errorf("ICE servers = %+v; want a name and password of TURN's for TURN only", r.ICEServers)
		}
		again := d.ask(false)
		if again.Token == r.Token || !d.accepts(again.Token) || !d.accepts(r.Token) || d.accepts("") || d.accepts(r.Token+"x") {
			t.Error("tokens are the same, or not accepted as they should be")
		}
		time.Sleep(time.Minute)
		if d.accepts(r.Token) {
			t.Error("CheckToken() = true after a minute; want it expired")
		}
	})
}

// The rule: nobody for a while, then asleep; only a wish to wake wakes.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept, woke, sessions atomic.Int32
		d := open(t, broker.Config{
			SleepAfter: 15 * time.Minute,
			Sessions:   func() int { return int(sessions.Load()) },
			Sleep:      func(context.Context) error { slept.Add(1); time.Sleep(20 * time.Second); return nil },
			Wake:       func(context.Context) error { woke.Add(1); time.Sleep(8 * time.Second); return nil },
		})
		d.run()
		sessions.Store(1)
		time.Sleep(time.Hour)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state in a session = %s; want ready", r.State)
		}
		sessions.Store(0)
		time.Sleep(14 * time.Minute)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state 14 min after the session = %s; want ready", r.State)
		}
		time.Sleep(2 * time.Minute)
		for range 100 { // who only looks wakes nobody
			if r := d.ask(false); r.State != nouns.Asleep {
				t.Fatalf("state 16 min after the session = %s; want asleep", r.State)
			}
			time.Sleep(10 * time.Second)
		}
		if r := d.ask(true); r.State != nouns.Starting {
			t.Errorf("state when it is woken = %s; want starting", r.State)
		}
		d.progresses(8)
		if r := d.ask(false); r.State != nouns.Ready || slept.Load() != 1 || woke.Load() != 1 {
			t.Errorf("state = %s, slept %d times, woke %d times; want ready, once, once", r.State, slept.Load(), woke.Load())
		}
	})
}

// progresses looks for n seconds that the start goes on.
func (d desk) progresses(n int) {
	d.t.Helper()
	last := -1
	for range n {
		r := d.ask(false)
		if r.State != nouns.Starting || r.Progress < last || r.Progress > 95 {
			d.t.Errorf("answer = %+v after %d %%; want a start that goes on", r, last)
		}
		last = r.Progress
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
	}
	if last < 50 {
		d.t.Errorf("progress = %d %% after %d s; want most of it", last, n)
	}
}

// A key while the PC is falling asleep, and a session that came another way.
func TestWokenWhileItFallsAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions atomic.Int32
		d := open(t, broker.Config{
			SleepAfter: time.Minute, Sessions: func() int { return int(sessions.Load()) },
			Sleep: func(context.Context) error { time.Sleep(20 * time.Second); return nil },
		})
		d.run()
		time.Sleep(70 * time.Second)
		if r := d.ask(true); r.State != nouns.Starting {
			t.Errorf("state = %s; want starting", r.State)
		}
		time.Sleep(15 * time.Second)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state after it fell asleep and was woken = %s; want ready", r.State)
		}
		time.Sleep(2 * time.Minute)
		if r := d.ask(false); r.State != nouns.Asleep {
			t.Errorf("state = %s; want asleep", r.State)
		}
		sessions.Store(1)
		time.Sleep(2 * time.Second)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state in a session = %s; want ready", r.State)
		}
	})
}

// What is used at its own keyboard does not sleep.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := time.Now().Add(time.Hour)
		d := open(t, broker.Config{SleepAfter: time.Minute, Idle: func() time.Duration { return max(0, time.Since(last)) }})
		d.run()
		time.Sleep(60*time.Minute + 50*time.Second)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state 50 s after the last key = %s; want ready", r.State)
		}
		time.Sleep(15 * time.Second)
		if r := d.ask(false); r.State != nouns.Asleep {
			t.Errorf("state 65 s after the last key = %s; want asleep", r.State)
		}
	})
}

func TestCommandsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no such command")
		var slept, woke atomic.Int32
		var fail atomic.Bool
		fail.Store(true)
		command := func(n *atomic.Int32) func(context.Context) error {
			return func(context.Context) error {
				n.Add(1)
				if fail.Load() {
					return broken
				}
				return nil
			}
		}
		d := open(t, broker.Config{SleepAfter: time.Minute, Sleep: command(&slept), Wake: command(&woke)})
		d.run()
		time.Sleep(150 * time.Second)
		if r := d.ask(false); r.State != nouns.Ready || slept.Load() != 2 {
			t.Errorf("state = %s after %d failed commands; want ready after 2", r.State, slept.Load())
		}
		fail.Store(false)
		time.Sleep(time.Minute)
		fail.Store(true)
		d.ask(true)
		time.Sleep(2 * time.Second)
		if r := d.ask(false); r.State != nouns.Asleep || !strings.Contains(r.Message, "could not be woken") || woke.Load() != 1 {
			t.Errorf("answer = %+v after %d attempts; want asleep with words, 1", r, woke.Load())
		}
		fail.Store(false)
		d.ask(true)
		time.Sleep(2 * time.Second)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state = %s; want ready", r.State)
		}
	})
}

// Until the source can be shown the PC is starting.
func TestStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ready atomic.Bool
		d := open(t, broker.Config{Ready: ready.Load})
		d.run()
		d.progresses(7)
		ready.Store(true)
		if r := d.ask(false); r.State != nouns.Ready {
			t.Errorf("state = %s; want ready", r.State)
		}
	})
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	revoked := write("revoked", "# nobody\n")
	device := broker.Device{Fingerprint: "ab12"}
	d := open(t, broker.Config{
		MaintenanceFile: filepath.Join(dir, "maintenance"), RevokedFile: revoked, Tokens: true,
		Device: func(*http.Request) (broker.Device, bool) { return device, true },
	})
	token := d.ask(false).Token
	write("maintenance", "until "+time.Now().Add(25*time.Minute).Format(time.RFC3339)+"\nA new\u202e card\tis built in.\n")
	if r := d.ask(true); r.State != nouns.Maintenance || r.Message != "A new card is built in." || r.EndsIn < 1400 || r.EndsIn > 1500 {
		t.Errorf("answer = %+v; want maintenance for 25 min", r)
	}
	write("maintenance", "until later\n"+strings.Repeat("ä", 400))
	if r := d.ask(true); r.State != nouns.Maintenance || !strings.HasPrefix(r.Message, "until later ä") || r.EndsIn != 0 {
		t.Errorf("answer = %+v; want the words as they are", r)
	}
	for _, list := range []string{"front-desk\n", "AB:12\n", "\n  ab12  \n"} {
		write("revoked", list)
		if r := d.ask(true); r.State != nouns.Revoked || d.accepts(token) {
			t.Errorf("state = %s, token valid %v with %q revoked; want revoked, false", r.State, d.accepts(token), list)
		}
	}
	write("revoked", "ab1\nfront\n")
	if r := d.ask(true); r.State != nouns.Maintenance || !d.accepts(token) {
		t.Errorf("state = %s; want maintenance: another device is revoked", r.State)
	}
	if err := os.Remove(revoked); err != nil {
		t.Fatal(err)
	}
	resp := d.post("application/json", `{"terminal":{"name":"test","version":"1","screens":1}}`)
	if resp.StatusCode != http.StatusServiceUnavailable || d.accepts(token) {
		t.Errorf("status = %d without the list; want 503: it might name this device", resp.StatusCode)
	}
	if _, err := broker.New(broker.Config{Device: anybody, RevokedFile: revoked}); err == nil {
		t.Error("New() without its list = nil; want an error")
	}
}

// Who was let in stays when the token expires or nobody knows who is revoked, and
// goes when the device is revoked or what it showed counts no more.
func TestStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoked := filepath.Join(t.TempDir(), "revoked")
		list := func(text string) {
			if err := os.WriteFile(revoked, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		list("")
		var shown atomic.Bool
		shown.Store(true)
		d := open(t, broker.Config{
			Tokens: true, Lifetime: time.Minute, RevokedFile: revoked,
			Device: func(*http.Request) (broker.Device, bool) { return broker.Device{Stands: shown.Load}, true },
		})
		token := d.ask(false).Token
		stands, ok := d.CheckToken(token)
		want := func(when string, stays, opens bool) {
			t.Helper()
			if stands() != stays || d.accepts(token) != opens {
				t.Errorf("%s: stands() = %v, token accepted %v; want %v, %v", when, stands(), d.accepts(token), stays, opens)
			}
		}
		if !ok {
			t.Fatal("CheckToken() = false; want true")
		}
		want("at first", true, true)
		list("front-desk")
		want("revoked", false, false)
		list("another")
		want("revoked no more", true, true)
		if err := os.Remove(revoked); err != nil {
			t.Fatal(err)
		}
		want("without the list", true, false)
		list("")
		shown.Store(false)
		want("with another token of the host's", false, false)
		shown.Store(true)
		time.Sleep(time.Hour)
		want("after an hour", true, false)
		list("front-desk")
		want("revoked after an hour", false, false)
	})
}

func TestMoved(t *testing.T) {
	d := open(t, broker.Config{MovedTo: "https://other.example"})
	if r := d.ask(true); r.State != nouns.Moved || r.MovedTo != "https://other.example" {
		t.Errorf("answer = %+v; want moved", r)
	}
}

func TestRefusals(t *testing.T) {
	known := true
	d := open(t, broker.Config{Device: func(*http.Request) (broker.Device, bool) { return broker.Device{}, known }})
	const good = `{"terminal":{"name":"test","version":"1","screens":1}}`
	for _, tt := range []struct {
		kind, body string
		want       int
	}{
		{"text/plain", good, 415},
		{"application/json", `{}`, 400},
		{"application/json", ``, 400},
		{"application/json", good + strings.Repeat(" ", 5000), 413},
	} {
		if got := d.post(tt.kind, tt.body).StatusCode; got != tt.want {
			t.Errorf("POST %s %.40q = %d; want %d", tt.kind, tt.body, got, tt.want)
		}
	}
	known = false
	if resp := d.post("application/json", good); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("POST of a stranger = %s; want 401 with what is asked for", resp.Status)
	}
}

// However many tokens are issued, no more than 4096 are kept.
func TestTokensAreBounded(t *testing.T) {
	d := open(t, broker.Config{Tokens: true})
	first := d.ask(false).Token
	var last string
	for range 4096 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, nouns.Path, strings.NewReader(`{"terminal":{"name":"test","version":"1","screens":1}}`))
		r.Header.Set("Content-Type", "application/json")
		d.ServeHTTP(w, r)
		a, err := nouns.ParseResponse(w.Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		last = a.Token
	}
	if d.accepts(first) || !d.accepts(last) {
		t.Errorf("first and last of 4097 tokens are valid: %v, %v; want false, true", d.accepts(first), d.accepts(last))
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []broker.Config{{}, {Device: anybody, Lifetime: time.Millisecond}, {Device: anybody, Lifetime: 1000 * time.Hour}, {Device: anybody, SleepAfter: -1}} {
		if _, err := broker.New(cfg); err == nil {
			t.Errorf("New(%+v) = nil; want an error", cfg)
		}
	}
}

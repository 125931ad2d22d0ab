package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/broker"
	nouns "github.com/blade-shadow/terminal/internal/broker"
)

// question is one request as a fake broker saw it.
type question struct {
	url, bearer string
	wake        bool
	at          time.Duration // since the fake began
}

// fake is a broker without a network. answer is called for each request.
type fake struct {
	answer func(q question, n int) (*http.Response, error)
	began  time.Time

	mu    sync.Mutex // guards below
	asked []question
}

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r, err := nouns.ParseRequest(raw)
	if err != nil {
		return nil, fmt.Errorf("request is no good: %w", err)
	}
	q := question{url: req.URL.String(), bearer: req.Header.Get("Authorization"), wake: r.Wake, at: time.Since(f.began)}
	f.mu.Lock()
	f.asked = append(f.asked, q)
	n := len(f.asked)
	f.mu.Unlock()
	resp, err := f.answer(q, n)
	if req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	return resp, err
}

func (f *fake) questions() []question {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// says is an answer of a broker.
func says(body string) (*http.Response, error) {
	return reply(http.StatusOK, "application/json", body), nil
}

func reply(status int, kind, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// ask returns a client of the fake at https://b and what it told the person.
func ask(t *testing.T, f *fake, change func(*broker.Config)) (*broker.Client, *[]broker.Status) {
	t.Helper()
	f.began = time.Now()
	began := time.Now()
	var said []broker.Status
	cfg := broker.Config{
		URL: "https://b", Transport: f, OnState: func(s broker.Status) { said = append(said, s) },
		Terminal:  nouns.Terminal{Name: "test", Version: "1", Screens: 1},
		SinceBoot: func() time.Duration { return time.Since(began) },
	}
	if change != nil {
		change(&cfg)
	}
	c, err := broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, &said
}

// The PC sleeps until a key is pressed, starts, and is ready.
func TestAskWakesWithAKeyOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := time.Time{}
		f := &fake{}
		f.answer = func(q question, n int) (*http.Response, error) {
			switch {
			case q.wake && woken.IsZero():
				woken = time.Now()
				fallthrough
			case !woken.IsZero() && time.Since(woken) < 3*time.Second:
				return says(fmt.Sprintf(`{"state":"starting","progress":%d,"message":"It starts."}`, time.Since(woken)/time.Second*33))
			case !woken.IsZero():
				return says(`{"state":"ready","whep_url":"/whep","token":"t1","expires_in":60,"ice_servers":[{"urls":["stun:s"]}]}`)
			}
			return says(`{"state":"asleep","retry_after":5}`)
		}
		c, said := ask(t, f, nil)
		pressed := make(chan struct{}, 1)
		time.AfterFunc(time.Minute, func() { pressed <- struct{}{} })
		began := time.Now()
		g, err := c.Ask(t.Context(), false, pressed)
		if err != nil || g.URL != "https://b/whep" || c.Bearer() != "t1" || len(c.ICEServers()) != 1 {
			t.Fatalf("Ask() = %+v, %v, token %q; want the way to https://b/whep with t1", g, err, c.Bearer())
		}
		if took := time.Since(began); took < 63*time.Second || took > 66*time.Second {
			t.Errorf("Ask() took %v; want it to end 3 to 6 s after the key", took)
		}
		checkWoken(t, f.questions())
		first, last := (*said)[0], (*said)[len(*said)-1]
		if first.State != nouns.Asleep || first.Waking || first.Broker != "b" || last.State != nouns.Starting || !last.Waking || last.Progress == 0 || last.Message != "It starts." {
			t.Errorf("states = %+v ... %+v; want asleep, then starting", first, last)
		}
		if st := c.Stats(); st.Waited < time.Minute || st.Waits != uint64(len(*said)) || st.Questions != st.Waits+1 {
			t.Errorf("Stats() = %+v after %d states", st, len(*said))
		}
	})
}

// checkWoken looks at who woke whom and at the jitter of the polls.
func checkWoken(t *testing.T, asked []question) {
	t.Helper()
	gaps := make(map[time.Duration]bool)
	for i, q := range asked {
		if q.wake != (q.at >= time.Minute) {
			t.Errorf("question at %v has wake = %v; want it with the key after a minute", q.at, q.wake)
		}
		if i == 0 || q.wake {
			continue
		}
		gap := q.at - asked[i-1].at
		gaps[gap] = true
		if gap < 4*time.Second || gap > 6*time.Second {
			t.Errorf("question %d came %v after the one before; want 80 to 120 %% of 5 s", i, gap)
		}
	}
	if len(gaps) < 3 {
		t.Errorf("all questions come after %v; want them spread", gaps)
	}
}

func TestAskWakesAtOnceWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(q question, _ int) (*http.Response, error) {
			if !q.wake {
				return says(`{"state":"asleep"}`)
			}
			return says(`{"state":"ready","whep_url":"https://pc/w"}`)
		}}
		c, _ := ask(t, f, nil)
		if g, err := c.Ask(t.Context(), true, nil); err != nil || g.URL != "https://pc/w" || c.Bearer() != "" {
			t.Errorf("Ask(wake) = %+v, %v; want a PC that was woken", g, err)
		}
	})
}

// A person who holds a key down does not make a flood of it.
func TestKeysDoNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(question, int) (*http.Response, error) { return says(`{"state":"starting","retry_after":3600}`) }}
		c, _ := ask(t, f, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		pressed := make(chan struct{})
		go func() {
			for {
				select {
				case pressed <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}()
		if _, err := c.Ask(ctx, false, pressed); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask() = %v; want the context's error", err)
		}
		if n := len(f.questions()); n < 10 || n > 41 {
			t.Errorf("%d questions in 10 s; want 4 a second at most", n)
		}
	})
}

// Whatever a broker asks for, it is asked again within 60 s, and not at once.
func TestIntervalIsBounded(t *testing.T) {
	for body, want := range map[string][2]time.Duration{
		`{"state":"starting"}`:                         {800 * time.Millisecond, 1200 * time.Millisecond},
		`{"state":"asleep"}`:                           {8 * time.Second, 12 * time.Second},
		`{"state":"maintenance"}`:                      {24 * time.Second, 36 * time.Second},
		`{"state":"maintenance","retry_after":3600}`:   {48 * time.Second, 72 * time.Second},
		`{"state":"starting","retry_after":2,"new":1}`: {1600 * time.Millisecond, 2400 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: func(_ question, n int) (*http.Response, error) {
				if n == 2 {
					return says(`{"state":"ready","whep_url":"/w"}`)
				}
				return says(body)
			}}
			c, said := ask(t, f, nil)
			if _, err := c.Ask(t.Context(), false, nil); err != nil {
				t.Fatal(err)
			}
			if gap := f.questions()[1].at; gap < want[0] || gap > want[1] || (*said)[0].Next != gap {
				t.Errorf("after %s the next question came after %v, %v was said; want %v", body, gap, (*said)[0].Next, want)
			}
		})
	}
}

func TestMoved(t *testing.T) {
	tests := []struct {
		name    string
		answers map[string]string // by address; HTTP redirects begin with an arrow
		want    string            // the host's address, or the error
	}{
		{"once", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"https://c"}`, "https://c/v1/session": `{"state":"ready","whep_url":"/w"}`}, "https://c/w"},
		{"to a path", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"/eu/v1/session#x"}`, "https://b/eu/v1/session": `{"state":"ready","whep_url":"w"}`}, "https://b/eu/v1/w"},
		{"redirect", map[string]string{"https://b/v1/session": "->https://c/v1/session", "https://c/v1/session": `{"state":"ready","whep_url":"/w"}`}, "https://c/w"},
		{"to itself", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"/"}`, "https://b/": `{"state":"moved","moved_to":"/"}`}, "asked already"},
		{"in a circle", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"https://c"}`, "https://c/v1/session": `{"state":"moved","moved_to":"https://b"}`}, "asked already"},
		{"to http", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"http://c"}`}, "not reached over https"},
		{"to a file", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"file:///etc/passwd"}`}, "names no host"},
		{"here", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"https://127.0.0.1"}`}, "this machine"},
		{"with a password", map[string]string{"https://b/v1/session": `{"state":"moved","moved_to":"https://a:b@c"}`}, "password"},
		{"redirect to nowhere", map[string]string{"https://b/v1/session": "->"}, "307"},
		{"host over http", map[string]string{"https://b/v1/session": `{"state":"ready","whep_url":"http://pc/w"}`}, "not reached over https"},
		{"host of this machine", map[string]string{"https://b/v1/session": `{"state":"ready","whep_url":"http://localhost:8089/w"}`}, "this machine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{answer: func(q question, _ int) (*http.Response, error) {
				body, ok := tt.answers[q.url]
				if !ok {
					return nil, fmt.Errorf("%s was asked", q.url)
				}
				if to, ok := strings.CutPrefix(body, "->"); ok {
					r := reply(http.StatusTemporaryRedirect, "text/plain", "")
					r.Header.Set("Location", to)
					return r, nil
				}
				return says(body)
			}}
			c, _ := ask(t, f, nil)
			g, err := c.Ask(t.Context(), false, nil)
			if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && g.URL != tt.want {
				t.Errorf("Ask() = %q, %v; want %q", g.URL, err, tt.want)
			}
			var ce *client.Error
			if err != nil && (!errors.As(err, &ce) || ce.Hint == "" && !strings.Contains(err.Error(), "307")) {
				t.Errorf("Ask() = %#v; want a client.Error with a hint", err)
			}
		})
	}
}

// A chain of moves ends, and what it led to is forgotten when it fails.
func TestMovedForEver(t *testing.T) {
	n := 0
	f := &fake{answer: func(question, int) (*http.Response, error) {
		n++
		return says(fmt.Sprintf(`{"state":"moved","moved_to":"https://b%d"}`, n))
	}}
	c, said := ask(t, f, nil)
	if _, err := c.Ask(t.Context(), false, nil); err == nil || !strings.Contains(err.Error(), "moved over 4 times") || n != 5 || len(*said) != 5 {
		t.Errorf("Ask() = %v after %d questions; want it to give up after 5", err, n)
	}
	f.answer = func(q question, _ int) (*http.Response, error) {
		return nil, &noSuch{q.url}
	}
	if _, err := c.Ask(t.Context(), false, nil); err == nil || f.questions()[n].url != "https://b/v1/session" {
		t.Errorf("Ask() = %v, asking %s; want the configured broker", err, f.questions()[n].url)
	}
}

type noSuch struct{ url string }

func (e *noSuch) Error() string { return "no " + e.url }

// Failures are sentences; what a person cannot change is tried again.
func TestFailures(t *testing.T) {
	tests := []struct {
		name  string
		resp  *http.Response
		err   error
		want  string
		final bool
	}{
		{"refused", nil, syscall.ECONNREFUSED, "nothing is listening at b: connection refused", false},
		{"unknown device", reply(401, "text/plain; charset=utf-8", "who\nare you?\n"), nil, "broker b refused: 401 Unauthorized: who are you?", true},
		{"log-in page", reply(200, "text/html", "<html>"), nil, `broker b answered with "text/html" instead of application/json`, false},
		{"rubbish", reply(200, "application/json", "\x00"), nil, "broker b does not answer as one: it is not JSON", false},
		{"no broker", reply(404, "text/html", "no"), nil, "broker b refused: 404 Not Found", true},
		{"busy", reply(503, "text/plain", "later"), nil, "broker b refused: 503 Service Unavailable: later", false},
		{"revoked", reply(200, "application/json", `{"state":"revoked","message":"It was given back."}`), nil, "this terminal may no longer connect: It was given back.", true},
		{"endless", &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(endless{})}, nil, "broker b does not answer as one: it is over 32768 bytes", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := ask(t, &fake{answer: func(question, int) (*http.Response, error) { return tt.resp, tt.err }}, nil)
			_, err := c.Ask(t.Context(), false, nil)
			var ce *client.Error
			if !errors.As(err, &ce) || err.Error() != tt.want || ce.Final != tt.final || ce.Hint == "" {
				t.Errorf("Ask() = %v, %+v; want %q, final %v, with a hint", err, ce, tt.want, tt.final)
			}
			if errors.Is(err, client.ErrRevoked) != (tt.name == "revoked") {
				t.Errorf("Is(%v, ErrRevoked) is wrong", err)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestSlowBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := ask(t, &fake{}, func(cfg *broker.Config) { cfg.Transport = stuck{} })
		began := time.Now()
		_, err := c.Ask(t.Context(), false, nil)
		if err == nil || !strings.Contains(err.Error(), "did not answer within 10s") || time.Since(began) != 10*time.Second {
			t.Errorf("Ask() = %v after %v; want it to give up after 10 s", err, time.Since(began))
		}
	})
}

// stuck never answers.
type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestNewRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                    "must start with https://",
		"b":                   "must start with https://",
		"http://b":            "not on this machine",
		"ftp://b":             "must start with https://",
		"https://":            "names no host",
		"https://a:secret@b/": "put the token into a file",
		"https://b\x7f":       "not a URL",
	} {
		if _, err := broker.New(broker.Config{URL: url}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q) = %v; want %q", url, err, want)
		}
	}
	for _, url := range []string{"http://127.0.0.1:1", "http://[::1]", "http://localhost/x", "https://b/v1/session?tenant=7"} {
		if _, err := broker.New(broker.Config{URL: url}); err != nil {
			t.Errorf("New(%q) = %v; want nil", url, err)
		}
	}
}

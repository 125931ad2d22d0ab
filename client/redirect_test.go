package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

const testToken = "0123456789abcdef"

// A host that has moved is followed with the offer and, on this machine, with
// the token; the session belongs to where it went.
func TestRedirectIsFollowed(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Token: testToken})
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		second := httptest.NewServer(http.RedirectHandler(h.URL, status))
		first := httptest.NewServer(http.RedirectHandler(second.URL+"/somewhere", status))
		r := start(t, first.URL, func(c *client.Config) { c.Bearer = func() string { return testToken } })
		r.keyframe(t, 0)
		r.cancel()
		_ = r.end()
		hosttest.Until(t, "the session is deleted where it was made", func() bool { return h.Summary().Sessions > 0 })
		first.Close()
		second.Close()
	}
}

// Where a redirect leads is looked at first.
func TestRedirectIsRefused(t *testing.T) {
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer elsewhere.Close()
	tests := []struct {
		name, to, want string
		status         int
		secure         bool
	}{
		{"a file", "file:///etc/passwd", "not http or https", 307, false},
		{"another scheme", "javascript:alert(1)", "not http or https", 308, false},
		{"nowhere", "", "without saying where", 307, false},
		{"no host", "http:///whep", "names no host", 307, false},
		{"a user", "http://me:pw@127.0.0.1/whep", "names no host, or a user", 307, false},
		{"off this machine", "http://192.0.2.1/whep", "the token must not go", 307, false},
		{"to TLS elsewhere", "https://192.0.2.1/whep", "the token must not go", 307, false},
		{"from TLS to none", elsewhere.URL, "from https to http", 307, true},
		{"not a way to repeat a POST", elsewhere.URL, "302", 302, false},
		{"see other", elsewhere.URL, "303", 303, false},
		{"garbage", "http://[::1", "without saying where", 307, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.to != "" {
					w.Header().Set("Location", tt.to)
				}
				w.WriteHeader(tt.status)
			})
			srv := httptest.NewUnstartedServer(handler)
			if tt.secure {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			err := runWith(t, srv.URL, func(c *client.Config) { c.TLS = trust(srv) })
			if !strings.Contains(err.Error(), tt.want) || !err.Final || err.Hint == "" && tt.status > 306 {
				t.Errorf("Run() = %q, final %v, hint %q; want %q and a hint", err, err.Final, err.Hint, tt.want)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("Run() = %q; want one line without the token", err)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("a refused redirect was followed %d times", n)
	}
}

func trust(srv *httptest.Server) *tls.Config {
	if srv.TLS == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return &tls.Config{RootCAs: pool}
}

// Circles and chains without end are seen.
func TestRedirectLoops(t *testing.T) {
	var n atomic.Int32
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := srv.URL + "/whep"
		if strings.HasPrefix(r.URL.Path, "/chain") {
			to = fmt.Sprintf("%s/chain%d", srv.URL, n.Load())
		}
		n.Add(1)
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	if err := run(t, srv.URL); !strings.Contains(err.Error(), "circle") || n.Load() != 1 {
		t.Errorf("Run() = %q after %d requests; want the circle seen at once", err, n.Load())
	}
	n.Store(0)
	if err := run(t, srv.URL+"/chain"); !strings.Contains(err.Error(), "sends us on for the") || n.Load() > 6 {
		t.Errorf("Run() = %q after %d requests; want an end after 5 redirects", err, n.Load())
	}
}

// runWith is run with a changed configuration.
func runWith(t *testing.T, url string, change func(*client.Config)) *client.Error {
	t.Helper()
	r := start(t, url, func(c *client.Config) {
		c.Bearer = func() string { return "s3cret" }
		change(c)
	})
	return r.failure(t)
}

// A server that answers slowly or without end costs the time of one exchange.
func TestSlowAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	for name, drip := range map[string]func(w http.ResponseWriter) bool{
		"body": func(w http.ResponseWriter) bool { _, err := io.WriteString(w, "a"); return err == nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/sdp")
				w.WriteHeader(http.StatusCreated)
				for drip(w) && r.Context().Err() == nil {
					_ = http.NewResponseController(w).Flush()
					time.Sleep(100 * time.Millisecond)
				}
			}))
			defer srv.Close()
			begin := time.Now()
			err := run(t, srv.URL)
			if took := time.Since(begin); took > 12*time.Second || err.Final {
				t.Errorf("Run() = %v after %v, final %v; want an end within 12 s", err, took, err.Final)
			}
		})
	}
}

// A header without end is not read to its end.
func TestHugeHeader(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 1<<20))
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	if err := run(t, srv.URL); err.Final || !strings.Contains(err.Error(), "header") {
		t.Errorf("Run() = %v; want the header refused", err)
	}
}

// A strict WHEP server takes one screen and sound, and nothing else: the
// terminal shows them and says that it can only look.
func TestStrictServers(t *testing.T) {
	tests := []struct {
		name    string
		refuse  func(w http.ResponseWriter, offer string) bool // true: it has answered
		screens int
		posts   int
		note    string
	}{
		{"refuses data channels", func(w http.ResponseWriter, offer string) bool {
			if strings.Contains(offer, "m=application") {
				http.Error(w, "only one video and one audio", http.StatusNotAcceptable)
				return true
			}
			return false
		}, 1, 2, "only WHEP"},
		{"refuses two screens", func(w http.ResponseWriter, offer string) bool {
			if strings.Count(offer, "m=video") > 1 {
				http.Error(w, "only one video", http.StatusBadRequest)
				return true
			}
			return false
		}, 2, 2, "only WHEP"},
		{"answers fewer sections", func(w http.ResponseWriter, offer string) bool {
			if strings.Contains(offer, "m=application") {
				w.Header().Set("Content-Type", "application/sdp")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\n")
				return true
			}
			return false
		}, 1, 2, "only WHEP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := hosttest.Start(t, hosttest.Config{})
			via := newFront(t, h.URL)
			via.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost {
					return false
				}
				body, _ := io.ReadAll(r.Body)
				if tt.refuse(w, string(body)) {
					return true
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				return false
			}
			notes := make(chan string, 4)
			r := start(t, via.url, func(c *client.Config) {
				c.Screens, c.OnViewOnly = tt.screens, func(why string) { notes <- why }
			})
			r.keyframe(t, 0)
			if got := hosttest.Within(t, notes, "OnViewOnly"); !strings.Contains(got, tt.note) {
				t.Errorf("OnViewOnly(%q); want %q", got, tt.note)
			}
			r.Focus(true)
			if n := via.requests(http.MethodPost); n != tt.posts {
				t.Errorf("%d offers; want %d", n, tt.posts)
			}
			hosttest.Until(t, "pictures go on", func() bool { return r.taken.Load() > 5 })
			if len(notes) != 0 {
				t.Errorf("OnViewOnly(%q) again; want it once", <-notes)
			}
		})
	}
}

// A server that refuses the smaller offer too is quoted on the whole one.
func TestStrictServerRefusesAll(t *testing.T) {
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, fmt.Sprintf("refusal %d", n.Add(1)), http.StatusBadRequest)
	}))
	defer srv.Close()
	if err := run(t, srv.URL); !strings.Contains(err.Error(), "refusal 1") || n.Load() != 2 {
		t.Errorf("Run() = %v after %d offers; want the first refusal after two", err, n.Load())
	}
}

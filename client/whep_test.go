package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/media"
)

// run makes one session against url and returns how it failed.
func run(t *testing.T, url string) *client.Error {
	t.Helper()
	s, err := client.New(client.Config{
		URL: url, Bearer: func() string { return "s3cret" }, Screens: 1, Codecs: []media.Codec{media.CodecH264},
		OnAccessUnit: func(au *media.AccessUnit) { au.Release() },
	})
	if err != nil {
		t.Fatalf("New(%q) = %v; want a session", url, err)
	}
	err = s.Run(context.Background())
	var ce *client.Error
	if !errors.As(err, &ce) {
		t.Fatalf("Run against %q = %v; want a *client.Error", url, err)
	}
	return ce
}

func TestHostileAnswers(t *testing.T) {
	sdpHeader := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/whep/1")
		w.WriteHeader(http.StatusCreated)
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
		final   bool
	}{
		{"wrong token", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "the token is wrong", http.StatusUnauthorized)
		}, "401 Unauthorized: the token is wrong", true},
		{"not found", http.NotFound, "404", true},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500", false},
		{"not ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "503", false},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello") }, "200 OK", true},
		{"wrong type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusCreated)
		}, "instead of application/sdp", true},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { sdpHeader(w); io.WriteString(w, "v=\x00\xff rubbish") }, "not SDP", true},
		{"empty", func(w http.ResponseWriter, _ *http.Request) { sdpHeader(w) }, "0 sections", true},
		{"no sections", func(w http.ResponseWriter, _ *http.Request) {
			sdpHeader(w)
			io.WriteString(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
		}, "0 sections", true},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			sdpHeader(w)
			w.Write(bytes.Repeat([]byte("a"), 1<<20))
		}, "over 65536 bytes", true},
		{"control characters", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "\x1b[31mred\x07", http.StatusForbidden)
		}, "[31mred", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			err := run(t, srv.URL)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %q; want it to contain %q", err, tt.want)
			}
			if strings.ContainsAny(err.Error(), "\x1b\x07\n") {
				t.Errorf("Run = %q; want one printable line", err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("Run = %q; want no token in it", err)
			}
			if err.Final != tt.final {
				t.Errorf("Run(%s).Final = %v; want %v", tt.name, err.Final, tt.final)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"3": 3 * time.Second, "": 0, "-1": 0, "999": time.Minute, "99999999999": 0, "Mon, 23 Nov 2026 12:00:00 GMT": 0,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		if got := run(t, srv.URL).After; got != want {
			t.Errorf("After with Retry-After %q = %v; want %v", value, got, want)
		}
		srv.Close()
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	got := run(t, "http://"+addr)
	if want := "nothing is listening at " + addr; !strings.Contains(got.Error(), want) || got.Hint == "" {
		t.Errorf("Run = %q, hint %q; want %q and a hint", got, got.Hint, want)
	}
}

func TestBadAddresses(t *testing.T) {
	for _, url := range []string{"", "pc.example", "ftp://pc", "http://", "http://user:pw@pc/", "http://[::1"} {
		if _, err := client.New(client.Config{URL: url, Screens: 1}); err == nil {
			t.Errorf("New(%q) = nil error; want a refusal", url)
		}
	}
}

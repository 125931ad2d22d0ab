package client_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestWords has hosts answer what would harm the screen or the person's
// patience: what comes of it is one harmless line.
func TestWords(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"hangs up", "", "hung up instead of answering"},
		{"no HTTP", "\x00\x1b[2J\xff\r\n\r\n", "is not HTTP as it should be"},
		{"escapes in the reason", "HTTP/1.1 500 \u009b31m\u202eno\r\nContent-Length: 6\r\n\r\n\x1b[2Jbye", "500  31m no: [2Jb"},
		{"a long reason", "HTTP/1.1 400 " + strings.Repeat("no ", 5000) + "\r\nContent-Length: 0\r\n\r\n", "refused: 400 no no"},
		{"a long type", "HTTP/1.1 201 OK\r\nContent-Type: text/" + strings.Repeat("x", 9000) + "\r\nContent-Length: 0\r\n\r\n", "instead of application/sdp"},
		{"a long name", "HTTP/1.1 307 Go\r\nLocation: http://" + strings.Repeat("a.", 5000) + "invalid/\r\nContent-Length: 0\r\n\r\n", "host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				c, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, tt.answer)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}))
			defer srv.Close()
			s, err := client.New(client.Config{
				URL: srv.URL, Screens: 1, Codecs: []media.Codec{media.CodecH264},
				OnAccessUnit: func(au *media.AccessUnit) { au.Release() },
			})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Run = %v; want %q in it", err, tt.want)
			}
			bad := strings.IndexFunc(err.Error(), func(r rune) bool { return !strconv.IsPrint(r) })
			if n := utf8.RuneCountInString(err.Error()); n > 300 || bad >= 0 {
				t.Errorf("the sentence has %d characters and a bad one at %d: %q", n, bad, err)
			}
		})
	}
}

//go:build linux && !nonative

package e2e_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
)

// failureBound is when a terminal that cannot connect must have said so.
const failureBound = 40 * time.Second

// TestCannotConnect meets hosts that are not there, do not want us or talk
// rubbish. Each is answered with one sentence and exit status 1, never a hang.
func TestCannotConnect(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(320, 240)
	const secret = "correct-horse-battery-staple"
	guarded := b.host(lab.HostConfig{Source: "testcard", Display: d, Size: "640x360", TokenFile: b.file("token", secret)})

	open := b.host(lab.HostConfig{Source: "testcard", Display: d, Size: "640x360"})

	tests := []struct {
		name  string
		url   string
		token string   // "": none
		want  []string // what the sentence must hold
	}{
		{"wrong token", guarded.URL, "wrong-horse", []string{"token"}},
		{"no token", guarded.URL, "", []string{"token"}},
		{"nobody listens", "http://" + closedPort(t) + "/whep", "", []string{"refused"}},
		{"no such name", "http://no-such-host.invalid:8089/whep", "", []string{"no-such-host.invalid"}},
		{"not a URL", "://", "", nil},
		{"other scheme", "ftp://127.0.0.1/whep", "", []string{"ftp"}},
		{"never answers", "http://" + silentPort(t) + "/whep", "", nil},
		{"hangs up", "http://" + rudePort(t) + "/whep", "", nil},
		{"not found", serve(t, answer(http.StatusNotFound, "text/plain", "no")), "", []string{"404"}},
		{"broken server", serve(t, answer(http.StatusInternalServerError, "text/plain", "boom")), "", []string{"500"}},
		{"200 instead of 201", serve(t, answer(http.StatusOK, "text/html", "<html>a router's log-in page</html>")), "", nil},
		{"empty answer", serve(t, answer(http.StatusCreated, "application/sdp", "")), "", nil},
		{"garbage SDP", serve(t, answer(http.StatusCreated, "application/sdp", "v=0\r\no=- garbage\r\nm=video nonsense")), "", nil},
		{"binary answer", serve(t, answer(http.StatusCreated, "application/sdp", strings.Repeat("\x00\xff\r\n", 512))), "", nil},
		{"SDP without media", serve(t, answer(http.StatusCreated, "application/sdp", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")), "", nil},
		{"endless answer", serve(t, endless), "", nil},
		{"redirects for ever", serve(t, redirect), "", nil},
		{"answer without a way to the host", serve(t, unreachableMedia(open.URL)), "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{t, b.Programs}
			cfg := lab.TerminalConfig{URL: tt.url, Display: d}
			if tt.token != "" {
				cfg.TokenFile = b.file("token", tt.token)
			}
			b.failsWith(b.terminal(cfg), 1, tt.want...)
		})
	}
}

// TestRefusals starts programs with what they must not accept.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(320, 240)
	token := b.file("token", "secret-word-of-many-letters")
	tests := []struct {
		name    string
		program string
		args    []string
		status  int
		want    []string
	}{
		{"open to the network without TLS", b.Host, []string{"--source", "testcard", "--listen", "0.0.0.0:0", "--token-file", token}, 1, nil},
		{"open to the network without token", b.Host, []string{"--source", "testcard", "--listen", "0.0.0.0:0"}, 1, nil},
		{"desktop of no display", b.Host, []string{"--source", "desktop", "--display", ":987", "--listen", "127.0.0.1:0"}, 1, []string{":987"}},
		{"no such film", b.Host, []string{"--source", "file", "--file", "/no/such/film.mkv", "--listen", "127.0.0.1:0"}, 1, []string{"/no/such/film.mkv"}},
		{"unknown flag", b.Terminal, []string{"connect", "--frobnicate", "http://127.0.0.1/"}, 2, []string{"frobnicate"}},
		{"unknown codec", b.Terminal, []string{"connect", "--codec", "vp8", "http://127.0.0.1/"}, 2, []string{"vp8"}},
		{"no such token file", b.Terminal, []string{"connect", "--token-file", "/no/such/token", "http://127.0.0.1/"}, 1, []string{"/no/such/token"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{t, b.Programs}
			p, err := lab.Start(b.life(), lab.Command{Path: tt.program, Args: tt.args, Env: d.Env()})
			b.ok(err)
			b.onEnd(filepath.Base(tt.program), p)
			b.failsWith(p, tt.status, tt.want...)
		})
	}
}

// failsWith waits for a program's failure: its status, one line of error that
// holds the wanted words, hints beside it, and no secret anywhere.
func (b bench) failsWith(p *lab.Process, status int, want ...string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), failureBound)
	defer cancel()
	began := time.Now()
	code, err := p.Wait(ctx)
	b.ok(err)
	if code != status {
		b.Errorf("exit status = %d; want %d", code, status)
	}
	var sentences []string
	for line := range strings.Lines(p.Stderr()) {
		line = strings.TrimSpace(line)
		if _, sentence, ok := strings.Cut(line, ": error: "); ok {
			sentences = append(sentences, sentence)
		} else if !strings.Contains(line, ": hint: ") && !strings.HasPrefix(line, "time=") {
			b.Errorf("stderr has the line %q; want errors, hints and log lines only", line)
		}
	}
	if len(sentences) != 1 {
		b.Fatalf("stderr = %q; want one line with an error", p.Stderr())
	}
	b.Logf("after %v: %s", time.Since(began).Round(time.Millisecond), sentences[0])
	for _, words := range want {
		if !strings.Contains(sentences[0], words) {
			b.Errorf("error = %q; want %q in it", sentences[0], words)
		}
	}
	if len(sentences[0]) > 300 {
		b.Errorf("error has %d bytes; want a sentence", len(sentences[0]))
	}
	for _, secret := range []string{"correct-horse", "wrong-horse", "secret-word"} {
		if strings.Contains(p.Stderr()+p.Stdout(), secret) {
			b.Errorf("output holds the token %q", secret)
		}
	}
}

// file writes a file of the test and returns its path.
func (b bench) file(name, content string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	b.ok(os.WriteFile(path, []byte(content), 0o600))
	return path
}

// closedPort returns an address on which nobody listens any more.
func closedPort(t *testing.T) string {
	t.Helper()
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

// silentPort returns an address that takes connections and says nothing.
func silentPort(t *testing.T) string {
	t.Helper()
	return listen(t).Addr().String()
}

// rudePort returns an address that takes connections and hangs up.
func rudePort(t *testing.T) string {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve returns the URL of a server with one answer to everything.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL + "/whep"
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "/whep/1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have hung up
	}
}

// endless answers with more than anybody should read: 1 GiB of SDP lines.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusCreated)
	block := []byte(strings.Repeat("a=candidate:nonsense\r\n", 3000))
	for range 1 << 30 / len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// unreachableMedia forwards the offer to a real host and spoils the answer's
// password: everything is agreed, and no packet is ever let through.
func unreachableMedia(host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		reply, err := http.Post(host, r.Header.Get("Content-Type"), r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer reply.Body.Close()
		sdp, err := io.ReadAll(io.LimitReader(reply.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		spoilt := icePassword.ReplaceAll(sdp, []byte("a=ice-pwd:"+strings.Repeat("x", 24)))
		answer(reply.StatusCode, reply.Header.Get("Content-Type"), string(spoilt))(w, r)
	}
}

// icePassword finds the password of connectivity checks (RFC 8839, 5.4).
var icePassword = regexp.MustCompile(`a=ice-pwd:\S+`)

func redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", r.URL.Path+"/again")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

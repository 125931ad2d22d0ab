//go:build linux && !nonative

package hostile_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// signalling is what a host can do by HTTP.
func signalling(t *testing.T) []attack {
	other, asked := stranger(t)
	return []attack{
		{name: "header a byte a second", answer: hijack(slowly("HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\n\r\n")), want: "did not answer within"},
		{name: "body a byte a second", answer: slowBody, want: "did not answer within"},
		{name: "header without end", answer: hijack(endlessHeader), want: "not HTTP as it should be: server response headers"},
		{name: "hints without end", answer: hijack(endlessHints), want: "not HTTP as it should be"},
		{name: "body without end", answer: endlessBody, want: "over 65536 bytes"},
		{name: "compressed body without end", answer: gzipBomb, want: "over 65536 bytes"},
		{name: "SDP of 65537 bytes", answer: created(strings.Repeat("a", 65537)), want: "over 65536 bytes"},
		{name: "no HTTP", answer: hijack(only("\x00\x01\xff\x1b[2Jno http\r\n\r\n")), want: "not HTTP as it should be"},
		{name: "status out of this world", answer: hijack(only("HTTP/1.1 999999999 \u009b31m\r\n\r\n")), want: "not HTTP as it should be"},
		{name: "hangs up", answer: hijack(func(net.Conn) {}), want: "hung up"},
		{name: "status in binary", answer: hijack(only("HTTP/1.1 500 \u009b31m\u202eno\r\nContent-Length: 9\r\n\r\n\x1b[2J\u009bbye")), want: "500"},
		{name: "long status", answer: hijack(only("HTTP/1.1 400 " + strings.Repeat("no ", 8000) + "\r\nContent-Length: 0\r\n\r\n")), want: "refused"},
		{name: "long type", answer: typed("text/" + strings.Repeat("x", 20000)), want: "instead of application/sdp"},
		{name: "type in binary", answer: typed("text/\u009b31m\u202e"), want: "instead of application/sdp"},
		{name: "redirect to a file", answer: redirected("file:///etc/passwd"), want: "not http or https"},
		{name: "redirect to FTP", answer: redirected("ftp://127.0.0.1/x"), want: "not http or https"},
		{name: "redirect to nowhere", answer: redirected("http://"), want: "names no host"},
		{name: "redirect to a name in binary", answer: redirected("http://a%C2%9B31m%E2%80%AE.invalid/"), want: "host"},
		{name: "redirect to a long name", answer: redirected("http://" + strings.Repeat("long.", 4000) + "invalid/")},
		{name: "redirect in a circle", answer: circle, want: "circle"},
		{name: "redirect for ever", answer: onAndOn(), want: "sends us on for the"},
		{name: "garbage for SDP", answer: created("v=0\r\nm=\x00\xff" + strings.Repeat("\x1b", 500)), want: "not SDP"},
		{name: "10000 sections", answer: created("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=\r\n", 10_000))},
		{name: "3000 sections of video", answer: created("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=video 9 RTP/AVP 102\r\n", 2800)), want: "sections"},
		{name: "wait a hundred years", answer: busy("99999999999999999999"), want: "503"},
		{name: "wait a day", answer: busy("65535"), want: "503"},
		{name: "huge attributes", tamper: huge, then: stay(time.Second)},
		{name: "a thousand addresses", tamper: addresses, then: stay(time.Second)},
		{
			name: "resource elsewhere", tamper: func(h http.Header, answer string) string { h.Set("Location", other); return answer }, want: "path|lost|picture", then: stay(time.Second),
			after: func(t *testing.T) {
				if n := asked.Load(); n != 0 {
					t.Errorf("the stranger was asked %d times; want never", n)
				}
			},
		},
		{name: "a thousand links", tamper: links(1000, `<http://127.0.0.1/>; rel="x"`), then: stay(time.Second)},
		{name: "a hundred relays", tamper: links(100, `<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="c"`), then: stay(3 * time.Second)},
	}
}

// hijack answers with what f writes, and nothing else.
func hijack(f func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		f(c)
	}
}

func only(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
}

func slowly(text string) func(net.Conn) {
	return func(c net.Conn) {
		for _, b := range []byte(text) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second) // a slow host is what is tested
		}
	}
}

func endlessHeader(c net.Conn) {
	_, err := io.WriteString(c, "HTTP/1.1 201 Created\r\n")
	for err == nil {
		_, err = io.WriteString(c, "X-More: "+strings.Repeat("y", 1000)+"\r\n")
	}
}

func endlessHints(c net.Conn) {
	var err error
	for err == nil {
		_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
	}
}

func slowBody(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusCreated)
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, "v")
		w.(http.Flusher).Flush()
		pause(r.Context(), time.Second)
	}
}

func endlessBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusCreated)
	b := bytes.Repeat([]byte("a=x\r\n"), 1000)
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

func gzipBomb(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 100<<20))
	_ = z.Close()
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(b.Bytes())
}

func created(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/sdp")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, body)
	}
}

func typed(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(http.StatusCreated)
	}
}

func redirected(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

func circle(w http.ResponseWriter, r *http.Request) {
	to := "/whep"
	if r.URL.Path == to {
		to = "/other"
	}
	redirected(to)(w, r)
}

func onAndOn() http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) { redirected(fmt.Sprintf("/%d", n.Add(1)))(w, r) }
}

func busy(after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		http.Error(w, "later", http.StatusServiceUnavailable)
	}
}

// huge makes the answer as long as it may be, by what nobody needs.
func huge(_ http.Header, answer string) string {
	one := "a=fmtp:102 " + strings.Repeat("x=y;", 4000) + "\r\n"
	return answer + strings.Repeat(one, (65000-len(answer))/len(one)) + "a=" + strings.Repeat("z", 10_000) + "\r\n"
}

func addresses(_ http.Header, answer string) string {
	var b strings.Builder
	for i := range 700 {
		fmt.Fprintf(&b, "a=candidate:%d 1 udp %d 127.%d.%d.1 %d typ host\r\n", i, 2130706431-i, i/250, i%250, 1024+i)
	}
	at := strings.Index(answer, "a=candidate:")
	return answer[:at] + b.String() + answer[at:]
}

func links(n int, link string) func(http.Header, string) string {
	return func(h http.Header, answer string) string {
		for range n {
			if (len(link)+len("Link: \r\n"))*len(h.Values("Link")) > 30_000 {
				break
			}
			h.Add("Link", link)
		}
		return answer
	}
}

// stranger is a server that nobody has a reason to ask.
func stranger(t *testing.T) (url string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	return s.URL + "/whep/1", asked
}

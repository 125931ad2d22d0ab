package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
)

func do(t *testing.T, method, url, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
		if k == "Host" {
			req.Host = v
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

const token = "correct-horse-battery"

func writeToken(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
	return path
}

func TestHTTPStatuses(t *testing.T) {
	r := newRig(t, 1, func(c *host.Config) { c.TokenFile = writeToken(t, token+"\n", 0o600) })
	h264Only := newRig(t, 1, func(c *host.Config) { c.Codecs = []media.Codec{media.CodecH264} })
	empty := newRig(t, 0, nil)
	h264, hevc := newPeer(t, 1, webrtc.MimeTypeH264).offer(t), newPeer(t, 1, webrtc.MimeTypeH265).offer(t)

	sdp := map[string]string{"Content-Type": "application/sdp", "Authorization": "Bearer " + token}
	with := func(k, v string) map[string]string {
		m := map[string]string{}
		for key, value := range sdp {
			m[key] = value
		}
		m[k] = v
		return m
	}
	tests := []struct {
		name, method, url, body string
		header                  map[string]string
		status                  int
		want                    map[string]string // headers
		text                    string            // in the body
	}{
		{"answer", "POST", r.url, h264, sdp, 201, map[string]string{"Content-Type": "application/sdp", "Accept-Patch": "application/trickle-ice-sdpfrag"}, "a=sendonly"},
		{"content type with a parameter", "POST", r.url, h264, with("Content-Type", "application/sdp; charset=utf-8"), 201, nil, ""},
		{"no token", "POST", r.url, h264, with("Authorization", ""), 401, map[string]string{"WWW-Authenticate": `Bearer realm="shadow-host"`}, "token"},
		{"wrong token", "POST", r.url, h264, with("Authorization", "Bearer wrong"), 401, nil, "token"},
		{"wrong scheme", "POST", r.url, h264, with("Authorization", "Basic "+token), 401, nil, "token"},
		{"delete without token", "DELETE", r.url + "/x", "", with("Authorization", ""), 401, nil, "token"},
		{"delete unknown", "DELETE", r.url + "/x", "", sdp, 404, nil, "no such session"},
		{"not SDP", "POST", r.url, "hello", sdp, 400, nil, "not SDP"},
		{"empty", "POST", r.url, "", sdp, 400, nil, "SDP"},
		{"no section", "POST", r.url, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", sdp, 400, nil, "no media section"},
		{"no video", "POST", r.url, strings.Replace(h264, "m=video", "m=text", 1), sdp, 400, nil, "no video"},
		{"not bundled", "POST", r.url, strings.Replace(h264, "a=group:BUNDLE", "a=group:LS", 1), sdp, 400, nil, "bundled"},
		{"no fingerprint", "POST", r.url, strings.ReplaceAll(h264, "a=fingerprint", "a=x"), sdp, 400, nil, "cannot be used"},
		{"wrong type", "POST", r.url, h264, with("Content-Type", "application/json"), 415, nil, "application/sdp"},
		{"no type", "POST", r.url, h264, with("Content-Type", ""), 415, nil, "application/sdp"},
		{"too long", "POST", r.url, h264 + strings.Repeat("a=x\r\n", 16<<10), sdp, 413, nil, "65536"},
		{"patch unknown", "PATCH", r.url + "/x", "", sdp, 404, nil, "no such session"},
		{"patch without token", "PATCH", r.url + "/x", "", with("Authorization", ""), 401, nil, "token"},
		{"options of an unknown session", "OPTIONS", r.url + "/x", "", nil, 404, nil, "no such session"},
		{"put", "PUT", r.url + "/x", "", sdp, 405, map[string]string{"Allow": "DELETE, OPTIONS, PATCH"}, ""},
		{"get", "GET", r.url, "", sdp, 405, map[string]string{"Allow": "OPTIONS, POST"}, ""},
		{"elsewhere", "GET", r.url + "er", "", sdp, 404, nil, ""},
		{"options", "OPTIONS", r.url, "", nil, 204, map[string]string{"Accept-Post": "application/sdp"}, ""},
		{"no common codec", "POST", h264Only.url, hevc, sdp, 406, nil, "H264"},
		{"not ready", "POST", empty.url, h264, sdp, 503, map[string]string{"Retry-After": "2"}, "no screen"},
		{"foreign name on loopback", "POST", h264Only.url, h264, with("Host", "evil.example"), 403, nil, "localhost"},
		{"localhost", "POST", h264Only.url, h264, with("Host", "localhost:80"), 201, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := do(t, tt.method, tt.url, tt.body, tt.header)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.text) {
				t.Errorf("%s %s = %s, %q; want %d with %q", tt.method, tt.url, resp.Status, body, tt.status, tt.text)
			}
			for k, want := range tt.want {
				if got := resp.Header.Get(k); got != want {
					t.Errorf("%s %s: %s = %q; want %q", tt.method, tt.url, k, got, want)
				}
			}
			if tt.status >= 400 && strings.Count(body, "\n") != 1 {
				t.Errorf("%s %s: body = %q; want one sentence", tt.method, tt.url, body)
			}
		})
	}
}

func TestAnswerHeaders(t *testing.T) {
	r := newRig(t, 1, nil)
	resp, _ := do(t, "POST", r.url, newPeer(t, 1, webrtc.MimeTypeH264).offer(t), map[string]string{"Content-Type": "application/sdp"})
	location := resp.Header.Get("Location")
	want := "<" + location + `>; rel="urn:shadow-terminal:ext:session"`
	if !strings.HasPrefix(location, "/whep/") || len(location) < 20 || resp.Header.Get("Link") != want {
		t.Errorf("Location = %q, Link = %q; want a session of its own and %q", location, resp.Header.Get("Link"), want)
	}
	if etag := resp.Header.Get("ETag"); len(etag) < 10 || etag[0] != '"' {
		t.Errorf("ETag = %q; want a strong one", etag)
	}
}

func TestAnswerSections(t *testing.T) {
	r := newRig(t, 1, nil)
	p := newPeer(t, 3, webrtc.MimeTypeH264) // three screens of one, sound, data
	_, answer := do(t, "POST", r.url, p.offer(t), map[string]string{"Content-Type": "application/sdp"})
	var got []string
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "m=") {
			got = append(got, strings.Join(strings.Fields(line)[:2], " "))
		}
	}
	if want := "m=video 9|m=video 0|m=video 0|m=audio 9|m=application 9"; strings.Join(got, "|") != want {
		t.Errorf("sections = %s; want %s", strings.Join(got, "|"), want)
	}
	if !strings.Contains(answer, "a=candidate:") || !strings.Contains(answer, "a=end-of-candidates") {
		t.Errorf("answer has no complete list of candidates:\n%s", answer)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Errorf("SetRemoteDescription() = %v; want nil", err)
	}
}

func TestListenRule(t *testing.T) {
	good := writeToken(t, token, 0o600)
	cert, key := certificate(t)
	tests := []struct {
		name   string
		change func(*host.Config)
		want   string // in the error; "": none
	}{
		{"loopback", func(c *host.Config) { c.Listen = "127.0.0.1:0" }, ""},
		{"localhost", func(c *host.Config) { c.Listen = "localhost:0" }, ""},
		{"loopback 6", func(c *host.Config) { c.Listen = "[::1]:0" }, ""},
		{"everywhere", func(c *host.Config) { c.Listen = ":0" }, "needs a certificate"},
		{"name", func(c *host.Config) { c.Listen = "pc.example:80" }, "needs a certificate"},
		{"token only", func(c *host.Config) { c.Listen, c.TokenFile = "0.0.0.0:0", good }, "needs a certificate"},
		{"TLS only", func(c *host.Config) { c.Listen, c.TLSCertFile, c.TLSKeyFile = "0.0.0.0:0", cert, key }, "a token"},
		{"both", func(c *host.Config) {
			c.Listen, c.TokenFile, c.TLSCertFile, c.TLSKeyFile = "0.0.0.0:0", good, cert, key
		}, ""},
		{"half a certificate", func(c *host.Config) { c.TLSCertFile = cert }, "together"},
		{"no port", func(c *host.Config) { c.Listen = "127.0.0.1" }, "host:port"},
		{"readable token", func(c *host.Config) { c.TokenFile = writeToken(t, token, 0o644) }, "chmod 600"},
		{"short token", func(c *host.Config) { c.TokenFile = writeToken(t, "short", 0o600) }, "at least 16"},
		{"two lines", func(c *host.Config) { c.TokenFile = writeToken(t, token+"\n"+token, 0o600) }, "one line"},
		{"no token file", func(c *host.Config) { c.TokenFile = "/nonexistent" }, "no such file"},
		{"low rate", func(c *host.Config) { c.BitrateBps = 1000 }, "too low"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &rig{source: &fakeSource{}}
			cfg := baseConfig(r)
			tt.change(&cfg)
			_, err := host.New(cfg)
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New(%s) = %v; want %q", tt.name, err, tt.want)
			}
			if strings.Contains(tt.want, "needs") && !errors.Is(err, host.ErrExposed) {
				t.Errorf("New(%s) = %v; want ErrExposed", tt.name, err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	r := newRig(t, 1, func(c *host.Config) { c.TLSCertFile, c.TLSKeyFile = cert, key })
	pool := x509.NewCertPool()
	pemBytes, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(pemBytes) {
		t.Fatalf("read certificate: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "OPTIONS", r.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("OPTIONS %s = %v; want 204", r.url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || !strings.HasPrefix(r.url, "https://") {
		t.Errorf("OPTIONS %s = %s; want 204 over https", r.url, resp.Status)
	}
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Subject: pkix.Name{CommonName: "desk"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}

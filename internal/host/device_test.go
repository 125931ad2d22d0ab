package host_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/host"
)

// Tokens of a broker open what the host's own does, and say of no device that
// it is known; certificates do the opposite.
func TestDevice(t *testing.T) {
	certFile, keyFile := certificate(t)
	other, otherKey := certificate(t)
	r := &rig{}
	hello := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		d, ok := r.server.Device(q)
		fmt.Fprintf(w, "%s %d %v", d.Name, len(d.Fingerprint), ok)
	})
	*r = *newRig(t, 1, func(c *host.Config) {
		c.TLSCertFile, c.TLSKeyFile, c.ClientCAFile = certFile, keyFile, certFile
		c.TokenFile = writeToken(t, token+"\n", 0o600)
		c.CheckToken = func(s string) (func() bool, bool) { return nil, s == "short-lived" }
		c.Routes = []host.Route{{Pattern: "GET /public", Handler: hello, Public: true}, {Pattern: "GET /guarded", Handler: hello}}
	})
	base := strings.TrimSuffix(r.url, "/whep")
	tests := []struct {
		path, bearer, cert string
		want               string // status and body
	}{
		{"/guarded", token, "", "200  0 true"},
		{"/guarded", "short-lived", "", "200  0 false"},
		{"/guarded", "short-live", "", "401 the token is missing or wrong\n"},
		{"/guarded", "", "", "401 the token is missing or wrong\n"},
		{"/guarded", "", certFile, "401 the token is missing or wrong\n"},
		{"/public", "", "", "200  0 false"},
		{"/public", "short-lived", "", "200  0 false"},
		{"/public", token, "", "200  0 true"},
		{"/public", "", certFile, "200 desk 64 true"},
		{"/public", "", other, "refused"},
	}
	for _, tt := range tests {
		key := map[string]string{certFile: keyFile, other: otherKey}[tt.cert]
		if got := visit(t, base+tt.path, tt.bearer, certFile, tt.cert, key); got != tt.want {
			t.Errorf("GET %s with token %q and certificate %v = %q; want %q", tt.path, tt.bearer, tt.cert != "", got, tt.want)
		}
	}
	if n := r.server.Sessions(); n != 0 {
		t.Errorf("Sessions() = %d; want none", n)
	}
}

// visit returns the status and body of a GET.
func visit(t *testing.T, url, bearer, ca, cert, key string) string {
	t.Helper()
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(ca)
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatalf("read %s: %v", ca, err)
	}
	cfg := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		// Also when the server's list does not ask for its issuer.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "refused"
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, raw)
}

func TestDeviceAuthorities(t *testing.T) {
	certFile, keyFile := certificate(t)
	for want, change := range map[string]func(*host.Config){
		"with a certificate only": func(c *host.Config) { c.ClientCAFile = certFile },
		"holds no PEM":            func(c *host.Config) { c.TLSCertFile, c.TLSKeyFile, c.ClientCAFile = certFile, keyFile, keyFile },
		"no such file":            func(c *host.Config) { c.TLSCertFile, c.TLSKeyFile, c.ClientCAFile = certFile, keyFile, certFile+"x" },
	} {
		cfg := baseConfig(&rig{source: &fakeSource{}})
		change(&cfg)
		if _, err := host.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v; want %q", err, want)
		}
	}
}

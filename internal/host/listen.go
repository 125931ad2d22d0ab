package host

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/blade-shadow/terminal/internal/peer"
)

// ErrExposed is wrapped by New when the host would be reachable by others
// without being protected from them.
var ErrExposed = errors.New("an address other than loopback needs a certificate (TLS) and a token")

// access is who may reach the server and how.
type access struct {
	address  string
	loopback bool // nothing but this machine can connect
	tls      *tls.Config
	own      *ownToken // nil: no token is asked for
}

// Device is who sent a request.
type Device struct {
	Name        string // of its certificate; "": it has none
	Fingerprint string // SHA-256 of its certificate in lower-case hex, "" without one
	// Stands reports whether the token that it showed instead is still the
	// host's own; nil: it showed a certificate, or no token is asked for. Any
	// goroutine.
	Stands func() bool
}

// Device says which device sent a request: one with a certificate by
// Config.ClientCAFile, or one that holds the host's own token, which says
// nothing of its name. Tokens that CheckToken accepts say nothing here. ok is
// false for strangers.
func (s *Server) Device(r *http.Request) (d Device, ok bool) {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		cert := r.TLS.PeerCertificates[0]
		hash := sha256.Sum256(cert.Raw)
		return Device{Name: cert.Subject.CommonName, Fingerprint: hex.EncodeToString(hash[:])}, true
	}
	if s.access.own == nil {
		return d, true
	}
	given, has := bearer(r)
	d.Stands, ok = s.access.own.admit(given)
	return d, ok && has
}

// Sessions returns how many sessions there are, those included that wait for
// their terminal to connect.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// newAccess checks the rule of the package comment before anything listens.
func newAccess(c Config) (access, error) {
	a := access{address: c.Listen}
	name, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return a, fmt.Errorf("listen address %q is not host:port", c.Listen)
	}
	a.loopback = peer.IsLoopback(name)
	if a.own, err = newOwnToken(c.TokenFile); err != nil {
		return a, err
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		return a, errors.New("a certificate and its key are needed together")
	}
	if c.TLSCertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
		if err != nil {
			return a, fmt.Errorf("load certificate %s: %w", c.TLSCertFile, err)
		}
		a.tls = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	}
	if !a.loopback && (a.tls == nil || a.own == nil) {
		return a, fmt.Errorf("listen on %s: %w", c.Listen, ErrExposed)
	}
	return a, a.addClientCA(c.ClientCAFile)
}

// addClientCA has the server take certificates of devices, from who has one.
func (a *access) addClientCA(path string) error {
	switch {
	case path == "":
		return nil
	case a.tls == nil:
		return errors.New("devices show their certificates to a host with a certificate only")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read device authorities: %w", err)
	}
	a.tls.ClientCAs, a.tls.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !a.tls.ClientCAs.AppendCertsFromPEM(raw) {
		return fmt.Errorf("%s holds no PEM certificate", path)
	}
	return nil
}

// listen opens the listener and returns the URL of the endpoint on it.
func (a access) listen(ctx context.Context) (net.Listener, string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.address)
	if err != nil {
		var op *net.OpError // says "listen" and the address once more
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, "", fmt.Errorf("listen on %s: %w", a.address, err)
	}
	scheme := "http"
	l = crowd{l, make(chan struct{}, maxConns)}
	if a.tls != nil {
		l, scheme = tls.NewListener(l, a.tls), "https"
	}
	return l, fmt.Sprintf("%s://%s%s", scheme, l.Addr(), endpoint), nil
}

// crowd is a listener that hangs up on connections beyond the capacity of
// places, which is one for each that is open.
type crowd struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a connection that has a place.
func (l crowd) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return guest{c, sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = c.Close() // nothing was said on it
		}
	}
}

// guest is a connection that gives its place back.
type guest struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (g guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// ErrExposed is wrapped by New when the host would be reachable by others
// without being protected from them.
var ErrExposed = errors.New("an address other than loopback needs a certificate (TLS) and a token")

// minToken is the shortest token in characters; a longer one is as easy to
// make and nobody types it.
const minToken = 16

// access is who may reach the server and how.
type access struct {
	address  string
	loopback bool // nothing but this machine can connect
	tls      *tls.Config
	token    *[sha256.Size]byte // hash of the token, nil: none is asked for
}

// holds reports whether a request with this bearer token, if it has one, comes
// from who holds the token, or none is asked for. Hashes are compared, so
// neither contents nor length show in the time.
func (a *access) holds(given string, has bool) bool {
	if a.token == nil {
		return true
	}
	hash := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(hash[:], a.token[:]) == 1 && has
}

// bearer returns the request's bearer token (RFC 6750, 2.1).
func bearer(r *http.Request) (token string, ok bool) {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(given), strings.EqualFold(scheme, "Bearer")
}

// Device says which device sent a request: one with a certificate by
// Config.ClientCAFile, by its common name and SHA-256 in hex, or one that holds
// the host's own token, which says nothing of its name. Tokens that CheckToken
// accepts say nothing here. ok is false for strangers.
func (s *Server) Device(r *http.Request) (name, fingerprint string, ok bool) {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		cert := r.TLS.PeerCertificates[0]
		hash := sha256.Sum256(cert.Raw)
		return cert.Subject.CommonName, hex.EncodeToString(hash[:]), true
	}
	given, has := bearer(r)
	return "", "", s.access.holds(given, has)
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
	a.loopback = isLoopback(name)
	if a.token, err = readToken(c.TokenFile); err != nil {
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
	if !a.loopback && (a.tls == nil || a.token == nil) {
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

// isLoopback reports whether only this machine can mean name.
func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// readToken reads the token's file and keeps only its hash. The file is a
// password: one that everybody can read is refused.
func readToken(path string) (*[sha256.Size]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	if perm := st.Mode().Perm(); perm&0o007 != 0 {
		return nil, fmt.Errorf("token file %s can be used by every user (mode %04o): chmod 600 it", path, perm)
	}
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	if err != nil {
		return nil, fmt.Errorf("read token %s: %w", path, err)
	}
	token := bytes.TrimSpace(buf[:n])
	if len(token) < minToken || bytes.ContainsAny(token, "\r\n \t") || n == len(buf) {
		return nil, fmt.Errorf("token file %s must hold one line of at least %d characters without spaces", path, minToken)
	}
	hash := sha256.Sum256(token)
	return &hash, nil
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

//go:build linux && !nonative

package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// turnCertificate is the files of the relay's certificate.
type turnCertificate struct{ cert, key string }

func newTURNCertificate(dir string) (c turnCertificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return c, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	c = turnCertificate{filepath.Join(dir, "relay.pem"), filepath.Join(dir, "relay-key.pem")}
	return c, errors.Join(
		os.WriteFile(c.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
	)
}

// The relay's only user.
const (
	turnUser     = "someone"
	turnPassword = "with a long password"
)

// startTURN runs coturn on loopback and returns its two ports: for UDP and TCP,
// and for TLS.
func (b bench) startTURN() (plain, secure int) {
	b.Helper()
	plain, secure = b.freePort("tcp"), b.freePort("tcp")
	dir := b.TempDir()
	certificate, err := newTURNCertificate(dir)
	b.ok(err)
	// The only one that this process trusts: nothing here has looked for the
	// system's before.
	b.Setenv("SSL_CERT_FILE", certificate.cert)
	p := b.start(lab.Command{Name: "coturn", Path: "turnserver", Dir: dir, Args: []string{
		"-n", "--no-cli", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-dtls", "--no-multicast-peers",
		fmt.Sprintf("--listening-port=%d", plain), fmt.Sprintf("--tls-listening-port=%d", secure),
		"--lt-cred-mech", "--realm=interop.test", "--user=" + turnUser + ":" + turnPassword,
		"--cert=" + certificate.cert, "--pkey=" + certificate.key, "--fingerprint",
		"--userdb=" + filepath.Join(dir, "turndb"), "--pidfile=" + filepath.Join(dir, "pid"), "--log-file=stdout", "--verbose",
	}})
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("coturn said:\n%s", tail(p.Stdout(), 4000))
		}
	})
	for _, port := range []int{plain, secure} {
		b.wait("coturn", func() error {
			c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				return err
			}
			return c.Close()
		})
	}
	return plain, secure
}

// walled is a network whose firewall lets UDP through to nobody. Sockets that
// are for a relay alone pass.
type walled struct {
	transport.Net
	dead *netlab.Net
}

func newWalled() (walled, error) {
	all, err := stdnet.NewNet()
	if err != nil {
		return walled{}, err
	}
	nothing := netlab.Conditions{Down: true}
	return walled{all, netlab.NewNet(all, 1, netlab.Profile{Name: "walled", Up: nothing, Down: nothing})}, nil
}

func (w walled) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	return w.dead.ListenUDP(network, at)
}

// A terminal behind a firewall reaches the host through coturn, however much
// the firewall leaves of the way to it.
func TestCoturnRelays(t *testing.T) {
	b := begin(t, lab.Need("turnserver"))
	plain, secure := b.startTURN()
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360"})
	for _, tt := range []struct{ name, url string }{
		{"UDP", fmt.Sprintf("turn:127.0.0.1:%d?transport=udp", plain)},
		{"TCP", fmt.Sprintf("turn:127.0.0.1:%d?transport=tcp", plain)},
		{"TLS", fmt.Sprintf("turns:127.0.0.1:%d?transport=tcp", secure)},
	} {
		t.Run(tt.name, func(t *testing.T) { bench{t, b.Programs}.relayed(host.URL, tt.url) })
	}
}

// relayed makes a session through a relay and waits for its pictures.
func (b bench) relayed(endpoint, relay string) {
	b.Helper()
	network, err := newWalled()
	b.ok(err)
	var pictures atomic.Int64
	s, err := client.New(client.Config{
		URL: endpoint, Screens: 1, Codecs: []media.Codec{media.CodecH264}, Name: "interop", Version: "test", Net: network,
		ICEServers: []client.ICEServer{{URLs: []string{relay}, Username: turnUser, Credential: turnPassword}},
		OnAccessUnit: func(au *media.AccessUnit) {
			pictures.Add(1)
			au.Release()
		},
	})
	b.ok(err)
	ctx, cancel := b.cancelled()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.Errorf("Session.Run = %v; want it to last until it is ended", err)
		}
		network.dead.Wait()
	})
	b.wait("pictures through the relay", func() error {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the session has ended: %w", err)
		default:
		}
		if n := pictures.Load(); n < 60 {
			return fmt.Errorf("%d pictures; want 60", n)
		}
		return nil
	})
	if p := s.Path(); p.Kind != "relay" || p.Local != "relay" {
		b.Errorf("path = %+v; want one through the relay", p)
	}
	b.Logf("path %+v", s.Path())
}

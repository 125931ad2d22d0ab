package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/peer"
)

// TestMain gives this process a certificate authority of its own: pion trusts
// the system's when it speaks TLS to a relay.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ca")
	if err != nil {
		panic(err)
	}
	authority, err = newCertificate()
	if err != nil {
		panic(err)
	}
	ca := filepath.Join(dir, "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", ca); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// authority is a certificate for 127.0.0.1 that this process trusts.
var authority tls.Certificate

func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 99, 0, 1), net.ParseIP("2001:db8:99::1")}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

const relaySecret = "only the relay and we know this"

// turnServer is a relay on loopback over UDP, TCP and TLS. Its credentials are
// user names with a time in them and what follows from the secret.
type turnServer struct {
	udp, tcp, tls string // URLs
	port          uint16 // of UDP
}

func newTURN(t *testing.T) *turnServer {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority}})
	if err != nil {
		t.Fatal(err)
	}
	relays := &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}
	srv, err := turn.NewServer(turn.ServerConfig{
		Realm: "test", AuthHandler: turn.LongTermTURNRESTAuthHandler(relaySecret, nil),
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: relays}},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: tcp, RelayAddressGenerator: relays}, {Listener: secure, RelayAddressGenerator: relays},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	at := func(a net.Addr) int { return int(netip.MustParseAddrPort(a.String()).Port()) }
	return &turnServer{
		udp:  fmt.Sprintf("turn:127.0.0.1:%d?transport=udp", at(udp.LocalAddr())),
		tcp:  fmt.Sprintf("turn:127.0.0.1:%d?transport=tcp", at(tcp.Addr())),
		tls:  fmt.Sprintf("turns:127.0.0.1:%d?transport=tcp", at(secure.Addr())),
		port: uint16(at(udp.LocalAddr())),
	}
}

// server returns the relay with credentials that are good for so long.
func (s *turnServer) server(t *testing.T, url string, d time.Duration) client.ICEServer {
	t.Helper()
	name, secret, err := turn.GenerateLongTermTURNRESTCredentials(relaySecret, "me", d)
	if err != nil {
		t.Fatal(err)
	}
	return client.ICEServer{URLs: []string{url}, Username: name, Credential: secret}
}

// log is what a session logs at its most talkative.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Where no direct path leads, a relay does: by each way to it, known from the
// configuration or from the host's answer. Its credentials are in no log.
func TestRelays(t *testing.T) {
	relay := newTURN(t)
	for name, url := range map[string]string{"UDP": relay.udp, "TCP": relay.tcp, "TLS": relay.tls} {
		for _, from := range []string{"configured", "named by the host"} {
			t.Run(name+" "+from, func(t *testing.T) {
				t.Parallel()
				server := relay.server(t, url, time.Hour)
				cfg := hosttest.Config{}
				if from != "configured" {
					cfg.Change = func(c *host.Config) { c.ICEServers = []peer.Server{server} }
				}
				h := hosttest.Start(t, cfg)
				network := newFading(t)
				network.allow = func(a netip.AddrPort) bool { return a.Port() == relay.port }
				var logged log
				begin := time.Now()
				r := start(t, h.URL, func(c *client.Config) {
					c.Net, c.Logger = network, logged.logger()
					if from == "configured" {
						c.ICEServers = []client.ICEServer{server}
					}
				})
				r.keyframe(t, 0)
				t.Logf("first picture after %v", time.Since(begin))
				if p := r.Path(); p.Kind != "relay" {
					t.Errorf("Path() = %+v; want a relay", p)
				}
				r.works(t, h)
				if text := logged.String(); strings.Contains(text, server.Credential) || strings.Contains(text, server.Username) {
					t.Errorf("the log holds the relay's credentials:\n%s", text)
				}
			})
		}
	}
}

// Relays of one's own and those that the host names are a union: whichever of
// them carries is found, and is found again after the path has changed.
func TestOwnAndNamedRelays(t *testing.T) {
	for _, carries := range []string{"own", "named"} {
		t.Run(carries, func(t *testing.T) {
			t.Parallel()
			relays := map[string]*turnServer{"own": newTURN(t), "named": newTURN(t)}
			named := relays["named"].server(t, relays["named"].udp, time.Hour)
			h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.ICEServers = []peer.Server{named} }})
			network := newFading(t)
			network.allow = func(a netip.AddrPort) bool { return a.Port() == relays[carries].port }
			r := start(t, h.URL, func(c *client.Config) {
				c.Net, c.ICEServers = network, []client.ICEServer{relays["own"].server(t, relays["own"].udp, time.Hour)}
			})
			r.keyframe(t, 0)
			r.works(t, h)
			r.findsRelay(t, h, network)
		})
	}
}

// findsRelay kills the path and waits for another one, over a relay.
func (r *terminal) findsRelay(t *testing.T, h *hosttest.Host, network *fading) {
	t.Helper()
	before := r.Path().Restarts
	network.kill()
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts > before })
	r.works(t, h)
	if p := r.Path(); p.Kind != "relay" {
		t.Errorf("Path() = %+v; want a relay", p)
	}
}

// Relays whose passwords were renewed meanwhile are what the next search uses:
// here the first password has expired when the path is lost.
func TestRenewedRelay(t *testing.T) {
	t.Parallel()
	relay := newTURN(t)
	h := hosttest.Start(t, hosttest.Config{})
	network := newFading(t)
	network.allow = func(a netip.AddrPort) bool { return a.Port() == relay.port }
	expires := time.Now().Add(2 * time.Second)
	r := start(t, h.URL, func(c *client.Config) {
		c.Net, c.ICEServers = network, []client.ICEServer{relay.server(t, relay.udp, time.Until(expires))}
		c.NewICEServers = func() []client.ICEServer { return []client.ICEServer{relay.server(t, relay.udp, time.Hour)} }
	})
	r.keyframe(t, 0)
	hosttest.Until(t, "the password has expired", func() bool { return time.Since(expires) > time.Second })
	r.findsRelay(t, h, network)
}

// A relay that refuses us costs nothing but itself.
func TestExpiredRelay(t *testing.T) {
	t.Parallel()
	relay := newTURN(t)
	h := hosttest.Start(t, hosttest.Config{})
	server := relay.server(t, relay.udp, -time.Hour)
	r := start(t, h.URL, func(c *client.Config) { c.ICEServers = []client.ICEServer{server} })
	r.keyframe(t, 0)
	if p := r.Path(); p.Kind != "direct" {
		t.Errorf("Path() = %+v; want a direct one", p)
	}
	network := newFading(t)
	network.allow = func(a netip.AddrPort) bool { return a.Port() == relay.port }
	err := startPatient(t, h.URL, func(c *client.Config) {
		c.Net, c.ICEServers = network, []client.ICEServer{server}
	}, 3*time.Second).failure(t)
	if err.Stage != client.StageConnect || err.Final || strings.Contains(err.Error(), server.Credential) {
		t.Errorf("Run() = %v in stage %v; want no path", err, err.Stage)
	}
}

// Relays are tried beside direct paths and lose against them.
func TestDirectBeforeRelay(t *testing.T) {
	t.Parallel()
	relay := newTURN(t)
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, h.URL, func(c *client.Config) {
		c.ICEServers = []client.ICEServer{relay.server(t, relay.udp, time.Hour)}
	})
	r.keyframe(t, 0)
	if p := r.Path(); p.Kind != "direct" {
		t.Errorf("Path() = %+v; want a direct one", p)
	}
}

// Where no UDP gets through at all, media goes over TCP to the host's port.
func TestICETCP(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.ICETCP = "127.0.0.1:0" }})
	free := start(t, h.URL, nil)
	free.keyframe(t, 0)
	if p := free.Path(); p.Kind != "direct" {
		t.Errorf("Path() with UDP = %+v; want a direct one", p)
	}
	free.cancel()
	_ = free.end()
	network := newFading(t)
	network.cut.Store(true)
	begin := time.Now()
	r := start(t, h.URL, func(c *client.Config) { c.Net = network })
	r.keyframe(t, 0)
	t.Logf("first picture after %v", time.Since(begin))
	if p := r.Path(); p.Kind != "tcp" {
		t.Errorf("Path() without UDP = %+v; want TCP", p)
	}
	r.works(t, h)
}

func TestUnusableServers(t *testing.T) {
	for _, s := range []client.ICEServer{{}, {URLs: []string{"http://x"}}, {URLs: []string{"turn:x"}}, {URLs: []string{"stun:x", "turn:y"}, Username: "me"}} {
		_, err := client.New(client.Config{URL: "http://pc", Screens: 1, OnAccessUnit: func(au *media.AccessUnit) { au.Release() }, ICEServers: []client.ICEServer{s}})
		if err == nil || strings.Contains(err.Error(), "internal") {
			t.Errorf("New(ICE server %v) = %v; want a refusal", s, err)
		}
	}
}

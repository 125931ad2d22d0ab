package client_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// street is a terminal and a host with two ways between them: eth0 of the
// terminal is preferred, eth1 the stand-by. The host is at 10.99.0.1.
type street struct {
	lab            *netlab.Lab
	terminal, host *netlab.Node
	cables         [2]*netlab.Cable
	dir            string
}

func newStreet(t testing.TB, ways int) *street {
	t.Helper()
	lab, err := netlab.NewLab()
	if err == nil {
		t.Cleanup(func() { _ = lab.Close() })
	}
	s := &street{dir: t.TempDir(), lab: lab}
	if err == nil {
		s.terminal, err = lab.Node("terminal")
	}
	if errors.Is(err, errors.ErrUnsupported) && !needs.Required("netns") {
		t.Skip(err)
	}
	check(t, err)
	s.host, err = lab.Node("host")
	check(t, err)
	s.run(t, s.host, "ip addr add 10.99.0.1/32 dev lo")
	for n := range ways {
		s.cables[n], err = lab.Join(s.terminal, s.host)
		check(t, err)
		check(t, s.cables[n].A.AddAddress(netip.MustParsePrefix(fmt.Sprintf("10.%d.0.3/24", n+1))))
		check(t, s.cables[n].B.AddAddress(netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", n+1))))
		s.run(t, s.terminal, fmt.Sprintf("ip route add default via 10.%d.0.1 metric %d", n+1, 100+500*n))
	}
	key, err := x509.MarshalECPrivateKey(authority.PrivateKey.(*ecdsa.PrivateKey))
	check(t, err)
	for name, b := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}),
		"token":    []byte(testToken + "\n"),
	} {
		check(t, os.WriteFile(filepath.Join(s.dir, name), b, 0o600))
	}
	return s
}

func (s *street) run(t testing.TB, n *netlab.Node, command string) {
	t.Helper()
	w := strings.Fields(command)
	if out, err := n.Command(t.Context(), w[0], w[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
}

// shows starts both ends and waits for a picture.
func (s *street) shows(t testing.TB) *process {
	t.Helper()
	return s.showsAt(t, "10.99.0.1:8089")
}

func (s *street) showsAt(t testing.TB, listen string) *process {
	t.Helper()
	h := play(t, s.host, "host", listen, s.dir)
	url := strings.TrimPrefix(h.line(t, "at "), "at ")
	p := play(t, s.terminal, "terminal", url, s.dir)
	p.line(t, "shows")
	p.until(t, "a steady stream", func(r report) bool { return r.pictures > 60 && r.gap < 100 })
	return p
}

// maxGap is what an address change may cost; a machine that is busy with
// other tests gets more.
func maxGap() int {
	if raceEnabled {
		return 900
	}
	return 300
}

// change gives the terminal its n-th other address and waits for the path that
// begins there; worst is the longest gap meanwhile in ms.
func (s *street) change(t testing.TB, p *process, n int) (worst int, r report) {
	t.Helper()
	from, to := netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", n+2)), netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", n+3))
	check(t, s.cables[0].A.ChangeAddress(from, to))
	s.run(t, s.terminal, "ip route replace default via 10.1.0.1 metric 100")
	return p.until(t, "another path", func(r report) bool { return r.restarts == n && r.network == "eth0" && r.gap < 50 })
}

// BenchmarkAddressChange is one change of the only interface's address.
// address_change_ms is the longest time without any packet of sound, which
// come every 5 ms, that one of the changes cost.
func BenchmarkAddressChange(b *testing.B) {
	s := newStreet(b, 1)
	p := s.shows(b)
	longest := 0
	b.ResetTimer()
	for n := range min(b.N, 200) { // addresses of the network
		worst, _ := s.change(b, p, n+1)
		longest = max(longest, worst)
	}
	b.ReportMetric(float64(longest), "address_change_ms")
}

// The address of the only interface changes, as with DHCP after a move.
func TestAddressChange(t *testing.T) {
	s := newStreet(t, 1)
	p := s.shows(t)
	for n := 1; n <= 3; n++ {
		worst, r := s.change(t, p, n)
		t.Logf("gap of %d ms because %q", worst, r.reason)
		if worst > maxGap() {
			t.Errorf("the gap was %d ms; want at most %d", worst, maxGap())
		}
		if r.kind != "direct" {
			t.Errorf("path = %+v; want a direct one", r)
		}
	}
}

// The cable is pulled: the stand-by takes over within the session, and gives
// back when the cable has been there for a while.
func TestStandBy(t *testing.T) {
	s := newStreet(t, 2)
	p := s.shows(t)
	if r := p.report(t); r.network != "eth0" {
		t.Errorf("path = %+v; want the cable first", r)
	}
	check(t, s.cables[0].Plug(false))
	worst, r := p.until(t, "the stand-by", func(r report) bool { return r.restarts == 1 && r.network == "eth1" && r.gap < 50 })
	t.Logf("to the stand-by: gap of %d ms because %q", worst, r.reason)
	if worst > maxGap() {
		t.Errorf("the gap to the stand-by was %d ms; want at most %d", worst, maxGap())
	}
	check(t, s.cables[0].Plug(true))
	s.run(t, s.host, "ip addr replace 10.1.0.1/24 dev eth0")
	worst, r = p.until(t, "the cable again", func(r report) bool { return r.restarts == 2 && r.network == "eth0" && r.gap < 50 })
	t.Logf("back to the cable: gap of %d ms because %q", worst, r.reason)
	if worst > maxGap() {
		t.Errorf("the gap back to the cable was %d ms; want at most %d", worst, maxGap())
	}
}

// Between two machines without IPv4 nothing is different.
func TestIPv6Only(t *testing.T) {
	s := newStreet(t, 0)
	lab := s.lab
	cable, err := lab.Join(s.terminal, s.host)
	check(t, err)
	check(t, cable.A.AddAddress(netip.MustParsePrefix("2001:db8:1::3/64")))
	check(t, cable.B.AddAddress(netip.MustParsePrefix("2001:db8:1::1/64")))
	s.run(t, s.host, "ip -6 addr add 2001:db8:99::1/128 dev lo nodad")
	s.run(t, s.terminal, "ip -6 route add default via 2001:db8:1::1 metric 100")
	p := s.showsAt(t, "[2001:db8:99::1]:8089")
	if r := p.report(t); r.network != "eth0" || r.kind != "direct" {
		t.Errorf("path = %+v; want a direct one over eth0", r)
	}
	address := func(n int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("2001:db8:1::%d/64", n)) }
	moved := func(n int) {
		t.Helper()
		worst, r := p.until(t, "another path", func(r report) bool { return r.restarts == n && r.network == "eth0" && r.gap < 50 })
		t.Logf("gap of %d ms because %q", worst, r.reason)
		if worst > maxGap() {
			t.Errorf("the gap was %d ms; want at most %d", worst, maxGap())
		}
	}
	check(t, cable.A.ChangeAddress(address(3), address(4)))
	moved(1)
	// As on every other network: the address is looked for elsewhere first (RFC
	// 4862, 5.4), and the old one goes as soon as the new one can be used.
	s.run(t, s.terminal, "sysctl -qw net.ipv6.conf.eth0.accept_dad=1")
	s.run(t, s.terminal, "ip addr add "+address(5).String()+" dev eth0")
	hosttest.Until(t, "the end of the kernel's search for duplicates", func() bool {
		out, err := s.terminal.Command(t.Context(), "ip", "-6", "addr", "show", "dev", "eth0", "tentative", "to", address(5).Addr().String()).Output()
		check(t, err)
		return len(out) == 0
	})
	if r := p.report(t); r.restarts != 1 || r.gap > maxGap() {
		t.Errorf("while an address was coming: %+v; want the old path", r)
	}
	check(t, cable.A.RemoveAddress(address(4)))
	moved(2)
}

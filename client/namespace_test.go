package client_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/netwatch"
)

// The tests of this file run a host and a terminal in network namespaces of
// their own (REQUIRE_HW=netns), each in a process: this test program, started
// again with one of these roles.
const (
	roleVariable = "CLIENT_TEST_ROLE"
	urlVariable  = "CLIENT_TEST_URL"
	dirVariable  = "CLIENT_TEST_DIR" // certificate, key and token
)

// TestRole is what a started process does; it is nothing in the test itself.
func TestRole(t *testing.T) {
	switch os.Getenv(roleVariable) {
	case "host":
		beHost(t)
	case "terminal":
		beTerminal(t)
	default:
		t.Skip("has no role")
	}
}

// beHost serves until its input ends.
func beHost(t *testing.T) {
	dir := os.Getenv(dirVariable)
	h := hosttest.Start(t, hosttest.Config{Sound: true, FPS: 60, Listen: os.Getenv(urlVariable), Change: func(c *host.Config) {
		c.TLSCertFile, c.TLSKeyFile, c.TokenFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "token")
	}})
	fmt.Println("at", h.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// beTerminal shows the host and answers each line of its input with figures.
func beTerminal(t *testing.T) {
	var longest, last atomic.Int64 // gap between packets of sound, ns
	begun := time.Now()
	watch := netwatch.New(nil)
	watch.Classify(func(name string) netwatch.Kind {
		if name == "eth1" {
			return netwatch.Mobile
		}
		return netwatch.Cable
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = watch.Run(ctx) }()
	hosttest.Until(t, "a network", func() bool { s, _ := watch.Current(); return len(s.Interfaces) > 0 })
	r := start(t, os.Getenv(urlVariable), func(c *client.Config) {
		c.Bearer = func() string { return testToken }
		ca, _ := os.ReadFile(filepath.Join(os.Getenv(dirVariable), "cert.pem"))
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		c.TLS, c.Watch = &tls.Config{RootCAs: pool}, watch
		c.OnSound = func([]byte, int) {
			now := int64(time.Since(begun))
			if was := last.Swap(now); was != 0 {
				longest.Store(max(longest.Load(), now-was))
			}
		}
	})
	r.keyframe(t, 0)
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("shows")
	for lines.Scan() {
		p := r.Path()
		gap := max(longest.Swap(0), int64(time.Since(begun))-last.Load())
		fmt.Printf("gap %d restarts %d pictures %d interface %q kind %q local %q reason %q\n",
			time.Duration(gap).Milliseconds(), p.Restarts, r.taken.Load(), p.Interface, p.Kind, p.Local, p.Reason)
	}
}

// process is a started role.
type process struct {
	in    io.WriteCloser
	out   *bufio.Scanner
	lines chan string
}

func play(t *testing.T, n *netlab.Node, role, url, dir string) *process {
	t.Helper()
	cmd := n.Command(t.Context(), os.Args[0], "-test.run", "^TestRole$", "-test.timeout", "2m")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, urlVariable+"="+url, dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{in: in, lines: make(chan string, 100)}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.lines <- lines.Text()
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	return p
}

// line waits for a line that begins so.
func (p *process) line(t *testing.T, prefix string) string {
	t.Helper()
	for {
		l := hosttest.Within(t, p.lines, "a line "+prefix)
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
}

type report struct {
	gap, restarts, pictures int
	network, kind           string
	local, reason           string
}

// report asks the terminal.
func (p *process) report(t *testing.T) (r report) {
	t.Helper()
	if _, err := io.WriteString(p.in, "report\n"); err != nil {
		t.Fatal(err)
	}
	l := p.line(t, "gap ")
	if _, err := fmt.Sscanf(l, "gap %d restarts %d pictures %d interface %q kind %q local %q reason %q", &r.gap, &r.restarts, &r.pictures, &r.network, &r.kind, &r.local, &r.reason); err != nil {
		t.Fatalf("report %q: %v", l, err)
	}
	return r
}

// until asks until ok says yes, and returns the longest gap meanwhile in ms.
func (p *process) until(t *testing.T, what string, ok func(report) bool) (worst int, last report) {
	t.Helper()
	deadline := time.Now().Add(12 * time.Second)
	for {
		last = p.report(t)
		worst = max(worst, last.gap)
		if ok(last) {
			return worst, last
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s; have %+v", what, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// street is a terminal and a host with two ways between them: eth0 of the
// terminal is preferred, eth1 the stand-by. The host is at 10.99.0.1.
type street struct {
	lab            *netlab.Lab
	terminal, host *netlab.Node
	cables         [2]*netlab.Cable
	dir            string
}

func newStreet(t *testing.T, ways int) *street {
	t.Helper()
	lab, err := netlab.NewLab()
	if err == nil {
		t.Cleanup(func() { _ = lab.Close() })
	}
	s := &street{dir: t.TempDir(), lab: lab}
	if err == nil {
		s.terminal, err = lab.Node("terminal")
	}
	if errors.Is(err, errors.ErrUnsupported) && !slices.Contains(strings.Split(os.Getenv("REQUIRE_HW"), ","), "netns") {
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

func (s *street) run(t *testing.T, n *netlab.Node, command string) {
	t.Helper()
	w := strings.Fields(command)
	if out, err := n.Command(t.Context(), w[0], w[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

func check(t *testing.T, err error) {
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
func (s *street) shows(t *testing.T) *process {
	t.Helper()
	return s.showsAt(t, "10.99.0.1:8089")
}

func (s *street) showsAt(t *testing.T, listen string) *process {
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

// The address of the only interface changes, as with DHCP after a move.
func TestAddressChange(t *testing.T) {
	s := newStreet(t, 1)
	p := s.shows(t)
	for n := 1; n <= 3; n++ {
		from, to := netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", n+2)), netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", n+3))
		check(t, s.cables[0].A.ChangeAddress(from, to))
		s.run(t, s.terminal, "ip route replace default via 10.1.0.1 metric 100")
		worst, r := p.until(t, "another path", func(r report) bool { return r.restarts == n && r.network == "eth0" && r.gap < 50 })
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
	check(t, cable.A.AddAddress(netip.MustParsePrefix("2001:db8:1::4/64")))
	check(t, cable.A.RemoveAddress(netip.MustParsePrefix("2001:db8:1::3/64")))
	worst, r := p.until(t, "another path", func(r report) bool { return r.restarts > 0 && r.network == "eth0" && r.gap < 50 })
	t.Logf("gap of %d ms because %q", worst, r.reason)
}

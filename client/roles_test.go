package client_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// The tests in namespaces run a host and a terminal in network namespaces of
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
	lines chan string
}

func play(t testing.TB, n *netlab.Node, role, url, dir string) *process {
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
func (p *process) line(t testing.TB, prefix string) string {
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
func (p *process) report(t testing.TB) (r report) {
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
func (p *process) until(t testing.TB, what string, ok func(report) bool) (worst int, last report) {
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

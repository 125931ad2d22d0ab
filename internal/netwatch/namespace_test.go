package netwatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/netwatch"
)

// inside is set where the test already runs in a network of its own.
const inside = "NETWATCH_TEST_NAMESPACE"

// TestKernel follows a real kernel in a network namespace (REQUIRE_HW=netns).
func TestKernel(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t)
		return
	}
	w := netwatch.New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	}()
	ip(t, "link add cable type veth peer name far")
	ip(t, "link set far up")
	ip(t, "link set cable up")
	// Until the first is there the watcher may not have begun.
	until(t, w, "10.7.0.2 on a link with a carrier", func() { ip(t, "addr add 10.7.0.2/24 dev cable") }, has("10.7.0.2"))
	var slowest time.Duration
	step := func(what string, act func(), ok func(netwatch.Snapshot) bool) {
		slowest = max(slowest, until(t, w, what, act, ok))
	}
	step("a second address", func() { ip(t, "addr add 10.7.0.3/24 dev cable") }, has("10.7.0.3"))
	step("a default route", func() { ip(t, "route add default via 10.7.0.1") }, func(s netwatch.Snapshot) bool {
		i, ok := s.Preferred()
		return ok && i.Default
	})
	step("no carrier", func() { ip(t, "link set far down") }, func(s netwatch.Snapshot) bool { return len(s.Interfaces) == 0 })
	step("the carrier again", func() { ip(t, "link set far up") }, has("10.7.0.3"))
	step("an address less", func() { ip(t, "addr del 10.7.0.3/24 dev cable") }, func(s netwatch.Snapshot) bool { return !has("10.7.0.3")(s) })
	step("an IPv6 address", func() { ip(t, "addr add 2001:db8::2/64 dev cable nodad") }, has("2001:db8::2"))
	slowest = max(slowest, afterProbing(t, w, "2001:db8::7"))
	step("the link gone", func() { ip(t, "link del cable") }, func(s netwatch.Snapshot) bool { return len(s.Interfaces) == 0 })
	t.Logf("slowest change: %v after its command", slowest)
}

// afterProbing adds an address that the kernel has to look for elsewhere first
// (RFC 4862, 5.4), and returns how long after that it was known.
func afterProbing(t *testing.T, w *netwatch.Watcher, a string) time.Duration {
	t.Helper()
	begin := time.Now()
	ip(t, "addr add "+a+"/64 dev cable")
	done := make(chan time.Time, 1)
	go func() {
		for t.Context().Err() == nil {
			out, err := exec.Command("ip", "-6", "addr", "show", "dev", "cable", "tentative", "to", a).Output()
			if err == nil && len(out) == 0 {
				done <- time.Now()
				return
			}
		}
	}()
	until(t, w, a+" after it was looked for", func() {}, has(a))
	known := time.Now()
	usable := <-done
	if usable.Sub(begin) < 100*time.Millisecond {
		t.Fatalf("the kernel looked for another %s for %v only", a, usable.Sub(begin))
	}
	// The command that asks takes some milliseconds itself.
	if d := known.Sub(usable); d < -50*time.Millisecond || d > 100*time.Millisecond {
		t.Errorf("%s was known %v after it could be used; want neither before nor 100 ms later", a, d)
	}
	return max(0, known.Sub(usable))
}

func has(a string) func(netwatch.Snapshot) bool {
	return func(s netwatch.Snapshot) bool { _, ok := s.Of(netip.MustParseAddr(a)); return ok }
}

// until acts and waits for the snapshot to become right; it returns how long
// that took from the end of act, 0 if it came sooner.
func until(t *testing.T, w *netwatch.Watcher, what string, act func(), ok func(netwatch.Snapshot) bool) time.Duration {
	t.Helper()
	act()
	begin := time.Now()
	deadline := time.After(5 * time.Second)
	for {
		s, changed := w.Current()
		if ok(s) {
			return time.Since(begin)
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited 5 s for %s; have %+v", what, s)
		}
	}
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// enter runs the calling test again in a network namespace of its own.
func enter(t *testing.T) {
	t.Helper()
	probe := exec.Command("unshare", "-n", "ip", "link", "add", "probe", "type", "veth")
	if out, err := probe.CombinedOutput(); err != nil {
		missing(t, fmt.Errorf("network namespaces: %w: %s (%w)", err, out, errors.ErrUnsupported))
	}
	cmd := exec.Command("unshare", "-n", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in the namespace: %v", err)
	}
}

// missing skips unless REQUIRE_HW names netns.
func missing(t *testing.T, err error) {
	t.Helper()
	if needs.Required("netns") {
		t.Fatal(err)
	}
	t.Skip(err)
}

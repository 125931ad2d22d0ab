package netlab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/peer"
)

// newLab returns a lab, where the machine can have one.
func newLab(t *testing.T) *netlab.Lab {
	t.Helper()
	lab, err := netlab.NewLab()
	if err == nil {
		t.Cleanup(func() {
			if err := lab.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
		// Namespaces may be refused even to root, in a container.
		_, err = lab.Node("probe")
	}
	if errors.Is(err, errors.ErrUnsupported) && !needs.Required("netns") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// two joins two nodes by a cable with an address at each end.
func two(t *testing.T, address func(k, host int) netip.Prefix) (a, b *netlab.Node, cable *netlab.Cable) {
	t.Helper()
	lab := newLab(t)
	a, err := lab.Node("a")
	must(t, err)
	b, err = lab.Node("b")
	must(t, err)
	cable, err = lab.Join(a, b)
	must(t, err)
	must(t, cable.A.AddAddress(address(0, 1)))
	must(t, cable.B.AddAddress(address(0, 2)))
	return a, b, cable
}

// udp opens a socket of a node.
func udp(t *testing.T, n *netlab.Node, at netip.Addr) *net.UDPConn {
	t.Helper()
	c, err := n.Net().ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UDPConn)
}

// passes reports whether UDP gets from one socket to the other.
func passes(t *testing.T, from, to *net.UDPConn, wait time.Duration) bool {
	t.Helper()
	_, _ = from.WriteTo([]byte("x"), to.LocalAddr()) // a route that is gone is an answer too
	_ = to.SetReadDeadline(time.Now().Add(wait))
	_, _, err := to.ReadFrom(make([]byte, 10))
	return err == nil
}

const (
	soon  = 5 * time.Second        // for what has to come
	never = 150 * time.Millisecond // for what must not
)

func TestLabCable(t *testing.T) {
	for name, address := range map[string]func(k, host int) netip.Prefix{"IPv4": netlab.Address, "IPv6 only": netlab.Address6} {
		t.Run(name, func(t *testing.T) {
			a, b, cable := two(t, address)
			x, y := udp(t, a, address(0, 1).Addr()), udp(t, b, address(0, 2).Addr())
			if !passes(t, x, y, soon) || !passes(t, y, x, soon) {
				t.Fatal("nothing passes a cable that is plugged in")
			}
			must(t, cable.Plug(false))
			if passes(t, x, y, never) {
				t.Error("a packet passed a cable that is not plugged in")
			}
			must(t, cable.Plug(true))
			if address(0, 1).Addr().Is6() { // one that was down lost it
				must(t, cable.B.AddAddress(address(0, 2)))
			}
			passes(t, x, y, soon) // neighbours find each other again
			if !passes(t, x, y, soon) {
				t.Error("nothing passes after it was plugged in again")
			}

			must(t, cable.A.ChangeAddress(address(0, 1), address(0, 7)))
			if passes(t, y, x, never) {
				t.Error("the old address is still reached")
			}
			moved := udp(t, a, address(0, 7).Addr())
			if !passes(t, y, moved, soon) || !passes(t, moved, y, soon) {
				t.Error("the new address is not reached")
			}
		})
	}
}

func TestLabBlocksUDP(t *testing.T) {
	for name, address := range map[string]func(k, host int) netip.Prefix{"IPv4": netlab.Address, "IPv6": netlab.Address6} {
		t.Run(name, func(t *testing.T) {
			a, b, cable := two(t, address)
			x, y := udp(t, a, address(0, 1).Addr()), udp(t, b, address(0, 2).Addr())
			must(t, cable.BlockUDP(true))
			if _, err := x.WriteTo([]byte("x"), y.LocalAddr()); err != nil {
				t.Errorf("sending = %v; want silence, as from a firewall", err)
			}
			if passes(t, x, y, never) || passes(t, y, x, never) {
				t.Error("UDP passes although it is blocked")
			}
			fetch(t, a, b, address(0, 2).Addr()) // TCP passes
			must(t, cable.BlockUDP(false))
			if !passes(t, x, y, soon) || !passes(t, y, x, soon) {
				t.Error("UDP does not pass although it is blocked no longer")
			}
		})
	}
}

// fetch gets a page of b from a, and returns how long a second request took.
func fetch(t *testing.T, a, b *netlab.Node, at netip.Addr) time.Duration {
	t.Helper()
	l, err := b.Listen("tcp", net.JoinHostPort(at.String(), "0"))
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") })}
	go server.Serve(l)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: a.DialContext}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	var took time.Duration
	for range 2 {
		start := time.Now()
		resp, err := client.Get("http://" + l.Addr().String())
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "page" || err != nil {
			t.Fatalf("GET = %q, %v", body, err)
		}
		took = time.Since(start)
	}
	return took
}

// TestLabIsElsewhere proves that a node has a network of its own, for
// functions and for programs.
func TestLabIsElsewhere(t *testing.T) {
	a, _, _ := two(t, netlab.Address)
	want := netlab.Address(0, 1).Addr().String()
	var inside []string
	must(t, a.Do(func() error {
		all, err := net.InterfaceAddrs()
		for _, at := range all {
			inside = append(inside, at.String())
		}
		return err
	}))
	if !slices.ContainsFunc(inside, func(s string) bool { return strings.HasPrefix(s, want+"/") }) {
		t.Errorf("addresses on the node = %v; want %s", inside, want)
	}
	outside, err := net.InterfaceAddrs()
	must(t, err)
	for _, at := range outside {
		if strings.HasPrefix(at.String(), want+"/") {
			t.Errorf("%v is outside of the node", at)
		}
	}
	ifs, err := a.Net().Interfaces()
	if err != nil || len(ifs) != 2 {
		t.Errorf("Interfaces() = %v, %v; want lo and eth0", ifs, err)
	}
	out, err := a.Command(context.Background(), "cat", "/proc/net/dev").CombinedOutput()
	if err != nil || strings.Count(string(out), ":") != 2 || !strings.Contains(string(out), "eth0:") {
		t.Errorf("a program on the node sees %s, %v; want lo and eth0", out, err)
	}
	if err := a.Do(func() error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Do = %v; want the function's error", err)
	}
}

func TestLabRouter(t *testing.T) {
	lab := newLab(t)
	var nodes []*netlab.Node
	for _, name := range []string{"terminal", "router", "host"} {
		n, err := lab.Node(name)
		must(t, err)
		nodes = append(nodes, n)
	}
	must(t, nodes[1].Forward())
	for k, end := range []int{0, 2} {
		c, err := lab.Join(nodes[end], nodes[1])
		must(t, err)
		for _, address := range []func(k, host int) netip.Prefix{netlab.Address, netlab.Address6} {
			must(t, c.A.AddAddress(address(k, 2)))
			must(t, c.B.AddAddress(address(k, 1)))
			must(t, nodes[end].Route(netip.Prefix{}, address(k, 1).Addr()))
		}
	}
	for _, address := range []func(k, host int) netip.Prefix{netlab.Address, netlab.Address6} {
		x, y := udp(t, nodes[0], address(0, 2).Addr()), udp(t, nodes[2], address(1, 2).Addr())
		passes(t, x, y, time.Second) // neighbours find each other
		if !passes(t, x, y, soon) || !passes(t, y, x, soon) {
			t.Errorf("%v does not reach %v through the router", x.LocalAddr(), y.LocalAddr())
		}
	}
}

func TestLabImpairsTCP(t *testing.T) {
	const delay = 25 * time.Millisecond
	lab := newLab(t)
	a, err := lab.Node("a")
	must(t, err)
	b, err := lab.Node("b")
	must(t, err)
	hop, err := lab.JoinImpaired(a, b, 1, netlab.Profile{Up: netlab.Conditions{Delay: delay}, Down: netlab.Conditions{Delay: delay}})
	must(t, err)
	must(t, hop.Connect(netlab.Address(0, 1), netlab.Address(0, 2)))
	must(t, hop.Connect(netlab.Address6(0, 1), netlab.Address6(0, 2)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hop.Run(ctx) }()
	for _, at := range []netip.Prefix{netlab.Address(0, 2), netlab.Address6(0, 2)} {
		if took := fetch(t, a, b, at.Addr()); took < 2*delay {
			t.Errorf("a request to %v took %v; want a round trip of %v at least", at, took, 2*delay)
		}
	}
	before, _ := hop.Stats()
	hop.Blackout(time.Hour)
	if x, y := udp(t, a, netlab.Address(0, 1).Addr()), udp(t, b, netlab.Address(0, 2).Addr()); passes(t, x, y, never) {
		t.Error("a packet passed in the blackout")
	}
	if after, _ := hop.Stats(); before.Arrived == 0 || after.LostDown == 0 {
		t.Errorf("Stats() = %+v, then %+v", before, after)
	}
	cancel()
	must(t, <-done)
}

// TestLabCleansUpAfterACrash leaves a lab behind in another process.
func TestLabCleansUpAfterACrash(t *testing.T) {
	newLab(t)
	if os.Getenv("NETLAB_CRASH") != "" {
		os.Exit(3) // without Close
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLabCleansUpAfterACrash$")
	cmd.Env = append(os.Environ(), "NETLAB_CRASH=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("the process that should crash: %v\n%s", err, out)
	}
	left := func() bool {
		names, err := os.ReadDir("/run/netns")
		must(t, err)
		return slices.ContainsFunc(names, func(e os.DirEntry) bool {
			return strings.HasPrefix(e.Name(), fmt.Sprintf("netlab-%d-", cmd.Process.Pid))
		})
	}
	if !left() {
		t.Fatal("the crash left nothing behind, so this proves nothing")
	}
	newLab(t)
	if left() {
		t.Error("what the crash left is still there after a new lab")
	}
}

// TestLabUnderPeers has peers of this process meet over IPv6 only, go on
// after an ICE restart from a new address, and part.
func TestLabUnderPeers(t *testing.T) {
	a, b, cable := two(t, netlab.Address6)
	x, y := newPeerWith(t, peer.Config{Net: a.Net()}), newPeerWith(t, peer.Config{Net: b.Net()})
	raw := connect(t, x, y)
	ping(t, raw)
	must(t, cable.A.ChangeAddress(netlab.Address6(0, 1), netlab.Address6(0, 3)))
	negotiate(t, x, y, true)
	ping(t, raw)
	if pair, err := x.SCTP().Transport().ICETransport().GetSelectedCandidatePair(); err != nil || pair.Local.Address == netlab.Address6(0, 1).Addr().String() {
		t.Errorf("selected pair after the restart = %v, %v; want another than the address that is gone", pair, err)
	}
}

// TestDropsOfTheKernel has a socket overflow that nobody reads.
func TestDropsOfTheKernel(t *testing.T) {
	from, full, other := socket(t), socket(t), socket(t)
	must(t, full.SetReadBuffer(4096))
	const n = 1000
	for range n {
		_, err := from.WriteTo(make([]byte, 1000), full.LocalAddr())
		must(t, err)
	}
	got := 0
	buf := make([]byte, 2000)
	for {
		_ = full.SetReadDeadline(time.Now().Add(never))
		if _, err := full.Read(buf); err != nil {
			break
		}
		got++
	}
	if drops := netlab.DropsOf([]*net.UDPConn{full, other}); drops != uint64(n-got) || got == n {
		t.Errorf("drops = %d; want %d, as %d of %d came", drops, n-got, got, n)
	}
	if drops := netlab.DropsOf([]*net.UDPConn{other}); drops != 0 {
		t.Errorf("drops of another socket = %d; want 0", drops)
	}
}

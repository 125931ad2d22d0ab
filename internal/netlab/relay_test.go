package netlab_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// startRelay runs a relay until the test ends.
func startRelay(t testing.TB, cfg netlab.RelayConfig) *netlab.Relay {
	t.Helper()
	r, err := netlab.NewRelay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	eventually(t, "running", func() bool { // when it takes descriptions
		_, err := r.RewriteHost([]byte(candidate("127.0.0.1:9")))
		return err == nil
	})
	return r
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never %s", what)
		}
	}
}

// candidate returns the line for an address.
func candidate(at string) string {
	a := netip.MustParseAddrPort(at)
	return "a=candidate:1 1 udp 2130706431 " + a.Addr().String() + " " + strconv.Itoa(int(a.Port())) + " typ host\r\n"
}

// addresses returns those of all candidates.
func addresses(t testing.TB, sdp []byte) (all []netip.AddrPort) {
	t.Helper()
	for line := range strings.Lines(string(sdp)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
			port, err := strconv.ParseUint(f[5], 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, netip.AddrPortFrom(netip.MustParseAddr(f[4]), uint16(port)))
		}
	}
	return all
}

func socket(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func local(c *net.UDPConn) string { return c.LocalAddr().String() }

// announce tells the relay of a side's socket and returns where the other
// side reaches it.
func announce(t testing.TB, rewrite func([]byte) ([]byte, error), at string) netip.AddrPort {
	t.Helper()
	out, err := rewrite([]byte(candidate(at)))
	if err != nil {
		t.Fatal(err)
	}
	all := addresses(t, out)
	if len(all) != 1 || all[0].String() == at {
		t.Fatalf("rewritten candidates = %v; want one of the relay's", all)
	}
	return all[0]
}

// expect reads a packet, or wants none within a while.
func expect(t testing.TB, c *net.UDPConn, want string, from netip.AddrPort) {
	t.Helper()
	wait := 10 * time.Second
	if want == "" {
		wait = 100 * time.Millisecond
	}
	_ = c.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 2048)
	n, at, err := c.ReadFromUDPAddrPort(buf)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case want == "" && isNet && timeout.Timeout():
	case err != nil || string(buf[:n]) != want || at != from:
		t.Errorf("received %q from %v, %v; want %q from %v", buf[:n], at, err, want, from)
	}
}

func write(t testing.TB, c *net.UDPConn, s string, to netip.AddrPort) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(s), to); err != nil {
		t.Fatal(err)
	}
}

func TestRelayCarriesBothWays(t *testing.T) {
	r := startRelay(t, netlab.RelayConfig{})
	viewer, host := socket(t), socket(t)
	hostFront := announce(t, r.RewriteHost, local(host))
	viewerFront := announce(t, r.RewriteViewer, local(viewer))
	write(t, viewer, "check", hostFront)
	expect(t, host, "check", viewerFront)
	write(t, host, "reply", viewerFront)
	expect(t, viewer, "reply", hostFront)
	if again := announce(t, r.RewriteHost, local(host)); again != hostFront {
		t.Errorf("the same address announced again = %v; want %v", again, hostFront)
	}

	// A second path, as after an ICE restart, keeps apart from the first:
	// nobody announced it, so the host learns its address when it sends.
	moved := socket(t)
	write(t, moved, "new", hostFront)
	_ = host.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 100)
	n, from, err := host.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "new" || from == viewerFront {
		t.Fatalf("host got %q from %v, %v; want it from an address of its own", buf[:n], from, err)
	}
	write(t, host, "to the new", from)
	expect(t, moved, "to the new", hostFront)
	write(t, host, "to the old", viewerFront)
	expect(t, viewer, "to the old", hostFront)

	s := r.Stats()
	if s.Up.Arrived != 2 || s.Down.Arrived != 3 || s.Up.Lost()+s.Down.Lost() != 0 || s.Up.Bytes == 0 {
		t.Errorf("Stats() = %+v", s)
	}
}

// TestRelayWithNamesOnly is what browsers do that hide their addresses: the
// name is replaced, and whom it means shows when the first packet comes.
func TestRelayWithNamesOnly(t *testing.T) {
	r := startRelay(t, netlab.RelayConfig{})
	viewer, host := socket(t), socket(t)
	name := []byte("m=video 9 X 1\r\na=candidate:1 1 udp 1 d2a9.local 4711 typ host generation 0\r\na=candidate:2 1 udp 1 e3b0.local 4712 typ host\r\n")
	out, err := r.RewriteViewer(name)
	if err != nil {
		t.Fatal(err)
	}
	viewerFront := addresses(t, out)
	out, err = r.RewriteHost(name)
	if err != nil {
		t.Fatal(err)
	}
	hostFront := addresses(t, out)
	if len(viewerFront) != 1 || len(hostFront) != 1 {
		t.Fatalf("candidates for two names = %v, %v; want one each", viewerFront, hostFront)
	}
	write(t, viewer, "nobody yet", hostFront[0])
	eventually(t, "seen by the relay", func() bool { return r.Stats().Up.Stray > 0 })
	write(t, host, "here I am", viewerFront[0])
	expect(t, viewer, "here I am", hostFront[0])
	write(t, viewer, "and here", hostFront[0])
	expect(t, host, "and here", viewerFront[0])
}

func TestRelayImpairs(t *testing.T) {
	const delay = 40 * time.Millisecond
	r := startRelay(t, netlab.RelayConfig{Seed: 5, Profile: netlab.Profile{Up: netlab.Conditions{Delay: delay}}})
	viewer, host := socket(t), socket(t)
	hostFront := announce(t, r.RewriteHost, local(host))
	viewerFront := announce(t, r.RewriteViewer, local(viewer))
	start := time.Now()
	write(t, viewer, "slow", hostFront)
	expect(t, host, "slow", viewerFront)
	if took := time.Since(start); took < delay {
		t.Errorf("took %v; want %v or more", took, delay)
	}
	r.Blackout(time.Hour)
	write(t, viewer, "lost", hostFront)
	write(t, host, "lost", viewerFront)
	eventually(t, "lost both", func() bool {
		s := r.Stats()
		return s.Up.LostDown+s.Down.LostDown == 2
	})
	r.Blackout(0)
	if err := r.SetProfile(netlab.Profile{Name: "drop", Down: netlab.Conditions{Loss: 1}}); err != nil {
		t.Fatal(err)
	}
	write(t, viewer, "through", hostFront)
	expect(t, host, "through", viewerFront)
	write(t, host, "lost", viewerFront)
	expect(t, viewer, "", netip.AddrPort{})
	if s := r.Stats(); s.Down.LostOne != 1 || s.Profile != "drop" || s.Seed != 5 {
		t.Errorf("Stats() = %+v", s)
	}
	if r.SetProfile(netlab.Profile{Up: netlab.Conditions{Loss: 2}}) == nil {
		t.Error("SetProfile with a loss of 2 = nil; want an error")
	}
}

// TestRelayBoundsItsSockets has many addresses appear on both sides.
func TestRelayBoundsItsSockets(t *testing.T) {
	r := startRelay(t, netlab.RelayConfig{})
	host := socket(t)
	hostFront := announce(t, r.RewriteHost, local(host))
	for range 200 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, "x", hostFront)
		_ = c.Close()
	}
	eventually(t, "through with all", func() bool { return r.Stats().Up.Packets >= 200 })
	if n := r.Stats().Sockets; n > 2*64+2 {
		t.Errorf("%d sockets are open; want them bounded", n)
	}
	// The latest still works.
	last := socket(t)
	write(t, last, "hello", hostFront)
	buf := make([]byte, 100)
	for {
		_ = host.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := host.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:n]) == "hello" {
			write(t, host, "back", from)
			break
		}
	}
	expect(t, last, "back", hostFront)
}

func TestRewrite(t *testing.T) {
	r := startRelay(t, netlab.RelayConfig{})
	offer := strings.ReplaceAll(`v=0
o=- 1 2 IN IP4 192.0.2.1
m=video 50000 UDP/TLS/RTP/SAVPF 96
c=IN IP4 192.0.2.1
a=rtcp:50001 IN IP4 192.0.2.1
a=candidate:1 1 UDP 2130706431 192.0.2.1 50000 typ host generation 0 ufrag abcd
a=candidate:2 1 udp 1694498815 198.51.100.7 61000 typ srflx raddr 192.0.2.1 rport 50000 generation 0
a=candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active
a=candidate:4 1 udp 2130706431 2001:db8::1 50000 typ host
a=candidate:5 1 udp nonsense
a=remote-candidates:1 192.0.2.9 1
a=end-of-candidates
m=audio 0 UDP/TLS/RTP/SAVPF 111
c=IN IP6 2001:db8::1
`, "\n", "\r\n")
	out, err := r.RewriteViewer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	at := addresses(t, out)
	if len(at) != 2 {
		t.Fatalf("rewritten:\n%s\nwant two candidates", out)
	}
	want := strings.ReplaceAll(`v=0
o=- 1 2 IN IP4 192.0.2.1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 UDP 2130706431 127.0.0.1 PORT0 typ host generation 0 ufrag abcd
a=candidate:2 1 udp 1694498815 127.0.0.1 PORT1 typ host generation 0
a=end-of-candidates
m=audio 0 UDP/TLS/RTP/SAVPF 111
c=IN IP6 ::
`, "\n", "\r\n")
	for i, a := range at {
		want = strings.Replace(want, "PORT"+strconv.Itoa(i), strconv.Itoa(int(a.Port())), 1)
	}
	if string(out) != want {
		t.Errorf("rewritten:\n%s\nwant:\n%s", out, want)
	}
	many := strings.Repeat(candidate("127.0.0.1:9"), 100)
	if out, err = r.RewriteHost([]byte(many)); err != nil || len(addresses(t, out)) != 32 {
		t.Errorf("100 candidates = %d, %v; want 32", len(addresses(t, out)), err)
	}
	if _, err := r.RewriteHost(make([]byte, 1<<20)); err == nil {
		t.Error("a megabyte of SDP passed")
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add([]byte("a=candidate:1 1 udp 1 127.0.0.1 5 typ host raddr 1.2.3.4 rport 5\r\nm=video 1 X\nc=IN IP4 1.2.3.4"))
	f.Add([]byte("a=candidate:1 1 udp 1 x.local 5 typ host\na=candidate:1 1 udp 1 ::1 5 typ host"))
	f.Add([]byte("a=candidate:1 1 udp 1 fe80::1%eth0 65536 typ host\r\na=rtcp:1"))
	r := startRelay(f, netlab.RelayConfig{})
	ours := netip.MustParseAddr("127.0.0.1")
	f.Fuzz(func(t *testing.T, sdp []byte) {
		out, err := r.RewriteViewer(sdp)
		if err != nil {
			return
		}
		for _, a := range addresses(t, out) {
			if a.Addr() != ours {
				t.Errorf("rewritten to %q: names %v", out, a)
			}
		}
		if r.Stats().Sockets > 200 {
			t.Errorf("%d sockets", r.Stats().Sockets)
		}
	})
}

func TestRelayRefuses(t *testing.T) {
	for _, cfg := range []netlab.RelayConfig{
		{To: "file:///etc/passwd"},
		{To: "127.0.0.1:80"},
		{To: "http://"},
		{HostFacing: netip.IPv4Unspecified()},
		{Profile: netlab.Profile{Down: netlab.Conditions{Delay: -1}}},
	} {
		if _, err := netlab.NewRelay(cfg); err == nil {
			t.Errorf("NewRelay(%+v) = nil; want an error", cfg)
		}
	}
	r, err := netlab.NewRelay(netlab.RelayConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.RewriteHost([]byte(candidate("127.0.0.1:9"))); err == nil {
		t.Error("a relay that does not run opened a socket")
	}
}

// TestRelayAddedDelay measures how exactly packets leave: what a packet took
// beyond the delay that was asked for, with three packets each millisecond. It is printed; the
// bound is only what a broken clock would break.
func TestRelayAddedDelay(t *testing.T) {
	const delay, n = 10 * time.Millisecond, 3000
	r := startRelay(t, netlab.RelayConfig{Profile: netlab.Profile{Down: netlab.Conditions{Delay: delay}}})
	viewer, host := socket(t), socket(t)
	_ = viewer.SetReadBuffer(1 << 20)
	hostFront := announce(t, r.RewriteHost, local(host))
	viewerFront := announce(t, r.RewriteViewer, local(viewer))
	took, epoch := make([]time.Duration, 0, n), time.Now()
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 2048)
		for len(took) < n {
			_ = viewer.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, from, err := viewer.ReadFromUDPAddrPort(buf)
			if err != nil || from != hostFront {
				return
			}
			sent := time.Duration(binary.BigEndian.Uint64(buf))
			took = append(took, time.Since(epoch)-sent-delay)
		}
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	packet := make([]byte, 1200)
	for i := 0; i < n; {
		<-tick.C
		for range 3 {
			binary.BigEndian.PutUint64(packet, uint64(time.Since(epoch)))
			_, _ = host.WriteToUDPAddrPort(packet, viewerFront)
			i++
		}
	}
	<-read
	if len(took) != n {
		t.Fatalf("%d of %d packets came", len(took), n)
	}
	slices.Sort(took)
	t.Logf("added delay: p50 %v p95 %v p99 %v max %v; the relay says %+v", took[n/2], took[n*95/100], took[n*99/100], took[n-1], r.Stats().Down.Late)
	if took[0] < 0 {
		t.Errorf("a packet came %v too early", -took[0])
	}
	if took[n/2] > 20*time.Millisecond {
		t.Errorf("added delay p50 = %v", took[n/2])
	}
}

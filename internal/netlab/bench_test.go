package netlab_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// pair is a relay between two sockets.
type pair struct {
	relay                  *netlab.Relay
	viewer, host           *net.UDPConn
	hostFront, viewerFront netip.AddrPort
}

func newPair(t testing.TB, p netlab.Profile) pair {
	c := pair{relay: startRelay(t, netlab.RelayConfig{Profile: p}), viewer: socket(t), host: socket(t)}
	_ = c.viewer.SetReadBuffer(4 << 20)
	c.hostFront = announce(t, c.relay.RewriteHost, local(c.host))
	c.viewerFront = announce(t, c.relay.RewriteViewer, local(c.viewer))
	return c
}

// carry sends n packets down, at most 100 on the way, and waits for all.
func (c pair) carry(t testing.TB, n int) {
	packet, buf := make([]byte, 1200), make([]byte, 2048)
	_ = c.viewer.SetReadDeadline(time.Now().Add(time.Minute))
	for sent, got := 0, 0; got < n; {
		if sent < n && sent-got < 100 {
			if _, err := c.host.WriteToUDPAddrPort(packet, c.viewerFront); err != nil {
				t.Fatal(err)
			}
			sent++
			continue
		}
		if _, _, err := c.viewer.ReadFromUDPAddrPort(buf); err != nil {
			t.Fatalf("after %d of %d packets: %v: %+v", got, sent, err, c.relay.Stats())
		}
		got++
	}
}

// BenchmarkRelay is the cost of a packet of 1200 bytes through the relay, the two
// sockets at its ends included. At 50 Mb/s there are 5200 a second.
func BenchmarkRelay(b *testing.B) {
	c := newPair(b, netlab.Profile{Down: netlab.Conditions{Delay: time.Millisecond}})
	c.carry(b, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	c.carry(b, b.N)
}

func TestRelayAllocatesNothing(t *testing.T) {
	c := newPair(t, netlab.Profile{Down: netlab.Conditions{Delay: time.Millisecond}})
	c.carry(t, 2000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 20_000
	c.carry(t, n)
	runtime.ReadMemStats(&after)
	if per := float64(after.Mallocs-before.Mallocs) / n; per > 0.05 {
		t.Errorf("allocations per packet = %.3f; want 0", per)
	}
}

// TestRelayBoundsItsMemory fills a link that is as long as a minute.
func TestRelayBoundsItsMemory(t *testing.T) {
	c := newPair(t, netlab.Profile{Down: netlab.Conditions{Delay: time.Minute}})
	packet := make([]byte, 60_000)
	eventually(t, "full", func() bool {
		for range 20 {
			_, _ = c.host.WriteToUDPAddrPort(packet, c.viewerFront)
		}
		return c.relay.Stats().Down.Overflow > 100
	})
	if held := c.relay.Stats().Down.Arrived - c.relay.Stats().Down.Overflow; held*60_000 > 65<<20 {
		t.Errorf("%d packets are held; want 64 MiB of them", held)
	}
}

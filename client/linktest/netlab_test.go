package linktest_test

import (
	"math"
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/turn/v5"

	client "github.com/blade-shadow/terminal/client/linktest"
	host "github.com/blade-shadow/terminal/internal/host/linktest"
	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/peer"
)

// impaired returns a network with a link to everything.
func impaired(t *testing.T, p netlab.Profile) *netlab.Net {
	t.Helper()
	inner, err := peer.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	n := netlab.NewNet(inner, 5, p)
	t.Cleanup(n.Wait)
	return n
}

// TestKnownLink finds what a link in between does: 8 Mb/s down and 3 up with a
// deep queue, 30 ms there and back, and bursts of loss.
func TestKnownLink(t *testing.T) {
	p := netlab.Profile{
		Name: "known",
		Down: netlab.Conditions{Delay: 15 * time.Millisecond, RateBps: 8_000_000, Queue: 250 * time.Millisecond, Burst: netlab.Burst{Share: 0.02, MeanLen: 5}},
		Up:   netlab.Conditions{Delay: 15 * time.Millisecond, RateBps: 3_000_000, Queue: 250 * time.Millisecond},
	}
	_, url := newHost(t, host.Config{Loopback: true})
	r := whileQuick(t, func() (*linktest.Result, error) {
		return client.Run(t.Context(), client.Config{URL: url, MaxBps: 15_000_000, Net: impaired(t, p)})
	})
	show(t, r)
	near := func(name string, got, want, within float64) {
		if math.Abs(got-want) > within {
			t.Errorf("%s = %.4g; want %.4g within %.4g", name, got, want, within)
		}
	}
	near("idle round trip ms", r.Idle.P50, 30, 4)
	if len(r.Down) != 2 || len(r.Up) != 1 {
		t.Fatalf("steps = %d down, %d up; want 2 and 1: the ladder ends where the line is full", len(r.Down), len(r.Up))
	}
	near("down Mb/s", float64(r.DownLine.Bps)/1e6, 8, 0.8)
	near("up Mb/s", float64(r.UpLine.Bps)/1e6, 3, 0.4)
	full := r.Down[1]
	if full.Carried || full.AddedP95 < 90 || full.DelayMax < 130 {
		t.Errorf("10 Mb/s down: carried %v, %.0f ms added, delay up to %.0f ms; want a queue of 250 ms", full.Carried, full.AddedP95, full.DelayMax)
	}
	if s := r.Down[0]; !s.Carried || s.AddedP50 > 25 {
		t.Errorf("5 Mb/s down: carried %v (%s), %.0f ms added; want it carried", s.Carried, s.Why, s.AddedP50)
	}
	if r.Verdicts[0].Grade == linktest.MarkGood {
		t.Errorf("1080p60 over 8 Mb/s is %v: %s; want less than good", r.Verdicts[0].Grade, r.Verdicts[0].Reason)
	}
}

// TestBlocked lets nothing but HTTP through: that is a result.
func TestBlocked(t *testing.T) {
	t.Parallel()
	_, url := newHost(t, host.Config{Loopback: true})
	down := netlab.Conditions{Down: true}
	r, err := client.Run(t.Context(), client.Config{URL: url, MaxBps: 5_000_000, Net: impaired(t, netlab.Profile{Name: "dead", Up: down, Down: down})})
	if err != nil {
		t.Fatal(err)
	}
	if r.Path.Transport != linktest.TransportNone || r.Path.UDP != linktest.ReachBlocked {
		t.Errorf("path = %+v; want none, UDP blocked", r.Path)
	}
	for _, v := range r.Verdicts {
		if v.Grade != linktest.MarkNot || v.Advice == "" {
			t.Errorf("%s is %s: %s %s; want not enough and advice", v.Name, v.Grade, v.Reason, v.Advice)
		}
	}
}

// onTCP is a host that takes packets over TCP.
type onTCP struct{ mux ice.TCPMux }

func (onTCP) Live() bool        { return false }
func (o onTCP) TCP() ice.TCPMux { return o.mux }

// TestOnlyTCP blocks UDP to a host that takes packets over TCP as well.
func TestOnlyTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := peer.NewTCP(l)
	s, url := newHost(t, host.Config{Loopback: true})
	t.Cleanup(func() { _ = mux.Close() })
	s.SetBeside(onTCP{mux})
	down := netlab.Conditions{Down: true}
	r := whileQuick(t, func() (*linktest.Result, error) {
		return client.Run(t.Context(), client.Config{URL: url, MaxBps: 5_000_000, Net: impaired(t, netlab.Profile{Name: "dead", Up: down, Down: down})})
	})
	if r.Path.Transport != linktest.TransportTCP || r.Path.UDP != linktest.ReachBlocked {
		t.Errorf("path = %+v; want TCP, UDP blocked", r.Path)
	}
	if len(r.Down) != 1 || !r.Down[0].Carried || len(r.Up) != 1 || !r.Up[0].Carried {
		t.Errorf("steps = %+v, %+v; want one each way, carried", r.Down, r.Up)
	}
}

// TestLostOnTheWay loses the path in the middle: what was measured is a result.
func TestLostOnTheWay(t *testing.T) {
	t.Parallel()
	_, url := newHost(t, host.Config{Loopback: true})
	n := impaired(t, netlab.Profile{Name: "clean"})
	begun := time.Now()
	r, err := client.Run(t.Context(), client.Config{URL: url, MaxBps: 5_000_000, Net: n, Progress: func(_ float64, text string) {
		if text == "up 5 Mb/s" {
			n.Blackout(time.Hour)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Down) != 1 || len(r.Up) != 0 || r.Stopped == "" {
		t.Errorf("steps = %d down, %d up, stopped by %q; want the first direction and a reason", len(r.Down), len(r.Up), r.Stopped)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("Run() took %v; want an end soon after the path is gone", took)
	}
}

// TestRelayed goes through a TURN server.
func TestRelayed(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "test",
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(a.Username, "test", "secret"), true
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            udp,
			RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, url := newHost(t, host.Config{Loopback: true})
	relay := peer.Server{URLs: []string{"turn:" + udp.LocalAddr().String() + "?transport=udp"}, Username: "me", Credential: "secret"}
	r, err := client.Run(t.Context(), client.Config{URL: url, MaxBps: linktest.MinMax, ICEServers: []peer.Server{relay}, RelayOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Path.Transport != linktest.TransportRelay || len(r.Down) != 1 || r.Down[0].Received == 0 || len(r.Up) != 1 || r.Up[0].Received == 0 {
		t.Errorf("path = %+v, steps = %+v, %+v; want a relay that carries them", r.Path, r.Down, r.Up)
	}
}

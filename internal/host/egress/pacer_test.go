package egress_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/egress"
)

const full = 1264 // bytes of a full packet on the wire

// Whatever waits, no more leaves than the pace allows over any 5 ms, but for
// the bucket.
func TestPacerRate(t *testing.T) {
	for _, bps := range []int{1_000_000, 10_000_000, 60_000_000} {
		var p egress.Pacer
		p.SetPace(0, bps)
		bucket := max(float64(bps)/8*0.005, 2*full)
		var now time.Duration
		sent := 0.0
		for now < time.Second {
			now, _ = p.Next(now, full)
			sent += full
			if most := float64(bps)/8*now.Seconds() + bucket; sent > most+1 {
				t.Fatalf("%.0f bytes in %v at %d b/s; want %.0f at most", sent, now, bps, most)
			}
		}
		if least := float64(bps) / 8 * 0.99; sent < least {
			t.Errorf("%.0f bytes in 1 s at %d b/s; want %.0f", sent, bps, least)
		}
	}
}

// A slower pace counts at once, and time without packets gives no more than
// the bucket.
func TestPacerChange(t *testing.T) {
	var p egress.Pacer
	p.SetPace(0, 50_000_000)
	now := time.Duration(0)
	for range 20 {
		now, _ = p.Next(now, full)
	}
	p.SetPace(now, 5_000_000)
	from := now
	for range 10 {
		now, _ = p.Next(now, full)
	}
	if d := now - from; d < 18*time.Millisecond {
		t.Errorf("10 packets left within %v of the change to 5 Mb/s; want 18ms", d)
	}
	from = now + time.Second
	n := 0
	for at, _ := p.Next(from, full); at == from; at, _ = p.Next(from, full) {
		n++
	}
	if n > 3 {
		t.Errorf("%d packets left at once after a pause; want 3 at most, 5 ms", n)
	}
}

// A cluster leaves at its own rate, all of it, and what follows does not wait
// for it.
func TestPacerCluster(t *testing.T) {
	var p egress.Pacer
	p.SetPace(0, 5_000_000)
	p.Probe(0, 7, 50_000_000, 25)
	now := time.Duration(0)
	for i := range 25 {
		at, id := p.Next(now, full)
		if id != 7 {
			t.Fatalf("packet %d belongs to cluster %d; want 7", i, id)
		}
		now = at
	}
	bits := 24.0 * full * 8
	if rate := bits / now.Seconds(); rate < 49e6 || rate > 51e6 {
		t.Errorf("the cluster left at %.1f Mb/s; want 50", rate/1e6)
	}
	at, id := p.Next(now, full)
	if id != 0 || at != now {
		t.Errorf("the packet after the cluster left %v later for cluster %d; want at once for none", at-now, id)
	}
}

package egress_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/egress"
)

func TestFECShare(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		loss        float64
		rtt         time.Duration
		least, most float64
	}{
		{0, 20 * ms, 0, 0},
		{0.002, 60 * ms, 0, 0},
		{0.02, 5 * ms, 0.02, 0.04},
		{0.02, 60 * ms, 0.08, 0.15},
		{0.10, 20 * ms, 0.15, 0.35},
		{0.30, 60 * ms, 0.5, 0.5},
		{1, time.Second, 0.5, 0.5},
	}
	for _, tt := range tests {
		if got := egress.FECShare(tt.loss, tt.rtt); got < tt.least || got > tt.most {
			t.Errorf("FECShare(%v, %v) = %.3f; want %v to %v", tt.loss, tt.rtt, got, tt.least, tt.most)
		}
	}
}

// tick is the distance of ticks.
const tick = 25 * time.Millisecond

// spell lets time pass with a loss in runs of that length and a queue on the
// path; a tick has 25 packets.
func spell(p *egress.Protection, from, d, queue time.Duration, loss float64, run float64, before [3]float64) (time.Duration, [3]float64) {
	at := from
	for ; at < from+d; at += tick {
		before[0] += 25 * loss
		before[1] += 25 * loss / run
		before[2] += 25
		p.Follow(at, queue, 20*time.Millisecond, uint64(before[0]), uint64(before[1]), uint64(before[2]))
	}
	return at, before
}

func TestProtection(t *testing.T) {
	var p egress.Protection
	var n [3]float64
	at, n := spell(&p, 0, 3*time.Second, 0, 0, 1, n)
	if p.Repairs(10, true) != 0 {
		t.Errorf("without loss %d repairs; want none", p.Repairs(10, true))
	}
	at, n = spell(&p, at, 3*time.Second, 0, 0.05, 1, n)
	if got := p.Repairs(20, false); got < 2 || got > 4 {
		t.Errorf("at 5 %% %d repairs of 20 packets; want 2 to 4", got)
	}
	if got, key := p.Repairs(40, false), p.Repairs(40, true); key <= got {
		t.Errorf("a keyframe gets %d repairs, another frame %d; want more", key, got)
	}
	for packets := 1; packets < 3000; packets++ {
		if got := p.Repairs(packets, true); got < 1 || got > (packets+1)/2 {
			t.Fatalf("%d repairs of %d packets; want 1 to half", got, packets)
		}
	}
	one := p.Repairs(20, false)
	at, n = spell(&p, at, 5*time.Second, 0, 0.05, 5, n)
	if got := p.Repairs(20, false); got <= one {
		t.Errorf("%d repairs where losses come in fives; want more than %d", got, one)
	}
	at, n = spell(&p, at, 12*time.Second, 0, 0, 1, n)
	if p.Share() > 0.01 {
		t.Errorf("share 12 s after the last loss = %.3f; want none", p.Share())
	}
	// Losses of a full queue, some of them reported before the queue is seen.
	at, n = spell(&p, at, 150*time.Millisecond, 0, 0.5, 5, n)
	at, n = spell(&p, at, 2*time.Second, 80*time.Millisecond, 0.3, 5, n)
	if _, _ = spell(&p, at, 3*time.Second, 0, 0, 1, n); p.Share() > 0.01 {
		t.Errorf("share after the queue was full = %.3f; want none", p.Share())
	}
}

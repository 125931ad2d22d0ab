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
		{0.002, 20 * ms, 0, 0},
		{0.002, 60 * ms, 0.01, 0.02},
		{0.0001, 80 * ms, 0, 0},
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

// follow lets a second of ticks pass with a loss in runs of that length.
func follow(p *egress.Protection, seconds int, loss, run float64) {
	for range 40 * seconds {
		p.Follow(20*time.Millisecond, loss, run)
	}
}

func TestProtection(t *testing.T) {
	var p egress.Protection
	follow(&p, 3, 0, 1)
	if p.Repairs(10, true) != 0 {
		t.Errorf("without loss %d repairs; want none", p.Repairs(10, true))
	}
	follow(&p, 3, 0.05, 1)
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
	follow(&p, 5, 0.05, 5)
	if got := p.Repairs(20, false); got <= one {
		t.Errorf("%d repairs where losses come in fives; want more than %d", got, one)
	}
	follow(&p, 1, 0.01, 1)
	if p.Share() < 0.02 {
		t.Errorf("share a second after most of the loss = %.3f; want it to go slowly", p.Share())
	}
	follow(&p, 4, 0, 1)
	if p.Repairs(20, false) == 0 {
		t.Error("no repairs 4 s after the last loss; want some: it was not the last one")
	}
	follow(&p, 2, 0, 1)
	if p.Share() != 0 {
		t.Errorf("share without loss = %.3f; want none", p.Share())
	}
}

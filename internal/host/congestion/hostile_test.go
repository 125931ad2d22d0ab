package congestion_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// FuzzFeedback gives a Controller whatever bytes say and holds it to its bounds.
func FuzzFeedback(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26})
	var extreme []byte
	for _, x := range []uint64{0, math.MaxUint64, math.MaxInt64, 1 << 63, 1 << 60, 1} {
		for _, y := range []uint64{0, math.MaxInt64, 1 << 63} {
			extreme = binary.LittleEndian.AppendUint64(extreme, x)
			extreme = binary.LittleEndian.AppendUint64(extreme, y)
			extreme = binary.LittleEndian.AppendUint64(extreme, x^y)
		}
	}
	f.Add(extreme)
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := congestion.Config{StartBps: 5e6, MinBps: 400_000, MaxBps: 40e6}
		c := congestion.New(cfg)
		at := time.Duration(0)
		for len(data) >= 24 {
			a, b, d := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data[16:])
			data = data[24:]
			at += time.Duration(d % uint64(200*time.Millisecond))
			c.Sent(at, int(int32(a)))
			packets := make([]congestion.Packet, d%70)
			for i := range packets {
				packets[i] = congestion.Packet{
					Sent:     at - time.Duration(b%uint64(time.Second)) + time.Duration(i)*time.Duration(a%5_000_000),
					Received: time.Duration(b) + time.Duration(i)*time.Duration(d%10_000_000),
					Lost:     (a>>(i%60))&1 == 1, Again: (b>>(i%60))&1 == 1, Size: int(int32(b)), Probe: uint16(d >> 40),
				}
				if d&1<<50 != 0 {
					packets[i].Sent = time.Duration(a)
				}
			}
			if d&1 != 0 {
				c.SetMax(int(a))
			}
			if d&2 != 0 {
				c.SetWanted(int(b))
			}
			c.Feedback(at, time.Duration(a), packets)
			c.Tick(at)
			if p, ok := c.Probe(at); ok && (p.ID == 0 || p.Bps <= 0 || p.Packets <= 0 || p.Packets > 64) {
				t.Fatalf("Probe() = %+v", p)
			}
			e := c.Estimate()
			if e.TargetBps < cfg.MinBps || e.TargetBps > cfg.MaxBps || e.PacingBps < e.TargetBps || e.PacingBps > 5*cfg.MaxBps ||
				!(e.Loss >= 0 && e.Loss <= 1) || !(e.LossRun >= 1) || e.QueueDelay < 0 || e.RTT < 0 || e.RTT > time.Minute {
				t.Fatalf("Estimate() = %+v", e)
			}
		}
	})
}

// TestFeedbackTrouble loses, delays and reorders the feedback itself, and has
// the receiver's clock drift and jump.
func TestFeedbackTrouble(t *testing.T) {
	for _, tc := range []struct {
		name  string
		back  netlab.Conditions
		drift float64
		every time.Duration
	}{
		{"lost 20%", netlab.Conditions{Delay: 10 * ms, Loss: .2}, 0, 50 * ms},
		{"reordered 30%", netlab.Conditions{Delay: 10 * ms, Reorder: .3}, 0, 3 * ms},
		{"late by up to 60ms", netlab.Conditions{Delay: 10 * ms, Jitter: 60 * ms}, 0, 50 * ms},
		{"clock fast by 200 ppm", netlab.Conditions{Delay: 10 * ms}, 200e-6, 50 * ms},
		{"clock slow by 200 ppm", netlab.Conditions{Delay: 10 * ms}, -200e-6, 50 * ms},
		{"every 10ms", netlab.Conditions{Delay: 10 * ms}, 0, 10 * ms},
		{"every 100ms", netlab.Conditions{Delay: 10 * ms}, 0, 100 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, f := single(t, 1, 8e6, netlab.Conditions{RateBps: 30e6, Queue: 200 * ms}, 20*ms)
			f.back, f.drift, f.every = netlab.NewModel(3, tc.back), tc.drift, tc.every
			w.run(25 * time.Second)
			got, q := w.mean(0, 5*time.Second, 25*time.Second)/3e5, w.queue(.95, 5*time.Second, 25*time.Second)
			t.Logf("80 %% after %v; %.1f %% of the link, queue p95 %v max %v", w.reaches(0, 0, 24e6), got, q.Round(ms/10), w.queue(1, 5*time.Second, 25*time.Second).Round(ms))
			if got < 80 || q > 20*ms {
				t.Errorf("use %.1f %%, p95 of the queue %v; want 80 and 20ms", got, q)
			}
		})
	}
}

// TestClockJump has the receiver begin its clock anew.
func TestClockJump(t *testing.T) {
	c := congestion.New(congestion.Config{StartBps: 5e6})
	offset := time.Duration(0)
	for at := time.Duration(0); at < 10*time.Second; at += 20 * ms {
		if at == 5*time.Second {
			offset = -1 << 62
		}
		packets := make([]congestion.Packet, 10)
		for i := range packets {
			sent := at - 20*ms + time.Duration(i)*500*time.Microsecond
			packets[i] = congestion.Packet{Sent: sent, Received: sent + 10*ms + offset, Size: packetSize}
			c.Sent(sent, packetSize)
		}
		c.Feedback(at, 20*ms, packets)
		c.Tick(at)
	}
	if e := c.Estimate(); e.QueueDelay > ms || e.TargetBps < 5_000_000 {
		t.Errorf("Estimate() = %+v; want no queue and the rate it had", e)
	}
}

// TestLateIsNotLost takes a loss back when the packet turns up.
func TestLateIsNotLost(t *testing.T) {
	c := congestion.New(congestion.Config{})
	var late []congestion.Packet
	for at := 100 * ms; at < 3*time.Second; at += 50 * ms {
		packets := late
		late = nil
		for i := range 20 {
			p := congestion.Packet{Sent: at - 60*ms + time.Duration(i)*ms, Received: at, Size: packetSize, Lost: i%5 == 0}
			packets = append(packets, p)
			if p.Lost {
				p.Lost, p.Again = false, true
				late = append(late, p)
			}
		}
		c.Feedback(at, 20*ms, packets)
	}
	if e := c.Estimate(); e.Loss > .02 {
		t.Errorf("Estimate().Loss = %v; want 0 but for the newest", e.Loss)
	}
}

func TestBounds(t *testing.T) {
	c := congestion.New(congestion.Config{StartBps: 50e6, MinBps: 60e6, MaxBps: 20e6})
	if got := c.Estimate().TargetBps; got != 60_000_000 {
		t.Errorf("TargetBps with contradicting bounds = %d; want MinBps", got)
	}
	w, f := single(t, 1, 8e6, netlab.Conditions{RateBps: 50e6}, 20*ms)
	f.alg.(ours).SetMax(12_000_000)
	w.run(5 * time.Second)
	if got := f.alg.(ours).Estimate().TargetBps; got != 12_000_000 {
		t.Errorf("TargetBps under SetMax(12 Mb/s) = %d", got)
	}
}

// BenchmarkFeedback is one report of 50 ms at 50 Mb/s.
func BenchmarkFeedback(b *testing.B) {
	c := congestion.New(congestion.Config{StartBps: 50e6})
	rng := rand.New(rand.NewPCG(1, 2))
	packets := make([]congestion.Packet, 260)
	at := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		at += 50 * ms
		for i := range packets {
			sent := at - 60*ms + time.Duration(i)*190*time.Microsecond
			packets[i] = congestion.Packet{Sent: sent, Received: sent + 10*ms, Size: packetSize, Lost: rng.IntN(50) == 0}
			c.Sent(sent, packetSize)
		}
		c.Feedback(at, 20*ms, packets)
		c.Tick(at)
		c.Probe(at)
		c.Estimate()
	}
}

func TestNothingAllocated(t *testing.T) {
	c := congestion.New(congestion.Config{})
	packets := make([]congestion.Packet, 100)
	at := time.Duration(0)
	if n := testing.AllocsPerRun(500, func() {
		at += 50 * ms
		for i := range packets {
			packets[i] = congestion.Packet{Sent: at - 60*ms + time.Duration(i)*ms/2, Received: at + time.Duration(i%7)*ms, Size: packetSize, Lost: i%9 == 0}
			c.Sent(packets[i].Sent, packetSize)
		}
		c.Feedback(at, 20*ms, packets)
		c.Tick(at)
		c.Probe(at)
		c.Estimate()
	}); n != 0 {
		t.Errorf("allocations per feedback = %v; want 0", n)
	}
}

package congestion_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// TestStep lets the link fall from 30 to 5 Mb/s and rise again.
func TestStep(t *testing.T) {
	for _, rtt := range pick([]time.Duration{20 * ms}, 5*ms, 60*ms, 150*ms) {
		for _, buffer := range []time.Duration{100 * ms, time.Second} {
			for _, fps := range []float64{30, 60, 144} {
				t.Run(fmt.Sprintf("%v/buffer=%v/%.0ffps", rtt, buffer, fps), func(t *testing.T) {
					c := netlab.Conditions{RateBps: 30e6, Queue: buffer}
					w, f := single(t, 1, 8e6, c, rtt)
					f.fps = fps
					c.Delay = rtt / 2
					w.script = func(at time.Duration) {
						switch at {
						case 6 * time.Second:
							c.RateBps = 5e6
							w.link.Set(c)
						case 14 * time.Second:
							c.RateBps = 30e6
							w.link.Set(c)
						}
						if e := f.alg.(ours).Estimate(); e.Loss > 0.003 {
							t.Fatalf("%v: loss = %.3f; want none, what the queue could not take is not loss", at, e.Loss)
						}
					}
					w.run(20 * time.Second)
					drained := time.Duration(0)
					for i := 6000; i < 9000; i++ {
						if w.backlog[i] > 25*ms {
							drained = time.Duration(i+1)*ms - 6*time.Second
						}
					}
					t.Logf("worst %v, <=20ms after %v; longest without frame %v; lost %d; at 5: %.1f %% p95 %v; back at 80%% after %v",
						w.queue(1, 6*time.Second, 8*time.Second).Round(ms), drained.Round(ms), f.stall(5900*ms, 9*time.Second).Round(ms),
						w.link.Stats().LostQueue, w.mean(0, 9*time.Second, 14*time.Second)/5e4, w.queue(.95, 9*time.Second, 14*time.Second).Round(ms/10),
						w.reaches(0, 14*time.Second, 24e6))
					if drained > 2*time.Second {
						t.Errorf("queue drained after %v; want 2s", drained)
					}
					if stall := f.stall(5900*ms, 9*time.Second); stall > 250*ms {
						t.Errorf("longest time without a frame = %v; want 250ms", stall)
					}
					if q := w.queue(.95, 9*time.Second, 14*time.Second); q > 20*ms {
						t.Errorf("p95 of the queue at 5 Mb/s = %v; want 20ms", q)
					}
					if got := w.reaches(0, 14*time.Second, 24e6); got > 4*time.Second {
						t.Errorf("back at 80 %% after %v; want 4s", got)
					}
				})
			}
		}
	}
}

// TestLoss meets loss by chance, by tiny queues, and jitter: the first costs no
// rate, the second is not made worse.
func TestLoss(t *testing.T) {
	for _, tc := range []struct {
		name string
		c    netlab.Conditions
		want float64 // share of what is usable
	}{
		{"random 2%", netlab.Conditions{Loss: .02}, .8},
		{"random 5%", netlab.Conditions{Loss: .05}, .8},
		{"random 10%", netlab.Conditions{Loss: .10}, .8},
		{"bursts 2%x4", netlab.Conditions{Burst: netlab.Burst{Share: .02, MeanLen: 4}}, .8},
		{"bursts 5%x8", netlab.Conditions{Burst: netlab.Burst{Share: .05, MeanLen: 8}}, .8},
		{"queue 1ms", netlab.Conditions{Queue: 1 * ms}, .3},
		{"queue 3ms", netlab.Conditions{Queue: 3 * ms}, .8},
		{"queue 10ms", netlab.Conditions{Queue: 10 * ms}, .8},
		{"queue 3ms random 5%", netlab.Conditions{Queue: 3 * ms, Loss: .05}, .7},
		{"jitter 10ms", netlab.Conditions{Jitter: 10 * ms}, .7},
		{"jitter 30ms", netlab.Conditions{Jitter: 30 * ms}, .7},
		{"jitter 20ms reorder 2% loss 2%", netlab.Conditions{Jitter: 20 * ms, Reorder: .02, Loss: .02}, .7},
	} {
		for _, link := range pick([]int{30}, 5) {
			for _, rtt := range pick([]time.Duration{20 * ms}, 100*ms) {
				t.Run(fmt.Sprintf("%s/%dMb/%v", tc.name, link, rtt), func(t *testing.T) {
					c := tc.c
					c.RateBps = link * 1e6
					w, f := single(t, 1, 5e6, c, rtt)
					w.run(10 * time.Second)
					early := w.link.Stats()
					w.run(30 * time.Second)
					s := w.link.Stats()
					got := w.mean(0, 10*time.Second, 30*time.Second) / (1 - c.Loss - c.Burst.Share)
					e := f.alg.(ours).Estimate()
					t.Logf("80%% after %v; %.1f %% of usable; queue p95 %v max %v; congestion loss %.2f %% (first 10 s %.2f %%); estimate loss %.1f %% run %.1f",
						w.reaches(0, 0, 0.8*float64(link)*1e6*(1-c.Loss-c.Burst.Share)), got/float64(link)/1e4,
						w.queue(.95, 10*time.Second, 30*time.Second).Round(ms/10), w.queue(1, 10*time.Second, 30*time.Second).Round(ms),
						100*float64(s.LostQueue-early.LostQueue)/float64(s.Packets-early.Packets), 100*float64(early.LostQueue)/float64(early.Packets), e.Loss*100, e.LossRun)
					if got < tc.want*float64(link)*1e6 {
						t.Errorf("rate = %.2f Mb/s; want %.0f %% of what is usable", mb(got), tc.want*100)
					}
					if lost := 100 * float64(s.LostQueue-early.LostQueue) / float64(s.Packets-early.Packets); lost > 3 && link > 5 || lost > 6 {
						t.Errorf("loss that we made = %.2f %%; want 3, or 6 where the queue holds a packet or two", lost)
					}
					if want := 100 * (c.Loss + c.Burst.Share); c.Loss+c.Burst.Share > 0 && (e.Loss*100 < want/3 || e.Loss*100 > 3*want) {
						t.Errorf("Estimate().Loss = %.1f %%; want about %.0f", e.Loss*100, want)
					}
				})
			}
		}
	}
}

// TestFair has a second flow join a first one, at different phases of their
// frames, which stay as they are.
func TestFair(t *testing.T) {
	for _, rtt := range pick([]time.Duration{20 * ms}, 100*ms) {
		for _, link := range pick([]int{30}, 10) {
			for _, phase := range []time.Duration{0, 4 * ms, 11 * ms} {
				t.Run(fmt.Sprintf("%dMb/%v/phase=%v", link, rtt, phase), func(t *testing.T) {
					w, _ := single(t, 1, 5e6, netlab.Conditions{RateBps: link * 1e6, Queue: 200 * ms}, rtt)
					g := newFlow(ours{congestion.New(congestion.Config{StartBps: 5e6})}, 2, rtt/2)
					g.start = 8*time.Second + phase
					w.flows = append(w.flows, g)
					w.run(60 * time.Second)
					for _, s := range []time.Duration{10, 20, 40} {
						a, b := w.mean(0, s*time.Second, (s+10)*time.Second), w.mean(1, s*time.Second, (s+10)*time.Second)
						t.Logf("%d-%d s: %.2f + %.2f Mb/s, ratio %.2f, queue p95 %v", s, s+10, mb(a), mb(b), max(a, b)/min(a, b), w.queue(.95, s*time.Second, (s+10)*time.Second).Round(ms/10))
					}
					a, b := w.mean(0, 15*time.Second, 60*time.Second), w.mean(1, 15*time.Second, 60*time.Second)
					if ratio := max(a, b) / min(a, b); ratio > 2 {
						t.Errorf("ratio of two flows in 45 s = %.2f; want 2", ratio)
					}
				})
			}
		}
	}
}

// TestBlackout loses everything in both directions for a second.
func TestBlackout(t *testing.T) {
	for _, rtt := range []time.Duration{20 * ms, 100 * ms} {
		t.Run(rtt.String(), func(t *testing.T) {
			c := netlab.Conditions{RateBps: 30e6, Queue: 200 * ms}
			w, f := single(t, 1, 8e6, c, rtt)
			c.Delay = rtt / 2
			lowest := 1 << 40
			w.script = func(at time.Duration) {
				switch at {
				case 6 * time.Second, 7 * time.Second:
					c.Down = at == 6*time.Second
					w.link.Set(c)
					f.back.Set(netlab.Conditions{Delay: rtt / 2, Down: c.Down})
				}
				if at > 6*time.Second && at < 7*time.Second {
					e := f.alg.(ours).Estimate()
					lowest = min(lowest, e.TargetBps)
				}
			}
			w.run(12 * time.Second)
			t.Logf("lowest %.2f Mb/s; back at 80 %% after %v; queue after it max %v; frames %v apart; loss %.1f %%", mb(float64(lowest)),
				w.reaches(0, 7*time.Second, 24e6), w.queue(1, 7*time.Second, 9*time.Second).Round(ms), f.stall(5900*ms, 9*time.Second).Round(ms), 100*f.alg.(ours).Estimate().Loss)
			if back := w.reaches(0, 7*time.Second, 24e6); back > time.Second {
				t.Errorf("back at 80 %% after %v; want 1s", back)
			}
			if q := w.queue(1, 7*time.Second, 9*time.Second); q > 30*ms {
				t.Errorf("queue after it = %v; want 30ms", q)
			}
			if lowest > 3_000_000 {
				t.Errorf("lowest target in it = %d; want 3 Mb/s at most", lowest)
			}
		})
	}
}

// TestQuietPicture has media that need little, and suddenly much.
func TestQuietPicture(t *testing.T) {
	w, f := single(t, 1, 8e6, netlab.Conditions{RateBps: 30e6, Queue: 200 * ms}, 20*ms)
	f.limit = func(at time.Duration) float64 {
		if at < 10*time.Second {
			return 500_000
		}
		return 1e9
	}
	w.run(15 * time.Second)
	for _, s := range []int{5, 10, 20, 50, 99, 102, 110} {
		t.Logf("%.1f s: target %.1f", float64(s)/10, mb(w.targets[0][s]))
	}
	t.Logf("sent while quiet %.2f Mb/s; 80%% %v after the end; queue max %v", mb(w.mean(0, 2*time.Second, 10*time.Second)), w.reaches(0, 10*time.Second, 24e6), w.queue(1, 10*time.Second, 12*time.Second))
	if sent := w.mean(0, 2*time.Second, 10*time.Second); sent > 700_000 {
		t.Errorf("media and padding while quiet = %.2f Mb/s; want 0.7", mb(sent))
	}
	if got := w.reaches(0, 10*time.Second, 24e6); got > 500*ms {
		t.Errorf("80 %% after %v; want 500ms", got)
	}
}

// TestSilentPeer has a peer that says nothing for up to a second now and then,
// as webrtcbin does, over a path that loses nothing.
func TestSilentPeer(t *testing.T) {
	f := newFlow(ours{congestion.New(congestion.Config{MaxBps: 7_000_000})}, 3, 25*ms)
	w := &world{link: netlab.NewModel(3, netlab.Conditions{Delay: 25 * ms, RateBps: 25_000_000, Queue: 400 * ms}), flows: []*flow{f}}
	rng := rand.New(rand.NewPCG(3, 3))
	w.script = func(at time.Duration) {
		if at%(100*ms) == 0 {
			f.every = 50 * ms
			if rng.Float64() < 0.1 {
				f.every = time.Duration(300+rng.IntN(600)) * ms
			}
		}
	}
	w.run(30 * time.Second)
	worst := math.Inf(1)
	for from := 5 * time.Second; from < 30*time.Second; from += time.Second {
		worst = min(worst, w.mean(0, from, from+time.Second))
	}
	if mean := w.mean(0, 5*time.Second, 30*time.Second); mean < 6_600_000 || worst < 5_500_000 {
		t.Errorf("%.1f Mb/s of 7 arrived, %.1f in the worst second; want 6.6 and 5.5", mean/1e6, worst/1e6)
	}
}

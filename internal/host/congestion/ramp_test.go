package congestion_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// TestRamp starts at 5 Mb/s on links of 5 to 100 Mb/s.
func TestRamp(t *testing.T) {
	for _, rtt := range pick([]time.Duration{20 * ms, 150 * ms}, 5*ms, 60*ms) {
		for _, link := range pick([]int{5, 30, 100}, 10, 50) {
			for _, fps := range []float64{30, 60, 144} {
				t.Run(fmt.Sprintf("%dMb/%v/%.0ffps", link, rtt, fps), func(t *testing.T) {
					w, f := single(t, 1, 5_000_000, netlab.Conditions{RateBps: link * 1e6, Queue: 200 * ms}, rtt)
					f.fps = fps
					w.run(12 * time.Second)
					to80 := w.reaches(0, 0, 0.8*float64(link)*1e6)
					t.Logf("80%% after %-5v  queue in ramp max %-5v  steady: %.1f %% of the link, queue p50 %v p95 %v max %v, lost %d, skipped %d",
						to80, w.queue(1, 0, 2*time.Second).Round(ms), w.mean(0, 4*time.Second, 12*time.Second)/float64(link)/1e4,
						w.queue(.5, 4*time.Second, 12*time.Second).Round(ms/10), w.queue(.95, 4*time.Second, 12*time.Second).Round(ms/10),
						w.queue(1, 4*time.Second, 12*time.Second).Round(ms), w.link.Stats().Lost(), f.skipped)
					if to80 > 2*time.Second {
						t.Errorf("80 %% of the link after %v; want 2s", to80)
					}
					if q := w.queue(1, 0, 2*time.Second); q > 45*ms {
						t.Errorf("queue in the ramp = %v; want 45ms", q)
					}
					if q := w.queue(.95, 4*time.Second, 12*time.Second); q > 20*ms {
						t.Errorf("p95 of the queue = %v; want 20ms", q)
					}
					if got := w.mean(0, 4*time.Second, 12*time.Second) / float64(link) / 1e4; got < 80 {
						t.Errorf("use of the link = %.1f %%; want 80", got)
					}
				})
			}
		}
	}
}

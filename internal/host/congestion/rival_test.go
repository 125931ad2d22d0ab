package congestion_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// rival is a loss-based flow in the manner of TCP Reno, with everything to
// send: it fills whatever buffer there is.
type rival struct {
	window   float64 // segments
	slow     bool    // slow start
	flying   []segment
	cut      time.Duration // no second halving before
	back     time.Duration // of an acknowledgement
	received int           // bytes
}

type segment struct {
	at   time.Duration // its acknowledgement, or the news of its loss
	lost bool
}

func (r *rival) step(w *world) {
	const size = 1500
	for len(r.flying) > 0 && r.flying[0].at <= w.now {
		s := r.flying[0]
		r.flying = r.flying[1:]
		switch {
		case s.lost && w.now >= r.cut:
			r.window, r.slow = max(r.window/2, 2), false
			r.cut = w.now + 100*ms
		case s.lost:
		case r.slow:
			r.window++
			r.received += size
		default:
			r.window += 1 / r.window
			r.received += size
		}
	}
	for i := 0; i < 4 && float64(len(r.flying)) < r.window; i++ {
		arrivals, n := w.link.Packet(w.now, size)
		at := arrivals[0] + r.back
		if n == 0 {
			// Noticed by the acknowledgements of what follows.
			at = w.now + w.link.Backlog(w.now) + 2*r.back
		}
		r.flying = append(r.flying, segment{at, n == 0})
	}
}

// TestRival shares a link with a flow that fills its buffer: the target falls,
// but is not starved to nothing, and comes back when the other one is gone.
func TestRival(t *testing.T) {
	for _, buffer := range []time.Duration{50 * ms, 200 * ms} {
		for _, link := range []int{10, 30} {
			t.Run(fmt.Sprintf("%dMb/buffer=%v", link, buffer), func(t *testing.T) {
				w, _ := single(t, 1, 5e6, netlab.Conditions{RateBps: link * 1e6, Queue: buffer}, 20*ms)
				r := &rival{window: 10, slow: true, back: 10 * ms}
				w.script = func(at time.Duration) {
					if at > 5*time.Second && at < 35*time.Second {
						r.step(w)
					}
				}
				w.run(45 * time.Second)
				got := w.mean(0, 10*time.Second, 35*time.Second)
				back := w.reaches(0, 35*time.Second, 0.8*float64(link)*1e6)
				t.Logf("%.2f Mb/s beside %.2f Mb/s (%.0f %% of the link); back at 80 %% %v after it left",
					mb(got), mb(float64(r.received)*8/30), got/float64(link)/1e4, back)
				if got < 0.05*float64(link)*1e6 {
					t.Errorf("rate beside a rival = %.2f Mb/s; want 5 %% of the link", mb(got))
				}
				if back > 9*time.Second {
					t.Errorf("back at 80 %% after %v; want 9s", back)
				}
			})
		}
	}
}

// TestRoute adds to the delay of the path for good, which is no congestion.
func TestRoute(t *testing.T) {
	for _, change := range []time.Duration{20 * ms, 60 * ms, -8 * ms} {
		t.Run(change.String(), func(t *testing.T) {
			c := netlab.Conditions{RateBps: 30e6, Queue: 200 * ms}
			w, _ := single(t, 1, 8e6, c, 20*ms)
			w.script = func(at time.Duration) {
				if at == 5*time.Second {
					c.Delay = 10*ms + change
					w.link.Set(c)
				}
			}
			w.run(20 * time.Second)
			got := w.mean(0, 6*time.Second, 20*time.Second) / 3e5
			t.Logf("%.1f %% of the link after it, back at 80 %% after %v", got, w.reaches(0, 5300*ms, 24e6)+300*ms)
			if got < 75 {
				t.Errorf("rate after a change of route = %.1f %%; want 75", got)
			}
		})
	}
}

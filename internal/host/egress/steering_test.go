package egress_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/netlab"
)

func cable(bps int) netlab.Conditions {
	return netlab.Conditions{Delay: 10 * time.Millisecond, RateBps: bps, Queue: 100 * time.Millisecond}
}

// A link of 30 Mb/s is used within seconds, and what is sent fits into it.
func TestFillsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(t, 0, cable(30_000_000), cable(10_000_000))
		l.start(t)
		l.run(t, 2*time.Second, 40_000_000)
		at2 := l.rig.Stats()
		l.set(cable(30_000_000))
		l.run(t, 8*time.Second, 40_000_000)
		s := l.rig.Stats()
		longest, _ := l.freezes(0)
		t.Logf("after 2 s %.1f Mb/s, after 10 s %.1f Mb/s, pictures %.1f; queue %v at most; longest freeze %v; %+v", mbps(at2.Path.TargetBps), mbps(s.Path.TargetBps), mbps(s.Path.PictureBps), l.queueMax, longest, s)
		if at2.Path.TargetBps < 24_000_000 {
			t.Errorf("target after 2 s = %.1f Mb/s; want 24", mbps(at2.Path.TargetBps))
		}
		if longest > 100*time.Millisecond {
			t.Errorf("longest freeze = %v; want 100ms at most", longest)
		}
	})
}

func mbps(bps int) float64 { return float64(bps) / 1e6 }

// When a link of 30 Mb/s becomes one of 5 Mb/s and back the picture goes on,
// whenever between two pictures that happens. A stream that fills the link sends
// pictures that take the slow one 90 ms each. One that a full queue of 100 ms cut
// is followed by the keyframe only when that queue has passed.
func TestStep(t *testing.T) {
	tests := []struct {
		name    string
		most    int
		queue   time.Duration
		longest time.Duration
		queued  time.Duration // at most
	}{
		{"10 Mb/s", 10_000_000, 100 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond},
		{"10 Mb/s, long queue", 10_000_000, 250 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond},
		{"all of the link", 40_000_000, 100 * time.Millisecond, 140 * time.Millisecond, 100 * time.Millisecond},
		{"all of the link, long queue", 40_000_000, 250 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond},
	}
	for _, tt := range tests {
		for _, after := range []time.Duration{0, 4 * time.Millisecond, 8 * time.Millisecond, 12 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					link := func(bps int) netlab.Conditions {
						c := cable(bps)
						c.Queue = tt.queue
						return c
					}
					l := newLink(t, 0, link(30_000_000), cable(10_000_000))
					l.start(t)
					l.run(t, 5*time.Second, tt.most)
					for _, bps := range []int{5_000_000, 30_000_000} {
						from := time.Since(l.epoch) + after
						time.AfterFunc(after, func() { l.set(link(bps)) })
						skipped := l.run(t, 6*time.Second, tt.most)
						longest, n := l.freezes(from)
						s := l.rig.Stats()
						t.Logf("to %.0f Mb/s: target %.1f Mb/s, longest freeze %v (%d over 100 ms), %d skipped, %d frames shown, queue %v at most; %d breakdowns, FEC %d B; %+v",
							mbps(bps), mbps(s.Path.TargetBps), longest, n, skipped, len(l.since(from)), l.queueMax, s.Breakdowns, s.FECBytes, l.rig.video.Stats())
						if longest > tt.longest || l.queueMax > tt.queued {
							t.Errorf("to %.0f Mb/s: longest freeze %v, queue %v; want %v, %v at most", mbps(bps), longest, l.queueMax, tt.longest, tt.queued)
						}
						if s.FECBytes > 0 {
							t.Errorf("to %.0f Mb/s: %d bytes of FEC for losses of the queue; want none", mbps(bps), s.FECBytes)
						}
						if n := len(l.since(from)); n < 345 {
							t.Errorf("to %.0f Mb/s: %d frames shown of 360; want 345", mbps(bps), n)
						}
					}
				})
			})
		}
	}
}

// Random loss is covered by FEC and repairs: the picture does not freeze, and
// the host goes on at the link's rate.
func TestRandomLoss(t *testing.T) {
	tests := []struct {
		name    string
		loss    float64
		delay   time.Duration
		longest time.Duration
		p99     time.Duration
		share   float64 // FEC at least, of the pictures
	}{
		{"none", 0, 10 * time.Millisecond, 50 * time.Millisecond, 40 * time.Millisecond, 0},
		{"2 % at 20 ms", 0.02, 10 * time.Millisecond, 100 * time.Millisecond, 60 * time.Millisecond, 0.03},
		{"10 % at 20 ms", 0.10, 10 * time.Millisecond, 250 * time.Millisecond, 110 * time.Millisecond, 0.15},
		{"2 % at 60 ms", 0.02, 30 * time.Millisecond, 250 * time.Millisecond, 110 * time.Millisecond, 0.06},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := netlab.Conditions{Delay: tt.delay, Loss: tt.loss, RateBps: 20_000_000}
				up := netlab.Conditions{Delay: tt.delay, Loss: tt.loss}
				l := newLink(t, 0, down, up)
				l.start(t)
				l.run(t, 5*time.Second, 8_000_000)
				from := time.Since(l.epoch)
				before := l.rig.Stats()
				l.run(t, 20*time.Second, 8_000_000)
				longest, n := l.freezes(from)
				s := l.rig.Stats()
				frames := l.since(from)
				share := float64(s.FECBytes-before.FECBytes) / float64(s.PictureBytes-before.PictureBytes)
				p99 := quantile(frames, 0.99)
				t.Logf("longest freeze %v (%d), latency p50 %v p99 %v, %d shown of 1200, FEC %.1f %%, target %.1f Mb/s, pictures %.1f Mb/s; %+v %+v",
					longest, n, quantile(frames, 0.5), p99, len(frames), 100*share, mbps(s.Path.TargetBps), float64(s.PictureBytes-before.PictureBytes)*8/20e6, s.Path, l.rig.video.Stats())
				if longest > tt.longest || p99 > tt.p99 {
					t.Errorf("longest freeze %v, p99 %v; want %v, %v at most", longest, p99, tt.longest, tt.p99)
				}
				if got := s.Path.Loss; got < 0.7*tt.loss || got > 1.4*tt.loss {
					t.Errorf("the loss is thought to be %.3f; want about %.3f", got, tt.loss)
				}
				if len(frames) < 1190 {
					t.Errorf("%d frames shown of 1200; want 1190", len(frames))
				}
				if share < tt.share || share > 0.5 || tt.loss == 0 && share > 0 {
					t.Errorf("FEC is %.1f %% of the pictures; want %.1f to 50", 100*share, 100*tt.share)
				}
			})
		})
	}
}

// quantile is of the frames' latency.
func quantile(frames []shown, q float64) time.Duration {
	all := make([]time.Duration, len(frames))
	for i, f := range frames {
		all[i] = f.latency
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// What waited when the path broke down is not sent, in whatever state it was,
// and numbers go on without a hole.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 250_000)
		time.Sleep(2500 * time.Microsecond) // some bursts of it have left, none leaves now
		before := len(r.socket.of(mediaSSRC))
		r.Flush()
		time.Sleep(20 * time.Millisecond)
		sent := r.socket.of(mediaSSRC)
		if len(sent) > before+1 || sent[len(sent)-1].Marker {
			t.Errorf("%d packets left after the flush; want none", len(sent)-before)
		}
		data := annexB(nalu(media.CodecH264, 1, 3000))
		if err := r.video.Send(egress.Frame{Data: data, ID: 2, Captured: time.Now(), Encoded: time.Now()}); !errors.Is(err, egress.ErrCongested) {
			t.Errorf("Send(no keyframe) = %v; want ErrCongested until one comes", err)
		}
		for id := uint32(3); id < 5; id++ {
			if err := r.video.Send(egress.Frame{Data: data, ID: id, Keyframe: id == 3, Captured: time.Now(), Encoded: time.Now()}); err != nil {
				t.Fatalf("Send(frame %d) = %v", id, err)
			}
		}
		synctest.Wait()
		r.nack(sent[0].SequenceNumber) // from before: given up
		synctest.Wait()
		all := r.socket.of(mediaSSRC)
		if len(all) != len(sent)+6 || len(r.socket.of(repairSSRC)) != 0 {
			t.Errorf("%d packets and %d repairs after the flush; want 6 and none", len(all)-len(sent), len(r.socket.of(repairSSRC)))
		}
		for i := 1; i < len(all); i++ {
			if all[i].SequenceNumber != all[i-1].SequenceNumber+1 {
				t.Fatalf("packet %d has number %d after %d", i, all[i].SequenceNumber, all[i-1].SequenceNumber)
			}
		}
		if s := r.video.Stats(); s.Sent != 2 || s.Cut != 1 || s.Dropped != 1 {
			t.Errorf("Stats() = %+v; want 2 sent, 1 cut, 1 dropped", s)
		}
	})
}

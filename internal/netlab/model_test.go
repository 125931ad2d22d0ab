package netlab_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// near fails unless got is within tolerance of want.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.5g; want %.5g +- %.3g", what, got, want, tolerance)
	}
}

// outcome is what became of one packet.
type outcome struct {
	arrivals [2]time.Duration
	n        int
}

// drive sends n packets of size bytes, one every gap.
func drive(m *netlab.Model, n, size int, gap time.Duration) []outcome {
	out := make([]outcome, n)
	for i := range out {
		out[i].arrivals, out[i].n = m.Packet(time.Duration(i)*gap, size)
	}
	return out
}

func TestModelCleanChangesNothing(t *testing.T) {
	for i, o := range drive(netlab.NewModel(1, netlab.Conditions{}), 1000, 1200, time.Millisecond) {
		if o.n != 1 || o.arrivals[0] != time.Duration(i)*time.Millisecond {
			t.Fatalf("packet %d = %v; want to arrive when it was sent", i, o)
		}
	}
}

func TestModelRandomLoss(t *testing.T) {
	const n = 200_000
	for _, loss := range []float64{0.001, 0.02, 0.10, 1} {
		m := netlab.NewModel(7, netlab.Conditions{Loss: loss})
		lost, runs, inRun := 0, 0, false
		for _, o := range drive(m, n, 1200, time.Microsecond) {
			if o.n == 0 {
				lost++
				if !inRun {
					runs++
				}
			}
			inRun = o.n == 0
		}
		sigma := math.Sqrt(loss * (1 - loss) / n)
		near(t, "share lost", float64(lost)/n, loss, 4*sigma)
		if loss < 1 {
			// Independent losses come in runs of 1/(1-loss) on average.
			near(t, "mean run", float64(lost)/float64(runs), 1/(1-loss), 0.1)
		}
		if s := m.Stats(); s.LostOne != uint64(lost) || s.Arrived+s.Lost() != s.Packets {
			t.Errorf("Stats() = %+v; want %d lost at random and a sum that is right", s, lost)
		}
	}
}

func TestModelBursts(t *testing.T) {
	const n = 1_000_000
	for _, b := range []netlab.Burst{{Share: 0.02, MeanLen: 10}, {Share: 0.005, MeanLen: 3}, {Share: 0.3, MeanLen: 50}, {Share: 0.05, MeanLen: 1}} {
		lost, runs, inRun := 0, 0, false
		for _, o := range drive(netlab.NewModel(3, netlab.Conditions{Burst: b}), n, 1200, time.Microsecond) {
			if o.n == 0 {
				lost++
				if !inRun {
					runs++
				}
			}
			inRun = o.n == 0
		}
		near(t, "share lost", float64(lost)/n, b.Share, 0.1*b.Share)
		near(t, "mean burst", float64(lost)/float64(runs), b.MeanLen, 0.1*b.MeanLen)
	}
}

func TestModelDelayAndJitterKeepOrder(t *testing.T) {
	const delay, jitter = 30 * time.Millisecond, 10 * time.Millisecond
	m := netlab.NewModel(5, netlab.Conditions{Delay: delay, Jitter: jitter})
	var last time.Duration
	var sum float64
	low, high := time.Hour, time.Duration(0)
	const n, gap = 300_000, time.Millisecond
	changes, previous := 0, time.Duration(0)
	for i, o := range drive(m, n, 1200, gap) {
		at := o.arrivals[0]
		if at < last {
			t.Fatalf("packet %d arrives at %v, before the one before it at %v", i, at, last)
		}
		last = at
		extra := at - time.Duration(i)*gap - delay
		sum += extra.Seconds()
		low, high = min(low, extra), max(high, extra)
		if extra != previous && extra != previous-gap {
			changes++ // a new value, not the wait behind the packet before
		}
		previous = extra
	}
	if low < 0 || low > jitter/50 || high > jitter || high < jitter*49/50 {
		t.Errorf("jitter is between %v and %v; want the whole of 0 to %v", low, high, jitter)
	}
	// Keeping the order lifts the mean of U(0,10 ms) a little.
	near(t, "mean jitter in ms", sum/n*1000, 5.3, 0.4)
	near(t, "packets for one value", float64(n)/float64(changes), 30, 4)
}

func TestModelReordersAndDuplicates(t *testing.T) {
	const n = 100_000
	m := netlab.NewModel(11, netlab.Conditions{Delay: 10 * time.Millisecond, Reorder: 0.03, Duplicate: 0.01})
	overtaken, copies := 0, 0
	out := drive(m, n, 1200, 100*time.Microsecond)
	for i, o := range out[:n-60] {
		behind := 0
		for _, next := range out[i+1 : i+60] {
			if next.arrivals[0] < o.arrivals[0] {
				behind++
			}
		}
		if behind > 0 {
			overtaken++
		}
		if o.n == 2 {
			copies++
			if d := o.arrivals[1] - o.arrivals[0]; d <= 0 || d > time.Millisecond {
				t.Fatalf("copy is %v behind its packet; want up to 1 ms", d)
			}
		}
	}
	near(t, "share overtaken", float64(overtaken)/n, 0.03, 0.003)
	near(t, "share copied", float64(copies)/n, 0.01, 0.002)
	if s := m.Stats(); s.Copies < uint64(copies) || s.Reordered < uint64(overtaken) || s.Arrived != n {
		t.Errorf("Stats() = %+v; want all arrived, %d copies, %d reordered or more", s, copies, overtaken)
	}
}

func TestModelRate(t *testing.T) {
	// 20 Mb/s are offered to a link of 10: half is lost, the rest comes at the rate.
	const rate, size, queue = 10_000_000, 1250, 40 * time.Millisecond
	m := netlab.NewModel(1, netlab.Conditions{RateBps: rate, Queue: queue, Delay: 5 * time.Millisecond})
	arrived, last, worst := 0, time.Duration(0), time.Duration(0)
	const n, gap = 20_000, 500 * time.Microsecond
	for i, o := range drive(m, n, size, gap) {
		if o.n == 0 {
			continue
		}
		arrived++
		if spacing := o.arrivals[0] - last; last != 0 && spacing < time.Millisecond {
			t.Fatalf("packet %d is %v behind the one before; want 1 ms at the rate", i, spacing)
		}
		last = o.arrivals[0]
		worst = max(worst, last-time.Duration(i)*gap-5*time.Millisecond)
	}
	near(t, "rate in Mb/s", float64(arrived*size*8)/last.Seconds()/1e6, 10, 0.05)
	if worst > queue || worst < queue*9/10 {
		t.Errorf("longest wait = %v; want up to the queue's %v, and near it", worst, queue)
	}
	if s := m.Stats(); s.QueueHigh != worst || s.LostQueue != uint64(n-arrived) {
		t.Errorf("Stats() = %+v; want a queue high of %v and %d dropped", s, worst, n-arrived)
	}
	if got := m.Backlog(n * gap); got <= 0 || got > queue {
		t.Errorf("Backlog() = %v; want within the queue", got)
	}
}

func TestModelRateBelowIsHarmless(t *testing.T) {
	m := netlab.NewModel(1, netlab.Conditions{RateBps: 100_000_000})
	for i, o := range drive(m, 1000, 1250, time.Millisecond) {
		if want := time.Duration(i)*time.Millisecond + 100*time.Microsecond; o.arrivals[0] != want {
			t.Fatalf("packet %d arrives at %v; want %v", i, o.arrivals[0], want)
		}
	}
	// An idle link takes what is larger than its queue.
	slow := netlab.NewModel(1, netlab.Conditions{RateBps: 8000, Queue: time.Millisecond})
	if at, n := slow.Packet(0, 1000); n != 1 || at[0] != time.Second {
		t.Errorf("large packet on an idle link = %v, %d; want 1 s, 1", at, n)
	}
	if _, n := slow.Packet(time.Millisecond, 10); n != 0 {
		t.Error("a packet behind it was taken; want the queue full")
	}
}

func TestModelDownAndSet(t *testing.T) {
	m := netlab.NewModel(1, netlab.Conditions{Delay: time.Millisecond})
	m.Set(netlab.Conditions{Down: true})
	if _, n := m.Packet(0, 100); n != 0 {
		t.Error("a packet arrived over a link that is down")
	}
	m.Set(netlab.Conditions{Delay: 5 * time.Millisecond})
	if at, n := m.Packet(time.Second, 100); n != 1 || at[0] != time.Second+5*time.Millisecond {
		t.Errorf("after it is up again: %v, %d", at, n)
	}
	// A shorter delay does not let packets overtake.
	m.Set(netlab.Conditions{})
	if at, _ := m.Packet(time.Second, 100); at[0] != time.Second+5*time.Millisecond {
		t.Errorf("next packet arrives at %v; want behind the one before", at[0])
	}
	if s := m.Stats(); s.LostDown != 1 || s.Arrived != 2 {
		t.Errorf("Stats() = %+v", s)
	}
}

// TestModelIsDeterministic also proves that the losses depend on nothing but
// the seed and the shares.
func TestModelIsDeterministic(t *testing.T) {
	full := netlab.Conditions{
		Loss: 0.03, Burst: netlab.Burst{Share: 0.02, MeanLen: 5}, Delay: 20 * time.Millisecond, Jitter: 15 * time.Millisecond,
		Reorder: 0.01, Duplicate: 0.01, RateBps: 20_000_000, Queue: time.Second,
	}
	run := func(seed uint64, c netlab.Conditions) []outcome {
		return drive(netlab.NewModel(seed, c), 20_000, 1000, time.Millisecond)
	}
	first := run(42, full)
	if !reflect.DeepEqual(first, run(42, full)) {
		t.Error("the same seed gives another result")
	}
	if reflect.DeepEqual(first, run(43, full)) {
		t.Error("another seed gives the same result")
	}
	plain := run(42, netlab.Conditions{Loss: full.Loss, Burst: full.Burst})
	for i := range first {
		if (first[i].n == 0) != (plain[i].n == 0) {
			t.Fatalf("packet %d: lost with delay and rate %v, without %v", i, first[i].n == 0, plain[i].n == 0)
		}
	}
}

func TestModelTimeNeverRunsBack(t *testing.T) {
	m := netlab.NewModel(1, netlab.Conditions{Delay: time.Millisecond})
	m.Packet(time.Second, 1)
	if at, _ := m.Packet(0, 1); at[0] != time.Second+time.Millisecond {
		t.Errorf("packet of an earlier time arrives at %v; want as if it came now", at[0])
	}
}

func TestModelAllocatesNothing(t *testing.T) {
	p, err := netlab.Find("4g-handover")
	if err != nil {
		t.Fatal(err)
	}
	path := netlab.NewPath(1, p)
	at := time.Duration(0)
	if n := testing.AllocsPerRun(10_000, func() { at += time.Millisecond; path.Down(at, 1200); path.Up(at, 100) }); n != 0 {
		t.Errorf("allocations per packet = %v; want 0", n)
	}
}

func BenchmarkModel(b *testing.B) {
	p, _ := netlab.Find("wifi-busy")
	m := netlab.NewModel(1, p.Down)
	b.ReportAllocs()
	at := time.Duration(0)
	for b.Loop() {
		at += 300 * time.Microsecond
		m.Packet(at, 1228)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1), 0.1, 0.02, 10.0, int64(1e7), int64(1e6), 0.1, 0.1, 10_000_000, int64(1e8), 1200)
	f.Add(uint64(0), 1.0, 0.9, 0.0, int64(0), int64(0), 1.0, 1.0, 1, int64(0), 65535)
	f.Fuzz(func(t *testing.T, seed uint64, loss, share, length float64, delay, jitter int64, reorder, double float64, rate int, queue int64, size int) {
		c := netlab.Conditions{
			Loss: loss, Burst: netlab.Burst{Share: share, MeanLen: length}, Delay: time.Duration(delay), Jitter: time.Duration(jitter),
			Reorder: reorder, Duplicate: double, RateBps: rate, Queue: time.Duration(queue),
		}
		if c.Check() != nil || size > 65535 {
			return
		}
		m := netlab.NewModel(seed, c)
		for i := range 200 {
			at := time.Duration(i*i) * time.Millisecond
			arrivals, n := m.Packet(at, size)
			for j := range n {
				if arrivals[j] < at {
					t.Fatalf("sent at %v, arrives at %v", at, arrivals[j])
				}
			}
			if n == 2 && arrivals[1] < arrivals[0] {
				t.Fatalf("copy arrives first: %v", arrivals)
			}
		}
		if s := m.Stats(); s.Packets != 200 || s.Arrived+s.Lost() != 200 {
			t.Fatalf("Stats() = %+v do not add up", s)
		}
	})
}

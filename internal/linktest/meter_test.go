package linktest_test

import (
	"math"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// virtual sends a step through a link in virtual time, paced as a lane does,
// and returns what the meter says.
func virtual(m *netlab.Model, start time.Duration, rate int, d time.Duration) linktest.Figures {
	type arrival struct {
		number     uint32
		sent, came time.Duration
		payload    int
	}
	var all []arrival
	shape := linktest.NewShape(rate, 7)
	frames := int(d / linktest.FrameInterval)
	var s linktest.Sent
	for f := range frames {
		at := start + time.Duration(f)*linktest.FrameInterval
		full, rest := linktest.Split(shape.Next())
		n := full
		if rest > 0 {
			n++
		}
		size := max((n+7)/8, 16)
		for i := range n {
			payload := linktest.PayloadSize
			if i == full {
				payload = rest
			}
			sent := at + time.Duration(i/size)*time.Millisecond
			s.Bytes += payload + linktest.Overhead
			s.SpanUS = (sent - start).Microseconds()
			times, got := m.Packet(sent, payload+linktest.Overhead)
			for _, t := range times[:got] {
				all = append(all, arrival{uint32(s.Packets), sent, t, payload})
			}
			s.Packets++
		}
	}
	s.PlannedPackets = s.Packets
	s.DurationUS = (time.Duration(frames) * linktest.FrameInterval).Microseconds()
	// In the order of arrival, as a socket gives them.
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && all[j].came < all[j-1].came; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	meter := linktest.NewMeter(rate, d)
	for _, a := range all {
		meter.Packet(a.number, a.sent, a.came+5*time.Hour, a.payload) // the clocks differ
	}
	floor, _ := meter.Floor()
	return meter.Figures(s, floor)
}

func near(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s = %.4g; want %.4g within %.4g", name, got, want, within)
	}
}

// TestMeterFindsLoss gives the meter links of known loss: a minute of them, so
// that chance is small.
func TestMeterFindsLoss(t *testing.T) {
	tests := []struct {
		name      string
		c         netlab.Conditions
		loss, run float64
		leave     float64 // of the fitted model; 0: not checked
	}{
		{name: "random", c: netlab.Conditions{Loss: 0.02}, loss: 2, run: 1.02},
		{name: "bursts", c: netlab.Conditions{Burst: netlab.Burst{Share: 0.02, MeanLen: 6}}, loss: 2, run: 6, leave: 1.0 / 6},
		{name: "long bursts", c: netlab.Conditions{Burst: netlab.Burst{Share: 0.05, MeanLen: 12}}, loss: 5, run: 12, leave: 1.0 / 12},
		{name: "clean", c: netlab.Conditions{Delay: 10 * time.Millisecond}, loss: 0, run: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := virtual(netlab.NewModel(3, tt.c), 0, 15_000_000, time.Minute)
			near(t, "loss", f.LossPct, tt.loss, max(0.15*tt.loss, 0))
			near(t, "mean run", f.LossRunMean, tt.run, 0.15*tt.run)
			if tt.leave > 0 {
				near(t, "chance to leave a burst", f.Gilbert.Leave, tt.leave, 0.2*tt.leave)
				near(t, "loss within a burst", f.Gilbert.LossInside, 1, 0.05)
				share := f.Gilbert.Enter / (f.Gilbert.Enter + f.Gilbert.Leave)
				near(t, "share of bursts", share*f.Gilbert.LossInside, tt.loss/100, 0.2*tt.loss/100)
			}
			if f.Reordered != 0 || f.Duplicates != 0 {
				t.Errorf("reordered %d, duplicates %d; want none", f.Reordered, f.Duplicates)
			}
		})
	}
}

// TestMeterFindsQueues sends more than a link carries: the rate that comes out
// and the queue are the link's.
func TestMeterFindsQueues(t *testing.T) {
	c := netlab.Conditions{Delay: 10 * time.Millisecond, RateBps: 12_000_000, Queue: 200 * time.Millisecond}
	f := virtual(netlab.NewModel(1, c), 0, 15_000_000, linktest.StepDuration)
	near(t, "delivered b/s", float64(f.DeliveredBps), 12e6, 0.6e6)
	near(t, "highest delay variation ms", f.DelayMax, 200, 20)
	if f.DelayGrowth < 80 || f.Failure() == "" {
		t.Errorf("growth = %.0f ms, failure %q; want a queue that grows, and a step not carried", f.DelayGrowth, f.Failure())
	}
	f = virtual(netlab.NewModel(1, c), 0, 10_000_000, linktest.StepDuration)
	if f.Failure() != "" || f.DelayMax > 40 {
		t.Errorf("10 of 12 Mb/s: failure %q, delay up to %.0f ms; want it carried", f.Failure(), f.DelayMax)
	}
}

func TestMeterCountsOrder(t *testing.T) {
	f := virtual(netlab.NewModel(5, netlab.Conditions{Delay: 10 * time.Millisecond, Reorder: 0.02, Duplicate: 0.01}), 0, 15_000_000, 30*time.Second)
	packets := float64(f.Sent)
	near(t, "duplicates", float64(f.Duplicates), 0.01*packets, 0.003*packets)
	if f.Reordered < int(0.01*packets) || f.Lost != 0 {
		t.Errorf("reordered %d of %d, lost %d; want about 2 %%, and none lost", f.Reordered, f.Sent, f.Lost)
	}
	f = virtual(netlab.NewModel(5, netlab.Conditions{Delay: 10 * time.Millisecond, Jitter: 20 * time.Millisecond}), 0, 15_000_000, 30*time.Second)
	if f.DelayP95 < 12 || f.DelayP95 > 22 || f.Jitter <= 0 {
		t.Errorf("delay variation p95 = %.1f ms, jitter %.2f ms with 20 ms of jitter; want most of it", f.DelayP95, f.Jitter)
	}
}

// climb runs a ladder over a link in virtual time.
func climb(d linktest.Direction, c netlab.Conditions) (steps []linktest.Step) {
	m := netlab.NewModel(11, c)
	at := time.Duration(0)
	for _, rate := range linktest.Ladder(linktest.DefaultMax) {
		f := virtual(m, at, rate, linktest.StepDuration)
		steps = append(steps, linktest.NewStep(d, rate, f, linktest.Times{}, linktest.Times{}))
		if !steps[len(steps)-1].Carried {
			break
		}
		at += linktest.StepDuration + time.Second
	}
	return steps
}

// TestLadderOverProfiles finds what known links carry.
func TestLadderOverProfiles(t *testing.T) {
	tests := []struct {
		profile  string
		down, up float64 // Mb/s
	}{
		{"fibre", 50, 50}, {"cable", 50, 20}, {"adsl", 14, 1}, {"wifi-busy", 40, 20}, {"transatlantic", 50, 50},
	}
	for _, tt := range tests {
		t.Run(tt.profile, func(t *testing.T) {
			p, err := netlab.Find(tt.profile)
			if err != nil {
				t.Fatal(err)
			}
			r := linktest.Result{Down: climb(linktest.Down, p.Down), Up: climb(linktest.Up, p.Up)}
			r.Finish()
			near(t, "down Mb/s", float64(r.DownLine.Bps)/1e6, tt.down, 0.08*tt.down)
			near(t, "up Mb/s", float64(r.UpLine.Bps)/1e6, tt.up, 0.08*tt.up)
		})
	}
}

// TestMeterIsBounded gives a meter what no plan has.
func TestMeterIsBounded(t *testing.T) {
	m := linktest.NewMeter(5_000_000, time.Second)
	n := linktest.Capacity(5_000_000, time.Second)
	i := uint32(0)
	if a := testing.AllocsPerRun(3*n, func() {
		m.Packet(i, 0, time.Duration(i)*time.Millisecond, 1200)
		i += 7
	}); a != 0 {
		t.Errorf("allocations per packet = %v; want 0", a)
	}
	for i := range uint32(3 * n) {
		m.Packet(i, time.Second, 0, 1200)
	}
	if m.Received() > n {
		t.Errorf("received %d of at most %d", m.Received(), n)
	}
	f := m.Figures(linktest.Sent{Packets: 1 << 30, DurationUS: 1}, 0)
	if f.Lost < 0 || f.DeliveredBps < 0 {
		t.Errorf("figures of nonsense = %+v; want nothing negative", f)
	}
}

func BenchmarkMeter(b *testing.B) {
	m := linktest.NewMeter(linktest.MaxMax, linktest.MaxStepDuration)
	n := uint32(linktest.Capacity(linktest.MaxMax, linktest.MaxStepDuration))
	b.ReportAllocs()
	for i := range uint32(b.N) {
		if i%n == 0 {
			b.StopTimer()
			m = linktest.NewMeter(linktest.MaxMax, linktest.MaxStepDuration)
			b.StartTimer()
		}
		m.Packet(i%n, 0, time.Duration(i)*time.Microsecond, 1200)
	}
}

// TestSlowMachines blames the computer, not the line, where packets came but
// were not read, or were not sent in time.
func TestSlowMachines(t *testing.T) {
	tests := []struct {
		name          string
		sent          linktest.Sent
		before, after int
		lost          int
		slow          bool
	}{
		{name: "in time", sent: linktest.Sent{Packets: 1000, PlannedPackets: 1010}, before: 5, after: 5},
		{name: "sender late", sent: linktest.Sent{Packets: 800, PlannedPackets: 1000}, before: -1, after: -1, slow: true},
		{name: "socket full", sent: linktest.Sent{Packets: 1000, PlannedPackets: 1000}, before: 5, after: 65, lost: 60, slow: true},
		{name: "a few dropped among many lost", sent: linktest.Sent{Packets: 1000, PlannedPackets: 1000}, before: 0, after: 3, lost: 300},
		{name: "counter not known", sent: linktest.Sent{Packets: 1000, PlannedPackets: 1000}, before: -1, after: 70, lost: 60},
		{name: "another socket", sent: linktest.Sent{Packets: 1000, PlannedPackets: 1000}, before: 70, after: 0, lost: 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := linktest.Figures{Sent: tt.sent.Packets, Lost: tt.lost, Slow: tt.sent.Slow(), SocketDrops: -1}
			f.TakeDrops(tt.before, tt.after)
			if f.Slow != tt.slow {
				t.Errorf("slow = %v with %+v; want %v", f.Slow, f, tt.slow)
			}
		})
	}
}

package linktest

import (
	"fmt"
	"math"
	"time"
)

// Sent is what the sender of a step says of it.
type Sent struct {
	Packets int `json:"packets"`
	// Bytes are those on the line, headers included.
	Bytes int `json:"bytes"`
	// DurationUS is the time of the frames sent, SpanUS from the first packet
	// to the last, in microseconds.
	DurationUS int64 `json:"duration_us"`
	SpanUS     int64 `json:"span_us"`
	// LateFrames were sent more than half a frame's time after theirs, because
	// the processor was busy; the ones after them move back.
	LateFrames int `json:"late_frames,omitempty"`
	// PlannedPackets is how many there would have been in time.
	PlannedPackets int `json:"planned_packets"`
	// Errors counts packets that the network interface did not take.
	Errors int `json:"errors,omitempty"`
}

// slowShare is how much of a step a sender must get out of the door.
const slowShare = 0.92

// Slow says that the sender's machine could not keep up with the rate.
func (s Sent) Slow() bool {
	return s.PlannedPackets > 0 && float64(s.Packets) < slowShare*float64(s.PlannedPackets)
}

func (s Sent) check() error {
	const most = int64(MaxStepDuration/time.Microsecond) * 2
	packets := Capacity(MaxMax, MaxStepDuration)
	for _, n := range [...]int{s.Packets, s.PlannedPackets, s.LateFrames, s.Errors} {
		if n < 0 || n > packets {
			return fmt.Errorf("%d packets in a step are out of range", n)
		}
	}
	if s.Bytes < 0 || s.Bytes > packets*(PayloadSize+Overhead) || s.DurationUS < 0 || s.DurationUS > most || s.SpanUS < 0 || s.SpanUS > most {
		return fmt.Errorf("a step of %d bytes in %d us is out of range", s.Bytes, s.DurationUS)
	}
	return nil
}

// Figures is what became of the packets of one step. Rates are in bits per
// second on the line, headers included; times in milliseconds.
type Figures struct {
	Sent       int     `json:"sent_packets"`
	Received   int     `json:"received_packets"`
	Lost       int     `json:"lost_packets"`
	LossPct    float64 `json:"loss_pct"`
	Duplicates int     `json:"duplicates"`
	Reordered  int     `json:"reordered"` // after one with a higher number (RFC 4737, 3)

	SentBps      int `json:"sent_bps"`
	DeliveredBps int `json:"delivered_bps"`
	// WindowBps is the most that came within any 100 ms.
	WindowBps int `json:"window_bps_max"`

	LossRuns    int     `json:"loss_runs"`
	LossRunMean float64 `json:"loss_run_mean"`
	LossRunMax  int     `json:"loss_run_max"`
	Gilbert     Gilbert `json:"gilbert_elliott,omitzero"`

	// Jitter is the interarrival jitter at the end (RFC 3550, 6.4.1).
	Jitter float64 `json:"jitter_ms"`
	// Delay is how much later than the fastest packet of the whole test the
	// others came (RFC 5481, 4.2: packet delay variation).
	DelayP50 float64 `json:"delay_variation_ms_p50"`
	DelayP95 float64 `json:"delay_variation_ms_p95"`
	DelayP99 float64 `json:"delay_variation_ms_p99"`
	DelayMax float64 `json:"delay_variation_ms_max"`
	// DelayGrowth is how much later the last quarter came than the first.
	DelayGrowth float64 `json:"delay_growth_ms"`

	// SocketDrops are packets that came but found the receiver's socket full:
	// its machine was too slow. -1: not known.
	SocketDrops int `json:"socket_drops"`
	// Slow says that the sender's or the receiver's machine was too slow, so
	// the figures say nothing of the line.
	Slow bool `json:"too_slow"`
}

// check bounds what the other end reports. The rest of the program divides by
// none of it and prints all of it.
func (f *Figures) check() error {
	packets := Capacity(MaxMax, MaxStepDuration)
	for _, n := range [...]int{f.Sent, f.Received, f.Lost, f.Duplicates, f.Reordered, f.LossRuns, f.LossRunMax} {
		if n < 0 || n > 2*packets {
			return fmt.Errorf("report of %d packets is out of range", n)
		}
	}
	for _, n := range [...]int{f.SentBps, f.DeliveredBps, f.WindowBps} {
		if n < 0 || n > 50*MaxMax {
			return fmt.Errorf("report of %d b/s is out of range", n)
		}
	}
	ms := float64((MaxStepDuration + Limit).Milliseconds())
	for _, x := range [...]float64{
		f.LossPct, f.LossRunMean, f.Jitter, f.DelayP50, f.DelayP95, f.DelayP99, f.DelayMax,
		f.Gilbert.Enter, f.Gilbert.Leave, f.Gilbert.LossInside,
	} {
		if !(x >= 0 && x <= ms*10) {
			return fmt.Errorf("report of %g is out of range", x)
		}
	}
	if !(math.Abs(f.DelayGrowth) <= ms) || f.SocketDrops < -1 || f.SocketDrops > 2*packets {
		return fmt.Errorf("report of %g ms growth and %d drops is out of range", f.DelayGrowth, f.SocketDrops)
	}
	return nil
}

// Bounds within which a step counts as carried. Above them the ladder of that
// direction ends: the line is full, and trying more only disturbs others.
const (
	clearLossPct   = 8.0
	clearGrowthMS  = 80.0
	clearDelivered = 0.88
)

// Failure says in a few words why the line clearly did not carry the step, ""
// where it did.
func (f *Figures) Failure() string {
	switch {
	case f.Slow:
		return "this computer or the host was too slow to measure"
	case f.Received == 0:
		return "nothing arrived"
	case f.LossPct >= clearLossPct:
		return fmt.Sprintf("%.0f %% of the packets were lost", f.LossPct)
	case float64(f.DeliveredBps) < clearDelivered*float64(f.SentBps):
		return fmt.Sprintf("only %s of %s arrived", Mbps(f.DeliveredBps), Mbps(f.SentBps))
	case f.DelayGrowth >= clearGrowthMS:
		return fmt.Sprintf("packets came %.0f ms later and later", f.DelayGrowth)
	}
	return ""
}

// Step is one rate in one direction and what became of it.
type Step struct {
	Direction Direction `json:"direction"`
	RateBps   int       `json:"rate_bps"` // asked
	Figures
	// RTT is the round trip while the step was sent, and Added what it is more
	// than without load, at the median and at the 95th percentile.
	RTT      Times   `json:"rtt_ms"`
	AddedP50 float64 `json:"added_ms_p50"`
	AddedP95 float64 `json:"added_ms_p95"`
	Carried  bool    `json:"carried"`
	Why      string  `json:"why,omitempty"` // it was not carried
}

// NewStep judges a step that was measured.
func NewStep(d Direction, rate int, f Figures, rtt, idle Times) Step {
	s := Step{Direction: d, RateBps: rate, Figures: f, RTT: rtt, Why: f.Failure()}
	s.Carried = s.Why == ""
	if rtt.N > 0 && idle.N > 0 {
		s.AddedP50 = round(max(rtt.P50-idle.P50, 0))
		s.AddedP95 = round(max(rtt.P95-idle.P95, 0))
	}
	return s
}

// Times is a distribution in milliseconds.
type Times struct {
	N   int     `json:"n"`
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
	// Lost are pings without an answer.
	Lost int `json:"lost"`
}

// round keeps microseconds of a number in milliseconds.
func round(ms float64) float64 { return math.Round(ms*1000) / 1000 }

// Mbps writes a rate for people: "12 Mb/s", "4.8 Mb/s".
func Mbps(bps int) string {
	x := math.Round(float64(bps)/1e5) / 10
	if x >= 20 || x == math.Trunc(x) {
		return fmt.Sprintf("%.0f Mb/s", x)
	}
	return fmt.Sprintf("%.1f Mb/s", x)
}

// TakeDrops notes how many packets the receiver's socket threw away between two
// looks at its counter, -1 where it could not be read.
func (f *Figures) TakeDrops(before, after int) {
	if before < 0 || after < before {
		return
	}
	f.SocketDrops = after - before
	// More than a few: what is lost here, the line has carried.
	if f.SocketDrops > 0 && f.SocketDrops*10 >= f.Lost && f.SocketDrops*200 >= f.Sent {
		f.Slow = true
	}
}

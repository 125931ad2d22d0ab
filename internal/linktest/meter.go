package linktest

import (
	"slices"
	"time"
)

// Meter takes the packets of one step as they arrive. Its memory is bounded by
// the step's plan, whatever comes; taking a packet allocates nothing. It is used
// under its owner's lock.
type Meter struct {
	got     []bool // by number
	arrived []int64
	delay   []int64 // arrival less sent: the offset of the two clocks is in it
	size    []int32 // bytes on the line

	highest    int64 // number, -1: none yet
	bytes      int64
	duplicates int
	reordered  int
	strange    int // numbers that the plan does not have

	jitter float64 // microseconds
}

// NewMeter returns a meter for a step.
func NewMeter(rateBps int, d time.Duration) *Meter {
	n := Capacity(rateBps, d)
	return &Meter{
		got: make([]bool, n), highest: -1,
		arrived: make([]int64, 0, n), delay: make([]int64, 0, n), size: make([]int32, 0, n),
	}
}

// Packet takes one packet: its number, the sender's clock in it, the receiver's
// clock now, and its payload's bytes.
func (m *Meter) Packet(number uint32, sent, arrived time.Duration, payload int) {
	m.bytes += int64(payload + Overhead)
	if int64(number) >= int64(len(m.got)) {
		m.strange++
		return
	}
	if m.got[number] {
		m.duplicates++
		return
	}
	m.got[number] = true
	if int64(number) < m.highest {
		m.reordered++
	} else {
		m.highest = int64(number)
	}
	delay := (arrived - sent).Microseconds()
	if n := len(m.delay); n > 0 {
		d := float64(delay - m.delay[n-1])
		m.jitter += (max(d, -d) - m.jitter) / 16
	}
	m.arrived = append(m.arrived, arrived.Microseconds())
	m.delay = append(m.delay, delay)
	m.size = append(m.size, int32(payload+Overhead))
}

// Bytes is how much has come, on the line.
func (m *Meter) Bytes() int64 { return m.bytes }

// Received is how many different packets have come.
func (m *Meter) Received() int { return len(m.delay) }

// Floor is the least difference of the two clocks, ok where a packet came.
func (m *Meter) Floor() (floor time.Duration, ok bool) {
	if len(m.delay) == 0 {
		return 0, false
	}
	return time.Duration(slices.Min(m.delay)) * time.Microsecond, true
}

// Figures is the outcome. sent is what the sender says; base the least
// difference of the clocks that was ever seen in this direction.
func (m *Meter) Figures(sent Sent, base time.Duration) Figures {
	f := Figures{
		Sent: sent.Packets, Received: len(m.delay), Duplicates: m.duplicates, Reordered: m.reordered,
		Jitter: round(m.jitter / 1000), SocketDrops: -1, Slow: sent.Slow(),
	}
	r := lossRuns(m.got, min(sent.Packets, len(m.got)))
	f.Lost, f.LossRuns, f.LossRunMax = r.lost, r.runs, r.longest
	if sent.Packets > 0 {
		f.LossPct = round(100 * float64(f.Lost) / float64(sent.Packets))
	}
	if r.runs > 0 {
		f.LossRunMean = round(float64(r.lost) / float64(r.runs))
	}
	f.Gilbert = r.fit(sent.Packets)
	m.rates(&f, sent)
	m.delays(&f, base.Microseconds())
	return f
}

// rates fills in what was sent and delivered. What a queue still held when the
// last packet had left counts with the time it took to come out.
func (m *Meter) rates(f *Figures, sent Sent) {
	if sent.DurationUS > 0 {
		f.SentBps = int(8e6 * int64(sent.Bytes) / sent.DurationUS)
	}
	if len(m.arrived) == 0 || sent.DurationUS == 0 {
		return
	}
	var bytes int64
	for _, n := range m.size {
		bytes += int64(n)
	}
	span := slices.Max(m.arrived) - slices.Min(m.arrived)
	span = max(span+sent.DurationUS-sent.SpanUS, sent.DurationUS)
	f.DeliveredBps = int(8e6 * bytes / span)
	f.WindowBps = m.window()
}

// window is the most that came within 100 ms, as a rate.
func (m *Meter) window() int {
	const span = 100_000 // us
	var most, sum int64
	first := 0
	for i, at := range m.arrived { // in order: it is the receiver's own clock
		sum += int64(m.size[i])
		for at-m.arrived[first] >= span {
			sum -= int64(m.size[first])
			first++
		}
		most = max(most, sum)
	}
	return int(8 * most * 1_000_000 / span)
}

func (m *Meter) delays(f *Figures, base int64) {
	if len(m.delay) == 0 {
		return
	}
	base = min(base, slices.Min(m.delay))
	late := make([]int64, len(m.delay))
	for i, d := range m.delay {
		late[i] = d - base
	}
	quarter := max(len(late)/4, 1)
	first, last := slices.Clone(late[:quarter]), slices.Clone(late[len(late)-quarter:])
	slices.Sort(first)
	slices.Sort(last)
	f.DelayGrowth = millis(quantile(last, 50) - quantile(first, 50))
	slices.Sort(late)
	f.DelayP50, f.DelayP95, f.DelayP99 = millis(quantile(late, 50)), millis(quantile(late, 95)), millis(quantile(late, 99))
	f.DelayMax = millis(late[len(late)-1])
}

func millis(us int64) float64 { return round(float64(us) / 1000) }

// quantile of what is sorted and not empty.
func quantile(sorted []int64, percent int) int64 {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// NewTimes is the distribution of round trips; lost is how many had no answer.
func NewTimes(rtts []time.Duration, lost int) Times {
	t := Times{N: len(rtts), Lost: lost}
	if len(rtts) == 0 {
		return t
	}
	us := make([]int64, len(rtts))
	for i, d := range rtts {
		us[i] = d.Microseconds()
	}
	slices.Sort(us)
	t.Min, t.P50, t.P95, t.Max = millis(us[0]), millis(quantile(us, 50)), millis(quantile(us, 95)), millis(us[len(us)-1])
	return t
}

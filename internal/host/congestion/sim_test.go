package congestion_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/netlab"
)

const (
	ms         = time.Millisecond
	packetSize = 1200
	step       = 100 * time.Microsecond
)

// all runs every combination of the tables instead of the ones that tell most:
// go test -all ./internal/host/congestion, a minute without -race.
var all = flag.Bool("all", false, "every combination of the simulations")

// pick is the values of a table that are always run, and the others with -all.
func pick[T any](always []T, others ...T) []T {
	if !*all {
		return always
	}
	return append(always, others...)
}

// algorithm is what a simulated flow asks for its rates: the Controller, or
// something to compare with.
type algorithm interface {
	sent(at time.Duration, seq, size int)
	feedback(at, rtt time.Duration, seqs []int, packets []congestion.Packet)
	tick(at time.Duration)
	probe(at time.Duration) (congestion.Probe, bool)
	rates() (target, pacing int)
}

// ours is the Controller as an algorithm.
type ours struct{ *congestion.Controller }

func (o ours) sent(at time.Duration, _, size int) { o.Sent(at, size) }
func (o ours) feedback(at, rtt time.Duration, _ []int, packets []congestion.Packet) {
	o.Feedback(at, rtt, packets)
}
func (o ours) tick(at time.Duration)                           { o.Tick(at) }
func (o ours) probe(at time.Duration) (congestion.Probe, bool) { return o.Probe(at) }
func (o ours) rates() (int, int) {
	e := o.Estimate()
	return e.TargetBps, e.PacingBps
}

// packet of a flow that is simulated.
type packet struct {
	sent, arrives time.Duration // arrives 0: lost
	size          int
	probe         uint16
	frame         int
	reported      bool // as received
}

// report is a feedback message on its way.
type report struct {
	arrives, left time.Duration
	from, upTo    int // packets from, below upTo are in it
	newest        int // newest received, or -1
	late          []int
}

// flow is a host that sends frames and a terminal that gives feedback, in
// virtual time.
type flow struct {
	alg   algorithm
	fps   float64
	start time.Duration
	every time.Duration // feedback
	drift float64       // of the receiver's clock
	limit func(at time.Duration) float64
	back  *netlab.Model // the way of the feedback
	rng   *rand.Rand

	packets   []packet
	waiting   []int // sizes of the pacer
	frames    []int // of which frame
	queued    int   // bytes in waiting
	nextSend  time.Duration
	nextFrame time.Duration
	frame     int
	skipped   int

	burst     congestion.Probe
	reports   []report
	nextRep   time.Duration
	reportedN int // packets below were given in a report once
	inbox     []arrival

	nextTick time.Duration
	captured []time.Duration // of frames
	left     []int           // packets of the frame not arrived
	done     []time.Duration // arrival of its last packet
}

type arrival struct {
	seq int
	at  time.Duration
}

// world is flows on one link.
type world struct {
	link   *netlab.Model
	flows  []*flow
	script func(at time.Duration)
	now    time.Duration

	backlog []time.Duration // of the link, every millisecond
	rates   [][]float64     // of each flow, received in each 100 ms
	targets [][]float64     // of each flow, every 100 ms
}

func newFlow(alg algorithm, seed uint64, delay time.Duration) *flow {
	return &flow{
		alg: alg, fps: 60, every: 50 * ms, back: netlab.NewModel(seed+100, netlab.Conditions{Delay: delay}),
		rng: rand.New(rand.NewPCG(seed, 7)),
	}
}

func (w *world) run(until time.Duration) {
	for ; w.now < until; w.now += step {
		if w.script != nil {
			w.script(w.now)
		}
		if w.now%ms == 0 {
			w.backlog = append(w.backlog, w.link.Backlog(w.now))
		}
		for i, f := range w.flows {
			for len(w.rates) <= i {
				w.rates, w.targets = append(w.rates, nil), append(w.targets, nil)
			}
			if w.now%(100*ms) == 0 {
				t, _ := f.alg.rates()
				w.targets[i] = append(w.targets[i], float64(t))
				w.rates[i] = append(w.rates[i], 0)
			}
			if w.now >= f.start {
				f.step(w, i)
			}
		}
	}
}

func (f *flow) step(w *world, index int) {
	now := w.now
	for len(f.reports) > 0 && f.reports[0].arrives <= now {
		f.deliver(f.reports[0])
		f.reports = f.reports[1:]
	}
	if now >= f.nextTick {
		f.nextTick = now + 20*ms
		f.alg.tick(now)
	}
	if f.burst.Packets == 0 {
		if p, ok := f.alg.probe(now); ok {
			f.burst = p
			f.nextSend = max(f.nextSend, now)
		}
	}
	f.capture(now)
	f.send(w, index)
	f.receive(now)
}

// capture makes the frames: of the size that the target gives, more or less.
func (f *flow) capture(now time.Duration) {
	if f.nextFrame < f.start {
		f.nextFrame = f.start
	}
	if now < f.nextFrame {
		return
	}
	f.nextFrame += time.Duration(float64(time.Second) / f.fps)
	target, pacing := f.alg.rates()
	if float64(f.queued)*8/float64(pacing) > 0.05 {
		f.skipped++
		return
	}
	rate := float64(target)
	if f.limit != nil {
		rate = min(rate, f.limit(now))
	}
	size := int(rate / 8 / f.fps * (1 + 0.15*f.rng.NormFloat64()))
	size = max(size, 100)
	f.captured = append(f.captured, now)
	f.left = append(f.left, 0)
	f.done = append(f.done, 0)
	for size > 0 {
		n := min(size, packetSize)
		f.waiting, f.frames = append(f.waiting, n), append(f.frames, f.frame)
		f.left[f.frame]++
		f.queued += n
		size -= n
	}
	f.frame++
}

// send paces what waits, probes first.
func (f *flow) send(w *world, index int) {
	for f.nextSend <= w.now {
		at := w.now
		size, frame, probe := 0, -1, uint16(0)
		_, rate := f.alg.rates()
		switch {
		case len(f.waiting) > 0:
			size, frame = f.waiting[0], f.frames[0]
			f.waiting, f.frames = f.waiting[1:], f.frames[1:]
			f.queued -= size
		case f.burst.Packets > 0:
			size = packetSize
		default:
			return
		}
		if f.burst.Packets > 0 {
			probe, rate = f.burst.ID, f.burst.Bps
			f.burst.Packets--
		}
		seq := len(f.packets)
		p := packet{sent: at, size: size, probe: probe, frame: frame}
		f.alg.sent(at, seq, size)
		if arrivals, n := w.link.Packet(at, size); n > 0 {
			p.arrives = arrivals[0]
			f.inbox = append(f.inbox, arrival{seq, p.arrives})
			slot := int(p.arrives / (100 * ms))
			for len(w.rates[index]) <= slot {
				w.rates[index] = append(w.rates[index], 0)
			}
			w.rates[index][slot] += float64(size) * 80
			if frame >= 0 {
				f.left[frame]--
				f.done[frame] = max(f.done[frame], p.arrives)
			}
		}
		f.packets = append(f.packets, p)
		f.nextSend = max(f.nextSend, at-step) + time.Duration(float64(size)*8/float64(rate)*1e9)
	}
}

// receive gives feedback every f.every: what has arrived, and what is missing
// before the newest of it.
func (f *flow) receive(now time.Duration) {
	if now < f.nextRep {
		return
	}
	f.nextRep = now + f.every
	high, rest := -1, f.inbox[:0]
	var late []int
	for _, a := range f.inbox {
		if a.at > now {
			rest = append(rest, a)
			continue
		}
		high = max(high, a.seq)
		f.packets[a.seq].reported = true
		if a.seq < f.reportedN {
			late = append(late, a.seq)
		}
	}
	f.inbox = rest
	if high < 0 {
		return
	}
	r := report{left: now, from: f.reportedN, upTo: max(high+1, f.reportedN), newest: high, late: late}
	if arrivals, n := f.back.Packet(now, 200); n > 0 {
		r.arrives = arrivals[0]
		f.reports = append(f.reports, r)
		slices.SortFunc(f.reports, func(a, b report) int { return int(a.arrives - b.arrives) })
	}
	// What a report that is lost said is never said again.
	f.reportedN = r.upTo
}

func (f *flow) deliver(r report) {
	var packets []congestion.Packet
	var seqs []int
	add := func(seq int, again bool) {
		p := f.packets[seq]
		at := time.Duration(float64(p.arrives)*(1+f.drift)) + 1234567*ms
		seqs = append(seqs, seq)
		packets = append(packets, congestion.Packet{
			Sent: p.sent, Received: at / (250 * time.Microsecond) * (250 * time.Microsecond),
			Lost: p.arrives == 0 || p.arrives > r.left, Again: again, Size: p.size, Probe: p.probe,
		})
	}
	for _, seq := range r.late {
		if f.packets[seq].arrives <= r.left {
			add(seq, true)
		}
	}
	for seq := r.from; seq < r.upTo; seq++ {
		add(seq, false)
	}
	n := f.packets[r.newest]
	rtt := r.arrives - n.sent - (r.left - n.arrives)
	f.alg.feedback(r.arrives, rtt, seqs, packets)
}

// mean of a flow's received rate in a span, in bit/s.
func (w *world) mean(index int, from, to time.Duration) float64 {
	sum, n := 0.0, 0
	for i := int(from / (100 * ms)); i < int(to/(100*ms)) && i < len(w.rates[index]); i++ {
		sum += w.rates[index][i]
		n++
	}
	return sum / float64(max(n, 1))
}

// reaches is when the received rate, as the mean over 200 ms, first is at
// least want after a time, counted from there.
func (w *world) reaches(index int, after time.Duration, want float64) time.Duration {
	r := w.rates[index]
	for i := int(after/(100*ms)) + 1; i < len(r); i++ {
		if (r[i]+r[i-1])/2 >= want {
			return time.Duration(i+1)*100*ms - after
		}
	}
	return math.MaxInt64
}

// queue is a quantile of the link's backlog in a span.
func (w *world) queue(q float64, from, to time.Duration) time.Duration {
	s := slices.Clone(w.backlog[from/ms : min(int(to/ms), len(w.backlog))])
	slices.Sort(s)
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// stall is the longest time between complete frames, by arrival; frames that
// lost packets count as shown a round trip after, as repairs would have it.
func (f *flow) stall(from, to time.Duration) time.Duration {
	var shown []time.Duration
	for i := range f.captured {
		if f.done[i] != 0 && f.captured[i] >= from && f.captured[i] < to {
			shown = append(shown, f.done[i])
		}
	}
	slices.Sort(shown)
	longest := time.Duration(0)
	for i := 1; i < len(shown); i++ {
		longest = max(longest, shown[i]-shown[i-1])
	}
	return longest
}

func mb(bps float64) float64 { return math.Round(bps/1e4) / 100 }

func single(t testing.TB, seed uint64, start int, c netlab.Conditions, rtt time.Duration) (*world, *flow) {
	t.Helper()
	c.Delay = rtt / 2
	w := &world{link: netlab.NewModel(seed, c)}
	f := newFlow(ours{congestion.New(congestion.Config{StartBps: start})}, seed, rtt/2)
	w.flows = []*flow{f}
	return w, f
}

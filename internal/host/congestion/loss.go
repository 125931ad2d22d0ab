package congestion

import (
	"math"
	"time"
)

const (
	lossShort = 300 * time.Millisecond // memory of the loss that is acted on
	lossLong  = 2 * time.Second        // of the loss that is reported
	runMemory = 10 * time.Second       // of the length of runs
	lossSpell = 250 * time.Millisecond // counts in the loss that is reported when the next has no queue either

	// queueing is a standing queue from which losses are taken to be its own. It
	// may be known a while after them, and is felt a while after it is gone.
	queueing  = 25 * time.Millisecond
	fellApart = time.Second // after a fall

	testLead    = 20 * time.Millisecond // of a loss test, not counted
	testLeast   = 200 * time.Millisecond
	testMost    = 600 * time.Millisecond
	testPackets = 150
	testRest    = 2 * time.Second  // before the next test, doubled each time
	testRestMax = 30 * time.Second // up to this
	policedFor  = 5 * time.Second  // a rate limit that was found is not tried again
)

// share is a share that forgets.
type share struct{ part, all float64 }

func (s *share) fade(dt, memory time.Duration) {
	f := math.Exp(-dt.Seconds() / memory.Seconds())
	s.part, s.all = s.part*f, s.all*f
}

func (s *share) value() float64 {
	if s.all < 1e-9 {
		return 0
	}
	return bound(s.part/s.all, 0, 1)
}

// losses counts what was lost.
type losses struct {
	short, long share // long without the losses of queues
	runs        share // part: packets that were lost, all: runs
	inRun       bool
	at          time.Duration // of the last fade

	// The spell that is counted now, the one before, which is not in long and
	// runs yet, and when it began. What was late after all may make them negative.
	now, before spell
	began       time.Duration
	queued      time.Duration // losses until then are a queue's

	// inherent is the loss that was found not to depend on our rate.
	inherent float64
	test     lossTest
	excused  time.Duration // packets sent before do not count in short
}

// spell counts packets of some time.
type spell struct{ lost, runs, all float64 }

// lossTest lowers the rate for a moment and compares: loss that stays is the
// path's own, loss that goes was made by us.
type lossTest struct {
	running  bool // the rate is lowered
	pending  bool // packets of the test are not reported yet
	from, to time.Duration
	rateBps  float64
	before   float64 // loss
	carried  float64 // bit/s that arrived before
	count    share   // of the test's packets
	next     time.Duration
	rest     time.Duration
}

func (l *losses) fade(at time.Duration) {
	dt := bound(at-l.at, 0, time.Minute)
	l.at = at
	l.short.fade(dt, lossShort)
	l.long.fade(dt, lossLong)
	l.runs.fade(dt, runMemory)
}

// spell ends the spell that is counted, if it has lasted long enough. queue
// is the standing queue.
func (l *losses) spell(at, queue time.Duration) {
	switch {
	case queue > queueing, at < l.queued:
		l.now, l.before, l.began = spell{}, spell{}, at
	case at-l.began >= lossSpell:
		b := &l.before
		l.long.part, l.long.all = max(l.long.part+b.lost, 0), l.long.all+b.all
		l.runs.part, l.runs.all = max(l.runs.part+b.lost, 0), max(l.runs.all+b.runs, 0)
		l.now, l.before, l.began = spell{}, l.now, at
	}
}

// add counts a packet. One that was counted as lost and has turned up is
// taken back.
func (l *losses) add(p Packet) {
	if p.Again {
		if !p.Lost {
			l.short.part = max(l.short.part-1, 0)
			l.now.lost--
			l.now.runs--
		}
		return
	}
	n := 0.0
	if p.Lost {
		n = 1
		if !l.inRun {
			l.now.runs++
		}
	}
	l.inRun = p.Lost
	l.now.lost += n
	l.now.all++
	if p.Sent > l.excused {
		l.short.part += n
		l.short.all++
	}
	if t := &l.test; t.pending && p.Sent >= t.from && p.Sent <= t.to {
		t.count.part += n
		t.count.all++
	}
}

// run is the mean length of a run of losses.
func (l *losses) run() float64 {
	if l.runs.all < 0.5 || l.runs.part < l.runs.all {
		return 1
	}
	return l.runs.part / l.runs.all
}

// deviation is the standard error of a share p of n packets, lost in runs.
func (l *losses) deviation(p, n float64) float64 {
	return math.Sqrt(max(p*(1-p), 1e-4) * min(l.run(), 10) / max(n, 1))
}

// unexplained reports loss beyond what is known to be the path's own.
func (l *losses) unexplained() bool {
	p := l.short.value()
	return l.short.all >= 50 && p > l.inherent+max(0.02, 3*l.deviation(p, l.short.all))
}

// begin starts a test. rate is the target now, carried what arrives of it.
func (l *losses) begin(at time.Duration, rate, carried float64) {
	t := &l.test
	p := l.short.value()
	t.before, t.carried = p, carried
	t.rateBps = 0.85 * rate * (1 - min(p, 0.6))
	span := time.Duration(testPackets * l.run() * 9600 / max(t.rateBps, 1) * float64(time.Second))
	t.from = at + testLead
	t.to = t.from + bound(span, testLeast, testMost)
	t.running, t.pending, t.count = true, true, share{}
}

// cancel ends a test without a result.
func (l *losses) cancel() { l.test.running, l.test.pending = false, false }

// excuse forgets the loss that is acted on, and that of packets sent until
// now: a queue was found to explain it.
func (l *losses) excuse(at time.Duration) {
	l.cancel()
	l.short = share{}
	l.excused = at
}

// verdict ends a test of which everything was reported. limited means that
// the loss went with the rate.
func (l *losses) verdict(at time.Duration) (limited, done bool) {
	t := &l.test
	t.running, t.pending = false, false
	if t.count.all < 20 {
		t.next = at + testRest
		return false, false
	}
	p := t.count.value()
	err := l.deviation(max(p, t.before), t.count.all)
	if p < t.before/2 && t.before-p > 3*err {
		l.inherent = p
		t.rest = testRest
		t.next = at + time.Second
		return true, true
	}
	l.inherent = max(p, t.before)
	t.rest = bound(2*t.rest, testRest, testRestMax)
	t.next = at + t.rest
	return false, true
}

// settle lets the loss that is known to be the path's own go with it.
func (l *losses) settle(dt time.Duration) {
	if p := l.long.value(); p < l.inherent {
		l.inherent += (p - l.inherent) * min(dt.Seconds()/3, 1)
	}
}

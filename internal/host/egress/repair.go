package egress

import "time"

// Repairs are paced too: a second without a path is answered with hundreds of
// NACKs at once, and their repairs must not be lost in the same queue again.
//
// In the long run no more repairs leave than packets of pictures: each packet
// that leaves gives credit for one repair, up to the whole history. A path that
// needs more is helped by no repair, and a terminal that asks for everything
// again and again must not be able to multiply what we send.
const (
	repairsPerStep = 32
	minResend      = 3 * time.Millisecond // between repairs of one packet
)

// repairBudget limits repairs to repairsPerStep in each paceStep.
type repairBudget struct {
	step time.Time
	left int
}

// take reports whether one more repair may leave now and, if not, when.
func (b *repairBudget) take(now time.Time) (bool, time.Duration) {
	if age := now.Sub(b.step); age >= paceStep {
		b.step, b.left = now, repairsPerStep
	}
	if b.left == 0 {
		return false, paceStep - now.Sub(b.step)
	}
	b.left--
	return true, 0
}

// repairQueue is the sequence numbers that wait to be repeated.
type repairQueue struct {
	seqs     [historySize]uint16
	first, n int
}

// push reports false when the queue is full.
func (q *repairQueue) push(seq uint16) bool {
	if q.n == len(q.seqs) {
		return false
	}
	q.seqs[(q.first+q.n)%len(q.seqs)] = seq
	q.n++
	return true
}

func (q *repairQueue) pop() (seq uint16) {
	seq = q.seqs[q.first]
	q.first = (q.first + 1) % len(q.seqs)
	q.n--
	return seq
}

// roundTrip estimates the path's round trip: exactly from receiver reports,
// or, where the peer sends none with a time in them, from above by the
// smallest delay of transport feedback.
type roundTrip struct {
	estimate time.Duration
	exact    bool
}

func (r *roundTrip) fromReport(d time.Duration) {
	if d >= 0 && d < 10*time.Second {
		r.estimate, r.exact = d, true
	}
}

func (r *roundTrip) fromFeedback(d time.Duration) {
	if !r.exact && (r.estimate == 0 || d < r.estimate) {
		r.estimate = d
	}
}

// resendGate is how long a repair is believed to be on its way.
func (r *roundTrip) resendGate() time.Duration {
	return max(r.estimate*3/4, minResend)
}

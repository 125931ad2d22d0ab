package receive

import "time"

const (
	leastWindow  = 5 * time.Second // the shortest repair is that of the last one or two of these
	repairSlack  = time.Millisecond
	reorderDecay = 2 * time.Second // halves what is remembered of reordering
	lossMemory   = 256             // packets over which loss is averaged
	lossy        = 0.03            // from here on requests are said twice
)

// repairTime learns how long repairs take from request to arrival: what the
// network and the host need, not only what a ping does.
type repairTime struct {
	mean, dev time.Duration    // 0: nothing known yet
	least     [2]time.Duration // of this window and the one before, 0: none
	window    time.Duration    // when this one began
}

// answered notes a repair that came at at, asked for last at asked and at
// before before that, which is 0 when it was asked for once. One that comes
// sooner after the last request than any repair can is the answer to the one
// before it.
func (r *repairTime) answered(at, asked, before time.Duration) {
	d := at - asked
	if before > 0 {
		least := r.shortest()
		if least == 0 {
			return
		}
		if d < least*3/4 {
			d = at - before
		}
	}
	if d < 0 || d > hardDeadline {
		return
	}
	if at-r.window > leastWindow {
		r.least[1], r.least[0], r.window = r.least[0], 0, at
	}
	if r.least[0] == 0 || d < r.least[0] {
		r.least[0] = max(d, 1)
	}
	if r.mean == 0 {
		r.mean, r.dev = max(d, 1), d/8
		return
	}
	off := d - r.mean
	r.mean += off / 8
	r.dev += (max(off, -off) - r.dev) / 4
}

// shortest returns the shortest repair of the last windows, 0 for none.
func (r *repairTime) shortest() time.Duration {
	if r.least[0] == 0 || r.least[1] != 0 && r.least[1] < r.least[0] {
		return r.least[1]
	}
	return r.least[0]
}

// retry is how long to wait until a packet is asked for again: as long as
// nearly every repair takes, and a little more. said is the round trip that
// others measured, 0 when not known.
func (r *repairTime) retry(said time.Duration) time.Duration {
	if r.mean > 0 {
		return max(r.mean+max(3*r.dev, r.mean/16)+repairSlack, minRetry)
	}
	if said == 0 {
		said = assumedRTT
	}
	return max(said*5/4, minRetry)
}

// reordering tells packets that come late from those that do not come.
type reordering struct {
	late        time.Duration // how late they come at most, and
	behind      uint64        // how many packets later
	count, lost float64       // late ones and lost ones, forgotten by and by
	decayed     time.Duration
}

func (r *reordering) decay(at time.Duration) {
	for at-r.decayed >= reorderDecay {
		r.count, r.lost = r.count/2, r.lost/2
		r.late, r.behind = r.late*3/4, r.behind*3/4
		if r.decayed += reorderDecay; at-r.decayed > 10*reorderDecay {
			r.decayed = at
		}
	}
}

// came notes a packet that was missing for late and while behind others came.
func (r *reordering) came(at, late time.Duration, behind uint64) {
	r.decay(at)
	r.count++
	r.late, r.behind = max(r.late, late), max(r.behind, behind)
}

// went notes a packet that did not come by itself.
func (r *reordering) went(at time.Duration) {
	r.decay(at)
	r.lost++
}

// wait is how long a gap may be mere reordering. It is none while most gaps
// are losses: asking in vain costs a packet, waiting costs time.
func (r *reordering) wait(at, rtt time.Duration) time.Duration {
	r.decay(at)
	if r.count < 1 || r.count < r.lost {
		return 0
	}
	return min(r.late*5/4+repairSlack/2, max(rtt, minRetry), maxReorderWait)
}

// lossRate follows the share of packets that do not come.
type lossRate float64

func (l *lossRate) packet(missing int64) {
	for range min(missing, lossMemory) {
		*l += (1 - *l) / lossMemory
	}
	*l -= *l / lossMemory
}

// found takes one back that was only late.
func (l *lossRate) found() { *l = max(*l-1.0/lossMemory, 0) }

package congestion

import (
	"math"
	"slices"
	"time"
)

const (
	trainMax     = 128                     // packets of a train; longer ones are cut
	trainSpan    = 40 * time.Millisecond   // likewise
	trainPackets = 6                       // below this a train measures nothing
	trainLeast   = 3 * time.Millisecond    // likewise
	trainMemory  = 32                      // trains that are remembered
	trainAge     = 1500 * time.Millisecond // of sending: older ones say nothing of now
	smallPacket  = 300                     // bytes: sound and the like, sent between trains as well as in them
	trainEnough  = 0.05                    // error of the mean slope at which no more trains are asked
)

// train is a run of packets that left one after the other: a frame under the
// pacer, or a probe. It carries its own measurement of the path: if the path
// is slower than the train, every packet waits longer than the one before it,
// and the slope of delay over sending time is rate/capacity - 1.
type train struct {
	begin, end time.Duration // Sent of the first and the last packet
	rateBps    float64       // at which it was sent
	slope      float64       // of delay over sending time, 0: no queue grew
	packets    int
	lost       int
	probe      uint16
}

// capacityBps is what the train says of the path: its rate if no queue grew,
// what the path carried of it if one did.
func (t *train) capacityBps() float64 { return t.rateBps / (1 + max(t.slope, 0)) }

// trains cuts what feedback reports into trains and remembers the last ones.
type trains struct {
	sent, delay [trainMax]time.Duration // of the received packets of the train that is open
	n           int
	open        train
	opened      bool
	lastSent    time.Duration
	bytes       int           // after the first packet
	spacing     time.Duration // mean, of the open train
	count       int           // packets of the open train, lost ones too

	ring  [trainMemory]train
	next  int // in ring
	total int // ever closed
	noise float64
}

// add takes the next packet in sending order; pacing is the rate at which it
// was probably sent.
func (ts *trains) add(p Packet, pacing int) {
	if ts.opened && ts.breaks(p, pacing) {
		ts.close()
	}
	if p.Size < smallPacket && p.Probe == 0 {
		if ts.opened && p.Sent >= ts.lastSent {
			ts.bytes += p.Size
		}
		return
	}
	if !ts.opened {
		ts.opened = true
		ts.open = train{begin: p.Sent, probe: p.Probe}
		ts.n, ts.bytes, ts.count, ts.spacing = 0, 0, 0, 0
	} else {
		ts.bytes += p.Size
		ts.spacing = (p.Sent - ts.open.begin) / time.Duration(ts.count)
	}
	ts.count++
	ts.lastSent = p.Sent
	if p.Lost {
		ts.open.lost++
		return
	}
	ts.sent[ts.n], ts.delay[ts.n] = p.Sent, oneWay(p)
	ts.n++
}

// breaks reports whether a packet begins another train: the pacer has paused,
// which is more than twice the distance of packets and more than the pacer's
// own granularity of a millisecond.
func (ts *trains) breaks(p Packet, pacing int) bool {
	gap := p.Sent - ts.lastSent
	if gap < 0 || p.Probe != ts.open.probe || ts.n == trainMax || p.Probe == 0 && p.Sent-ts.open.begin > trainSpan {
		return true
	}
	spacing := max(ts.spacing, time.Duration(float64(p.Size)*8/float64(max(pacing, 1))*float64(time.Second)))
	spacing = min(spacing, 20*time.Millisecond)
	if p.Size < smallPacket {
		return gap > 4*spacing+time.Millisecond
	}
	return gap > max(2*spacing, spacing+time.Millisecond)
}

// close ends the open train and keeps it if it measures something.
func (ts *trains) close() {
	if !ts.opened {
		return
	}
	ts.opened = false
	t := &ts.open
	if !ts.evaluate(t) {
		return
	}
	if ts.total > 0 {
		before := &ts.ring[(ts.next+trainMemory-1)%trainMemory]
		// Compared by capacity, so that a change of the sending rate is no noise.
		change := math.Abs(before.slope-t.slope) / math.Sqrt2
		if c := before.capacityBps(); t.slope > 0.05 && before.slope > 0.05 && c > 0 {
			change = math.Abs(t.capacityBps()/c-1) / math.Sqrt2
		}
		ts.noise += (min(change, 1) - ts.noise) / 12
	}
	ts.ring[ts.next] = *t
	ts.next = (ts.next + 1) % trainMemory
	ts.total++
}

// evaluate fills in the open train's measurement as far as it has come.
func (ts *trains) evaluate(t *train) bool {
	t.end, t.packets = ts.lastSent, ts.count
	span := t.end - t.begin
	if ts.n < trainPackets || span < trainLeast {
		return false
	}
	t.rateBps = float64(ts.bytes) * 8 / span.Seconds()
	return ts.fit(t)
}

// fit sets slope, by least squares. A pause of a radio or the
// packets of others in the middle of a train change its slope; they do so in
// few of many trains or in all of them, which is what the median over trains
// is for.
func (ts *trains) fit(t *train) bool {
	var x, y, xx, xy float64
	for i := range ts.n {
		dx, dy := (ts.sent[i] - ts.sent[0]).Seconds(), (ts.delay[i] - ts.delay[0]).Seconds()
		x, y, xx, xy = x+dx, y+dy, xx+dx*dx, xy+dx*dy
	}
	n := float64(ts.n)
	spread := xx - x*x/n
	if spread < 1e-7 {
		return false
	}
	t.slope = bound((xy-x*y/n)/spread, -0.9, 50)
	return true
}

// newest is the train that was closed last.
func (ts *trains) newest() (*train, bool) {
	if ts.total == 0 {
		return nil, false
	}
	return &ts.ring[(ts.next+trainMemory-1)%trainMemory], true
}

// reading is what the last trains say together.
type reading struct {
	capacityBps float64 // median
	slope       float64 // median
	err         float64 // standard error of slope
	rateBps     float64 // at which they were sent, median
	loss        float64 // share of their packets
	packets     int
	trains      int // 0: nothing is known
}

// saturated reports that the trains were faster than the path.
func (r reading) saturated() bool { return r.trains > 0 && r.slope > 0.05+2*r.err }

// sureBps is the capacity that the path certainly does not exceed.
func (r reading) sureBps() float64 { return r.rateBps / (1 + max(r.slope-2*r.err, 0)) }

// clear reports that the trains were certainly not faster than the path.
func (r reading) clear() bool { return r.trains > 0 && r.slope < 0.05+r.err && r.err < 0.15 }

// read combines the newest trains that were sent after since, as few as the
// noise allows.
func (ts *trains) read(now, since time.Duration) reading {
	n := min(ts.total, trainMemory)
	var caps, slopes, rates [trainMemory]float64
	var r reading
	lost := 0
	for i := 1; i <= n; i++ {
		t := &ts.ring[(ts.next+trainMemory-i)%trainMemory]
		if t.begin < since || now-t.end > trainAge {
			break
		}
		caps[r.trains], slopes[r.trains], rates[r.trains] = t.capacityBps(), t.slope, t.rateBps
		r.packets, lost = r.packets+t.packets, lost+t.lost
		r.trains++
		r.err = ts.noise / math.Sqrt(float64(r.trains))
		if r.err <= trainEnough {
			break
		}
	}
	if r.trains == 0 {
		return r
	}
	slices.Sort(caps[:r.trains])
	slices.Sort(slopes[:r.trains])
	slices.Sort(rates[:r.trains])
	r.rateBps = median(rates[:r.trains])
	r.capacityBps, r.slope = median(caps[:r.trains]), median(slopes[:r.trains])
	r.loss = float64(lost) / float64(r.packets)
	return r
}

// median of a sorted slice that is not empty.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// forget drops all trains: the path has changed.
func (ts *trains) forget() { ts.opened, ts.total, ts.next = false, 0, 0 }

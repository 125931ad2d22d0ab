package receive

import "time"

const (
	minRetry      = 5 * time.Millisecond   // between two requests for one packet; 1.25 RTT rules
	reorderWait   = 2 * time.Millisecond   // how long a gap may be mere reordering,
	reorderCount  = 2                      // and how many later packets, once any was seen
	minDeadline   = 20 * time.Millisecond  // below, a repair of a repair has no chance
	maxDeadline   = 100 * time.Millisecond // beyond, a keyframe is sooner, unless RTT is longer
	hardDeadline  = 500 * time.Millisecond // whatever RTT is said to be
	blindDeadline = 10 * time.Millisecond  // nothing can be asked for: only reordering can help
	assumedRTT    = 20 * time.Millisecond  // for repeats while RTT is not known

	tailWait    = 3 * time.Millisecond   // silence inside a frame until its tail is asked for
	tailGiveUp  = 250 * time.Millisecond // silence until the tail is given up; 4 RTT rule
	minTail     = 2                      // packets asked for: as many as frames usually have more,
	maxTail     = 17                     // but what one NACK entry covers at most
	maxTailTry  = 6                      //
	tailCadence = 4                      // silence counts from so many packet intervals on
)

// tail watches for the loss of a frame's last packets, which no later packet
// shows.
type tail struct {
	open    bool          // the newest packet is not the last of its frame
	newest  time.Duration // when it came
	due     time.Duration // when to ask for more
	tries   int
	asked   time.Duration // when it was asked last
	upTo    int64         // newest packet asked for
	begin   int64         // first packet of the frame
	size    int64         // packets of a frame, smoothed, in eighths
	spacing time.Duration // between packets of one frame, smoothed
}

// advance notes the newest packet.
func (t *tail) advance(at time.Duration, ext int64, marker bool) {
	if marker {
		t.size += min(ext+1-t.begin, maxHole) - t.size/8
		t.begin = ext + 1
	}
	if t.open {
		d := min(max(at-t.newest, 0), tailGiveUp)
		t.spacing += (d - t.spacing) / 8
	}
	t.open, t.newest, t.tries = !marker, at, 0
	t.due = at + max(tailWait, tailCadence*t.spacing)
}

// probes returns how many packets after the newest one to ask for. More would
// come twice: with a long RTT the host has sent the next frame when it is asked.
func (t *tail) probes(newest int64) int64 {
	return min(max(t.size/8-(newest+1-t.begin), minTail), maxTail)
}

// retryAfter is how long to wait until a packet is asked for again.
func retryAfter(rtt time.Duration) time.Duration {
	if rtt == 0 {
		rtt = assumedRTT
	}
	return max(rtt*5/4, minRetry)
}

// deadline is how long a packet is waited for.
func (v *Video) deadline() time.Duration {
	if v.cfg.SendNACK == nil {
		return blindDeadline
	}
	if v.rtt == 0 {
		return maxDeadline
	}
	d := min(max(2*v.rtt, v.asm.interval), maxDeadline)
	return min(max(d, minDeadline, retryAfter(v.rtt)+minRetry), hardDeadline)
}

// service does what is due: give up, ask again, probe a tail, ask for a
// keyframe.
func (v *Video) service(at time.Duration) {
	if len(v.win.gaps) > 0 {
		v.expire(at)
		v.askForGaps(at)
	}
	v.askForTail(at)
	if v.asm.gotKey {
		v.asm.gotKey = false
		v.keys.arrived()
	}
	if v.asm.need != "" {
		v.keys.request(v.asm.need, at, v.rtt)
		v.asm.need = ""
	}
	if v.win.started && v.keys.poll(at, v.rtt) {
		v.out.pli = true
	}
}

// expire gives up what blocks the stream for too long or for nothing.
func (v *Video) expire(at time.Duration) {
	limit := v.deadline()
	for v.win.blocked() && (at-v.win.gaps[0].since >= limit || v.asm.hopeless()) {
		v.giveUp()
	}
}

// giveUp passes over the missing packet whose turn it is.
func (v *Video) giveUp() {
	v.win.gaps = v.win.gaps[1:]
	if v.win.head > v.origin { // those before may never have existed
		v.stats.GivenUp++
	}
	v.win.head++
	v.asm.skip()
	v.drain()
}

// drain consumes the packets whose turn it is now.
func (v *Video) drain() {
	for p := v.win.stored(v.win.head); p != nil; p = v.win.stored(v.win.head) {
		v.asm.consume(p)
		v.win.head++
	}
}

// askForGaps asks for every missing packet that is due.
func (v *Video) askForGaps(at time.Duration) {
	if v.cfg.SendNACK == nil {
		return
	}
	again := at + retryAfter(v.rtt)
	asked := false
	for i := range v.win.gaps {
		g := &v.win.gaps[i]
		early := g.tries == 0 && v.stats.Packets-g.seen >= reorderCount
		if at < g.due && !early {
			continue
		}
		if g.tries > 0 {
			v.stats.Retries++
		}
		g.tries++
		g.due = again
		v.out.nack(uint16(g.ext))
		asked = true
	}
	if asked {
		v.stats.NACKs++
	}
}

// askForTail asks for what should follow the newest packet when the frame was
// not ended and nothing comes any more.
func (v *Video) askForTail(at time.Duration) {
	t := &v.tail
	if !t.open || at < t.due || !v.asm.markers {
		return
	}
	end := t.newest + max(tailGiveUp, 4*v.rtt)
	if at >= end {
		t.open = false
		v.asm.skip()
		return
	}
	if t.tries >= maxTailTry || v.cfg.SendNACK == nil {
		t.due = end
		return
	}
	t.asked, t.upTo = at, v.win.highest+t.probes(v.win.highest)
	for ext := v.win.highest + 1; ext <= t.upTo; ext++ {
		v.out.nack(uint16(ext))
	}
	v.stats.NACKs++
	v.stats.TailProbes++
	t.due = min(at+retryAfter(v.rtt)<<t.tries, end)
	t.tries++
}

// nextTimer returns how long from at until service has something to do.
func (v *Video) nextTimer(at time.Duration) time.Duration {
	next := idlePoll
	if v.win.started && at-v.tail.newest < activeFor {
		next = activePoll
	}
	if len(v.win.gaps) > 0 {
		next = min(next, v.win.gaps[0].since+v.deadline()-at)
		for i := range v.win.gaps {
			next = min(next, v.win.gaps[i].due-at)
		}
	}
	if v.tail.open && v.asm.markers {
		next = min(next, v.tail.due-at)
	}
	if v.keys.wanted && v.win.started {
		next = min(next, v.keys.due-at)
	}
	return max(next, minPoll)
}

package receive

import "time"

const (
	minRetry       = 5 * time.Millisecond    // between two requests for one packet
	maxReorderWait = 20 * time.Millisecond   // whatever lateness was seen
	minPatience    = 20 * time.Millisecond   // below, a repair of a repair has no chance
	maxPatience    = 150 * time.Millisecond  // beyond, a keyframe is asked for besides, unless two repairs take longer
	beyondPatience = 150 * time.Millisecond  // until what is missing is given up, and two more repairs
	hardDeadline   = 1000 * time.Millisecond // whatever repairs are said to take
	blindDeadline  = 10 * time.Millisecond   // nothing can be asked for: only reordering and FEC can help
	assumedRTT     = 20 * time.Millisecond   // for repeats while RTT is not known
	minCopy        = time.Millisecond        // between a request and its copy
	fullRateTries  = 5                       // requests until they become rarer

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

// retry is how long to wait until a packet is asked for again.
func (v *Video) retry() time.Duration { return v.repairs.retry(v.rtt) }

// copyAfter is when a request is said once more because many are lost; 0: not
// at all. The host answers one of them, so it costs no repair.
func (v *Video) copyAfter(at time.Duration) time.Duration {
	if v.loss < lossy {
		return 0
	}
	return at + max(v.retry()/4, minCopy)
}

// patience is how long a packet is waited for until a keyframe is asked for
// besides: as many repairs as it takes until one has come almost certainly. A
// keyframe is many packets, so the more are lost the later it is whole.
func (v *Video) patience() time.Duration {
	if v.cfg.SendNACK == nil {
		return blindDeadline
	}
	tries := time.Duration(4)
	switch {
	case v.loss < 0.01:
		tries = 2
	case v.loss < 0.05:
		tries = 3
	}
	retry := v.retry()
	return max(min(tries*retry, max(maxPatience, 2*retry)), minPatience)
}

// deadline is how long a packet is waited for.
func (v *Video) deadline() time.Duration {
	if v.cfg.SendNACK == nil {
		return blindDeadline
	}
	return min(v.patience()+2*v.retry()+beyondPatience, hardDeadline)
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
		v.asm.gotKey, v.hedged = false, false
		v.keys.arrived()
	}
	if v.hedged && !v.win.blocked() && !v.asm.awaitKey {
		v.hedged = false // the repair was sooner
		v.keys.arrived()
	}
	if v.asm.need != "" && !v.asm.keyBegun() {
		v.keys.request(v.asm.need, at, v.rtt)
		v.asm.need = ""
	}
	if v.win.started && v.keys.poll(at, v.rtt, at+max(v.retry()/2, minKeyframeCopy)) {
		v.out.pli = true
	}
}

// expire gives up what blocks the stream for too long or for nothing, and asks
// for a keyframe when a repair begins to look doubtful.
func (v *Video) expire(at time.Duration) {
	for v.win.blocked() {
		waited := at - v.win.gaps[0].since
		switch {
		case waited >= v.deadline(), v.asm.hopeless(), waited >= v.patience() && v.asm.spares():
			v.giveUp()
			continue
		case waited >= v.patience() && v.hedgedFor != v.win.head:
			v.hedge(at)
		}
		v.watchKeyframe(at)
		return
	}
}

// keyArrives says that a keyframe waits behind a gap, and that no other one was
// asked for in its place.
func (v *Video) keyArrives() bool {
	return v.keyAhead && v.keyExt > v.win.head && v.keyExt > v.keyAsked
}

// watchKeyframe asks for another keyframe when the one that arrives behind
// the gap lacks a packet for too long itself.
func (v *Video) watchKeyframe(at time.Duration) {
	if !v.keyArrives() {
		return
	}
	i := v.win.after(v.keyExt)
	if i < len(v.win.gaps) && at-v.win.gaps[i].since >= v.patience() {
		v.keyAsked = v.keyExt
		v.keys.request(reasonLostKey, at, v.rtt)
	}
}

// hedge asks for a keyframe while the packet whose turn it is is waited for
// still: the stream goes on with what comes first.
func (v *Video) hedge(at time.Duration) {
	v.hedged, v.hedgedFor = true, v.win.head
	reason := reasonLoss
	if v.asm.awaitKey && v.asm.keyBegun() {
		reason = reasonLostKey
	}
	v.keys.request(reason, at, v.rtt)
	v.jumpToKeyframe()
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
	again, copyAt := at+v.retry(), v.copyAfter(at)
	asked := false
	for i := range v.win.gaps {
		g := &v.win.gaps[i]
		switch overtaken := g.tries == 0 && v.arrived-g.seen > v.order.behind*5/4; {
		case at >= g.due || overtaken:
			if g.tries > 0 {
				v.stats.Retries++
			}
			g.tries++
			g.before, g.asked = g.asked, at
			g.due, g.copyAt = again, copyAt
			if extra := g.tries - fullRateTries; extra > 0 {
				g.due += v.retry() << min(extra, 4)
			}
		case g.copyAt > 0 && at >= g.copyAt:
			g.copyAt = 0
			v.stats.Copies++
		default:
			continue
		}
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
	t.due = min(at+v.retry()<<t.tries, end)
	t.tries++
}

// nextTimer returns how long from at until service has something to do.
func (v *Video) nextTimer(at time.Duration) time.Duration {
	next := idlePoll
	if v.win.started && at-v.tail.newest < activeFor {
		next = activePoll
	}
	if len(v.win.gaps) > 0 {
		end := v.deadline()
		if v.hedgedFor != v.win.head {
			end = v.patience()
		}
		next = min(next, v.win.gaps[0].since+end-at)
		if i := v.win.after(v.keyExt); v.keyArrives() && i < len(v.win.gaps) {
			next = min(next, v.win.gaps[i].since+v.patience()-at)
		}
		for i := range v.win.gaps {
			g := &v.win.gaps[i]
			next = min(next, g.due-at)
			if g.copyAt > 0 {
				next = min(next, g.copyAt-at)
			}
		}
	}
	if v.tail.open && v.asm.markers {
		next = min(next, v.tail.due-at)
	}
	if v.keys.wanted && v.win.started {
		next = min(next, v.keys.next()-at)
	}
	return max(next, minPoll)
}

package egress

import "time"

// hopeless is how long repairs may take before a keyframe is better.
const hopeless = 100 * time.Millisecond

// hopelessLocked gives up all repairs that wait when the path needs too long
// for them: after a spell without a path, or when it has become slow, the peer
// would see every picture that it missed before the first new one. It reports
// whether a keyframe is wanted instead.
func (v *Video) hopelessLocked(now time.Time) bool {
	bps := v.sender.steering.estimate.TargetBps
	if bps == 0 || v.repairs.n == 0 {
		return false
	}
	if time.Duration(v.repairs.n)*maxWire*8*time.Second/time.Duration(bps) < hopeless {
		return false
	}
	v.stats.GivenUp += uint64(v.repairs.n)
	v.repairs.n = 0
	v.givenUp = v.history.queued
	v.lastRequest = now
	return true
}

// At a breakdown a screen's next picture is refused if it was coded for a rate
// this much above the path's.
const muchTooLarge = 4

// leastLarge is what no picture is too large below, in bytes.
const leastLarge = 4000

// breakdownLocked is told that the path has become much slower. What has not
// left is taken back if the path needs too long for it now, and it reports
// whether it was: a keyframe is wanted then. Otherwise nothing was lost, and
// the stream goes on, without the picture that is just being coded if that is too large.
func (v *Video) breakdownLocked(now time.Time) (cut bool) {
	if v.backlogLocked() > 2*v.interval {
		v.flushLocked(now)
		return true
	}
	bps := v.sender.steering.picturesLocked()
	v.most = max(muchTooLarge*int(float64(bps)/8*v.interval.Seconds()), leastLarge)
	return false
}

// flushLocked takes back everything that has not left, also the rest of a frame
// that has begun: the path needs so long for it now that a new keyframe is there
// sooner, or it was away for so long that nothing older is worth sending. Numbers of packets that did not leave are given again.
func (v *Video) flushLocked(now time.Time) {
	v.stats.Cut += uint64(v.queue.n)
	v.stats.GivenUp += uint64(v.repairs.n)
	end := v.history.sent
	if v.writing { // that packet has left as good as
		end++
		f := v.queue.oldest()
		f.end, f.cut = end, true
		v.queue.n = 1
	} else {
		v.queue.n = 0
	}
	v.history.queued = end
	if !v.cutting {
		v.history.written = end
	}
	v.flushed, v.fecFlush = true, true
	v.barred = v.sender.cfg.OnKeyframe != nil
	v.repairs.n = 0
	v.givenUp = end
	v.lastRequest = now
}

// Backlog returns how long the path needs for what this screen has not sent
// yet, at its pace; 0 while nothing is known of the path. An encoder whose
// screen waits leaves out a picture rather than make the next one wait too.
// Any goroutine may call it.
func (v *Video) Backlog() time.Duration {
	v.sender.mu.Lock()
	defer v.sender.mu.Unlock()
	return v.backlogLocked()
}

func (v *Video) backlogLocked() time.Duration {
	bps := v.sender.steering.estimate.PacingBps
	if bps == 0 {
		return 0
	}
	packets := v.history.queued - v.history.sent
	return time.Duration(packets) * maxWire * 8 * time.Second / time.Duration(bps)
}

// arrivalsLocked looks which screens' keyframes have arrived whole.
func (s *Sender) arrivalsLocked() {
	for _, v := range s.videos {
		if v.keyframeSent && !v.keyframeArrived {
			v.keyframeArrived = s.feedback.arrived(v.keyFirst, v.keyLast)
		}
	}
}

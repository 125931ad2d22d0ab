package receive

import "time"

// Reasons for which the pipeline itself asks for a keyframe.
const (
	reasonStart     = "start"         // the stream did not begin with one
	reasonLoss      = "loss"          // packets were given up
	reasonLostKey   = "lost keyframe" // packets of a keyframe were given up
	reasonMalformed = "malformed"     // an access unit was damaged or too large
	reasonBuffers   = "buffers"       // all access units were out
	reasonRestart   = "restart"       // the host began a new sequence space
	reasonOther     = "other"         // more reasons than there is room for
)

const (
	minKeyframeGap   = 100 * time.Millisecond // between two requests; a longer RTT rules
	maxKeyframeRetry = 250 * time.Millisecond // until one not answered is repeated, while it is not known how long that takes
	minKeyframeCopy  = 10 * time.Millisecond  // between a request and its copy, which one host or another takes for the same
	minKeyframeRetry = 120 * time.Millisecond // and when it is
)

// maxReasons is how many reasons are told apart.
const maxReasons = 8

// ReasonCount is how many keyframe requests were sent for one reason.
type ReasonCount struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// requester decides when a keyframe request (PLI, RFC 4585, 6.3.1) is sent.
type requester struct {
	wanted bool
	sent   bool // last is valid
	last   time.Duration
	due    time.Duration
	copyAt time.Duration // when to send the last one once more, 0: not at all
	answer time.Duration // from request to keyframe, as known; 0: not yet
	reason int           // into counts
	counts [maxReasons]ReasonCount
}

// request asks for a keyframe. While one is wanted it only hastens the repeat,
// when the keyframe that answered was lost.
func (r *requester) request(reason string, at, rtt time.Duration) {
	soonest := at
	if r.sent {
		soonest = max(at, r.last+max(rtt, minKeyframeGap))
	}
	switch {
	case !r.wanted:
		r.wanted, r.reason, r.due = true, r.index(reason), soonest
	case reason == reasonLostKey:
		r.due = min(r.due, soonest)
	}
}

// arrived ends the wait: a keyframe was delivered, or is not needed.
func (r *requester) arrived() { r.wanted, r.copyAt = false, 0 }

// coming notes that packets of a keyframe arrive: the request is not repeated
// before that keyframe had its time.
func (r *requester) coming(at, rtt time.Duration) {
	if !r.wanted || !r.sent {
		return
	}
	if r.copyAt > 0 || r.answer == 0 || at-r.last > r.answer {
		r.answer = at - r.last
	} else {
		r.answer -= (r.answer - (at - r.last)) / 8
	}
	r.copyAt = 0
	r.due = max(r.due, at+r.retry(rtt))
}

func (r *requester) retry(rtt time.Duration) time.Duration {
	if r.answer == 0 {
		return max(2*rtt, maxKeyframeRetry)
	}
	return max(2*rtt, 2*r.answer, minKeyframeRetry)
}

// poll says whether to send a request now, and counts it. It is sent once more
// at copyAt, since a lost one costs most of all.
func (r *requester) poll(at, rtt, copyAt time.Duration) bool {
	if !r.wanted {
		return false
	}
	if r.copyAt > 0 && at >= r.copyAt {
		r.copyAt = 0
		return true
	}
	if at < r.due {
		return false
	}
	r.sent, r.last = true, at
	r.due, r.copyAt = at+r.retry(rtt), copyAt
	r.counts[r.reason].Count++
	return true
}

// next returns when poll wants to be called.
func (r *requester) next() time.Duration {
	if r.copyAt > 0 {
		return min(r.due, r.copyAt)
	}
	return r.due
}

// index returns the place of reason in counts; the last place takes all that
// have none.
func (r *requester) index(reason string) int {
	for i := range r.counts {
		c := &r.counts[i]
		if i == maxReasons-1 {
			c.Reason = reasonOther
		} else if c.Reason == "" {
			c.Reason = reason
		}
		if c.Reason == reason || i == maxReasons-1 {
			return i
		}
	}
	return 0
}

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
	minKeyframeRetry = 250 * time.Millisecond // until one not answered is repeated; two RTT rule
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
	reason int // into counts
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

// arrived ends the wait: a keyframe was delivered.
func (r *requester) arrived() { r.wanted = false }

// poll says whether to send a request now, and counts it.
func (r *requester) poll(at, rtt time.Duration) bool {
	if !r.wanted || at < r.due {
		return false
	}
	r.sent, r.last = true, at
	r.due = at + max(2*rtt, minKeyframeRetry)
	r.counts[r.reason].Count++
	return true
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

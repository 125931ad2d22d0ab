package pace

import (
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// stages of a picture's life, each with the cause that a delay in it is
// charged to.
const (
	stageHost    = iota // captured to sent
	stageNetwork        // sent to received
	stageDecoder        // received to decoded
	stagePacer          // decoded to drawn
	stageDisplay        // drawn to shown
	numStages
)

var charged = [numStages]media.Cause{
	stageHost: media.CauseHost, stageNetwork: media.CauseNetwork, stageDecoder: media.CauseDecoder,
	stagePacer: media.CausePacer, stageDisplay: media.CauseDisplay,
}

// settle is how much of a new value goes into a typical one: after a few dozen
// pictures a change of the path is what is usual.
const settle = 16

// Ledger charges every late picture to one cause: the stage that took longest
// compared with what it usually takes. The zero value is ready.
type Ledger struct {
	typical [numStages]time.Duration
	whole   time.Duration // typical, from capture to screen
	known   bool
	late    [media.NumCauses]uint64
}

// Shown notes a picture on the screen, drawn being when drawing began, and
// period the output's. A picture is late when it comes more than one period
// after what is usual: a person sees the one before twice. Pictures without a
// capture time are never late.
func (l *Ledger) Shown(t *media.Timing, drawn time.Time, period time.Duration) (cause media.Cause, late bool) {
	if t.Captured.IsZero() || t.Shown.IsZero() {
		return 0, false
	}
	spent := [numStages]time.Duration{
		stageHost: span(t.Captured, t.Sent), stageNetwork: span(t.Sent, t.Received), stageDecoder: span(t.Received, t.Decoded),
		stagePacer: span(t.Decoded, drawn), stageDisplay: span(drawn, t.Shown),
	}
	whole := span(t.Captured, t.Shown)
	if !l.known {
		l.typical, l.whole, l.known = spent, whole, true
		return 0, false
	}
	if late = whole > l.whole+period; late {
		cause = charged[l.worst(&spent)]
		l.late[cause]++
	}
	l.learn(&spent, min(whole, l.whole+period))
	return cause, late
}

// worst is the stage with the largest excess.
func (l *Ledger) worst(spent *[numStages]time.Duration) (stage int) {
	for i := range spent {
		if spent[i]-l.typical[i] > spent[stage]-l.typical[stage] {
			stage = i
		}
	}
	return stage
}

// learn moves what is usual. One outlier must not make the next one normal.
func (l *Ledger) learn(spent *[numStages]time.Duration, whole time.Duration) {
	for i, d := range spent {
		l.typical[i] += (min(d, 2*l.typical[i]+time.Millisecond) - l.typical[i]) / settle
	}
	l.whole += (whole - l.whole) / settle
}

// Late returns how many late pictures each cause made.
func (l *Ledger) Late() [media.NumCauses]uint64 { return l.late }

// span is the time between two known moments that are in order, else 0.
func span(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return 0
	}
	return to.Sub(from)
}

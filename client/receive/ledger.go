package receive

import "github.com/blade-shadow/terminal/internal/media"

// maxNumberGap bounds what one gap in the host's frame numbers may charge:
// a larger one is a host that began to count anew.
const maxNumberGap = 1 << 16

// ledger charges every frame exactly once. Frames are entered in the order of
// the stream. With the host's frame numbers the charge is exact; without them
// frames that were seen are exact and a hole counts as one frame at least.
type ledger struct {
	last      uint32 // newest frame number entered, 0 before the first
	hole      bool   // packets between that frame and the next were given up
	completed uint64
	keyframes uint64
	lost      [media.NumCauses]uint64
}

// complete enters a frame that was delivered.
func (l *ledger) complete(number uint32, key bool) {
	if !l.enter(number) {
		l.last = number // the host counts from the start again
	}
	l.hole = false
	l.completed++
	if key {
		l.keyframes++
	}
}

// lose enters a frame that was not delivered. Number 0 is not known.
func (l *ledger) lose(number uint32, cause media.Cause) {
	if number == 0 && l.last == 0 {
		l.hole = false
		l.lost[cause]++
		return
	}
	if l.enter(number) {
		l.lost[cause]++
		// An assumed number leaves the hole open: how many frames it swallowed
		// shows with the next known one.
		l.hole = l.hole && number == 0
	}
}

// enter charges the frames between the last one and this one, to the network
// when packets were lost there and to the host when none were. It says no when
// the frame was entered before.
func (l *ledger) enter(number uint32) bool {
	if number == 0 && l.last == 0 {
		if l.hole {
			l.lost[media.CauseNetwork]++
		}
		return true
	}
	if number == 0 {
		number = l.last + 1
	}
	gap := int32(number - l.last - 1)
	if l.last == 0 || gap > maxNumberGap {
		gap = 0
	}
	if gap < 0 {
		return false
	}
	cause := media.CauseHost
	if l.hole {
		cause = media.CauseNetwork
	}
	l.lost[cause] += uint64(gap)
	l.last = number
	return true
}

// restart forgets the numbers of a host that began anew.
func (l *ledger) restart() { l.last, l.hole = 0, false }

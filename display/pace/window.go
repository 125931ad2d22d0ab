package pace

import "time"

// intervals is the mean distance of the arrivals of the last half second.
type intervals struct {
	at      [historyLen]time.Time
	next, n int
}

func (w *intervals) add(at time.Time) {
	if w.n > 0 && at.Before(w.at[(w.next+historyLen-1)%historyLen]) {
		w.n = 0 // a clock that went back
	}
	w.at[w.next] = at
	w.next = (w.next + 1) % historyLen
	w.n = min(w.n+1, historyLen)
	newest := at
	for w.n > 2 && newest.Sub(w.oldest()) > history {
		w.n--
	}
}

func (w *intervals) oldest() time.Time { return w.at[(w.next-w.n+historyLen)%historyLen] }

// mean returns 0 before the second arrival.
func (w *intervals) mean() time.Duration {
	if w.n < 2 {
		return 0
	}
	return w.at[(w.next+historyLen-1)%historyLen].Sub(w.oldest()) / time.Duration(w.n-1)
}

// leftovers is how many pictures waited behind each that was drawn.
type leftovers struct {
	at    time.Time // since when none was drawn without another waiting
	known bool
}

func (l *leftovers) add(at time.Time, waiting int) {
	if !l.known || waiting == 0 || at.Before(l.at) {
		l.at, l.known = at, true
	}
}

// needless reports whether a picture was in hand at every blank of the last
// half second: it has only cost time.
func (l *leftovers) needless(now time.Time) bool {
	return !l.known || now.Sub(l.at) > history
}

package host

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/wire"
)

// rates is what each screen may use: the least of the host's own limit, what
// the terminal asked for, and its share of what the terminal's end of the
// path can take.
type rates struct {
	configured int // per screen
	screens    int

	mu       sync.Mutex // guards below; 0 is no limit
	estimate int        // all screens (REMB)
	all      int        // all screens (SET_BITRATE)
	each     []int      // one screen (SET_BITRATE)
}

func newRates(configured, screens int) *rates {
	return &rates{configured: configured, screens: screens, each: make([]int, screens)}
}

func (r *rates) setEstimate(bps int) {
	r.mu.Lock()
	r.estimate = bps
	r.mu.Unlock()
}

// ask notes a SET_BITRATE; screens that do not exist are ignored.
func (r *rates) ask(m wire.SetBitrate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.Screen == wire.AllScreens:
		r.all = int(m.MaxBps)
	case int(m.Screen) < r.screens:
		r.each[m.Screen] = int(m.MaxBps)
	}
}

// bps returns the screen's limit in bits per second.
func (r *rates) bps(screen int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.configured
	for _, cap := range [...]int{r.share(r.estimate), r.share(r.all), r.each[screen]} {
		if cap > 0 {
			limit = min(limit, cap)
		}
	}
	return max(limit, minBitrate)
}

// share is one screen's part of a limit; it stays a limit however low it is.
func (r *rates) share(all int) int {
	if all == 0 {
		return 0
	}
	return max(all/r.screens, 1)
}

package host

import (
	"math"
	"sync"

	"github.com/blade-shadow/terminal/internal/wire"
)

// rates is what each screen may use: its own bounds, and its share of what all
// screens together may: what the terminal asked for, what its end of the path
// can take, and what the path is good for.
type rates struct {
	configured int // per screen

	// Set before the first screen runs; both may be nil.
	path func() int             // for the pictures of all screens; 0: not known
	tell func(most, wanted int) // told the bound of everything (0: none) and what screens would use

	mu       sync.Mutex // guards below; 0 is no limit
	estimate int        // everything (REMB)
	all      int        // all screens (SET_BITRATE)
	each     []int      // one screen (SET_BITRATE)
	weights  []float64  // of one screen; 0 while nothing of it is sent
}

func newRates(configured, screens int) *rates {
	return &rates{configured: configured, each: make([]int, screens), weights: make([]float64, screens)}
}

func (r *rates) setEstimate(bps int) {
	r.mu.Lock()
	r.estimate = bps
	r.mu.Unlock()
	r.report()
}

// ask notes a SET_BITRATE; screens that do not exist are ignored.
func (r *rates) ask(m wire.SetBitrate) {
	r.mu.Lock()
	switch {
	case m.Screen == wire.AllScreens:
		r.all = int(m.MaxBps)
	case int(m.Screen) < len(r.each):
		r.each[m.Screen] = int(m.MaxBps)
	}
	r.mu.Unlock()
	r.report()
}

// show notes what a screen sends, in macroblocks per second; 0 for nothing.
// What a picture needs grows more slowly than its size: larger ones have larger
// even parts.
func (r *rates) show(screen int, load float64) {
	weight := math.Pow(load, 0.75)
	r.mu.Lock()
	same := r.weights[screen] == weight
	r.weights[screen] = weight
	r.mu.Unlock()
	if !same {
		r.report()
	}
}

// report tells the path what is wanted of it.
func (r *rates) report() {
	if r.tell == nil {
		return
	}
	r.mu.Lock()
	most, wanted := r.estimate, 0
	for k := range r.each {
		if r.weights[k] > 0 {
			wanted += r.ownLocked(k)
		}
	}
	if r.all > 0 {
		wanted = min(wanted, r.all)
	}
	r.mu.Unlock()
	r.tell(most, wanted)
}

// bps returns the screen's limit in bits per second.
func (r *rates) bps(screen int) int {
	path := 0
	if r.path != nil {
		path = r.path()
	}
	return r.within(screen, path)
}

// without returns what the limit would be if the path had no bounds.
func (r *rates) without(screen int) int { return r.within(screen, 0) }

// within returns the screen's limit when all screens together have that much;
// 0 is no bound.
func (r *rates) within(screen, path int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit, total := r.ownLocked(screen), path
	for _, bound := range [...]int{r.estimate, r.all} {
		if bound > 0 && (total == 0 || bound < total) {
			total = bound
		}
	}
	if total > 0 {
		limit = min(limit, r.shareLocked(screen, total))
	}
	return max(limit, minBitrate)
}

// ownLocked is the bound of one screen.
func (r *rates) ownLocked(screen int) int {
	if r.each[screen] > 0 {
		return min(r.configured, r.each[screen])
	}
	return r.configured
}

// shareLocked is a screen's part of total, by weight. What others leave over
// because of their own bounds is shared out again.
func (r *rates) shareLocked(screen, total int) int {
	mine := r.weights[screen]
	if mine == 0 {
		return max(total/len(r.each), 1)
	}
	rest, weights := float64(total), 0.0
	for _, w := range r.weights {
		weights += w
	}
	settled := make([]bool, 0, wire.MaxScreens)[:len(r.each)]
	for again := true; again; {
		again = false
		for k, w := range r.weights {
			own := float64(r.ownLocked(k))
			if k != screen && !settled[k] && w > 0 && own < rest*w/weights {
				rest, weights, settled[k], again = rest-own, weights-w, true, true
			}
		}
	}
	return max(int(rest*mine/weights), 1)
}

package decode

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/media"
)

// queueLen is how many access units may wait: one repaired hole lets go of all
// that came behind it, 12 at 144 frames/s and 80 ms. More than that is a
// decoder that cannot keep up.
const queueLen = 12

// queue hands access units from Submit to Run. When it is full it drops
// everything up to the next keyframe; a keyframe always finds room, because
// what was queued before it is obsolete.
type queue struct {
	wake chan struct{} // capacity 1; a put leaves a token, never closed

	mu       sync.Mutex // guards what follows
	ring     [queueLen]*media.AccessUnit
	head, n  int
	skipping bool // until the next keyframe
	closed   bool
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put takes au. It returns how many access units were dropped and for what.
func (q *queue) put(au *media.AccessUnit) (dropped int, why Reason) {
	var victims [queueLen]*media.AccessUnit
	q.mu.Lock()
	switch {
	case q.closed:
		dropped, why = 1, DropShutdown
		victims[0] = au
	case au.Keyframe && (q.n == queueLen || q.skipping):
		dropped = q.takeAllLocked(&victims)
		q.pushLocked(au)
		q.skipping = false
	case q.n == queueLen || q.skipping && !au.Keyframe:
		q.skipping = true
		dropped, victims[0] = 1, au
	default:
		q.pushLocked(au)
	}
	q.mu.Unlock()
	for _, v := range victims[:dropped] {
		v.Release()
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return dropped, why
}

func (q *queue) pushLocked(au *media.AccessUnit) {
	q.ring[(q.head+q.n)%queueLen] = au
	q.n++
}

func (q *queue) popLocked() *media.AccessUnit {
	au := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % queueLen
	q.n--
	return au
}

func (q *queue) takeAllLocked(into *[queueLen]*media.AccessUnit) int {
	n := q.n
	for i := range n {
		into[i] = q.popLocked()
	}
	return n
}

// get returns the oldest access unit, or nil.
func (q *queue) get() *media.AccessUnit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil
	}
	return q.popLocked()
}

// close releases what is queued and everything put later.
func (q *queue) close() (dropped int) {
	var victims [queueLen]*media.AccessUnit
	q.mu.Lock()
	q.closed = true
	dropped = q.takeAllLocked(&victims)
	q.mu.Unlock()
	for _, v := range victims[:dropped] {
		v.Release()
	}
	return dropped
}

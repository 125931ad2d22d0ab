package egress

import "time"

// burst is how many packets leave back to back: a frame of this size is
// never delayed, and no larger one sends fewer at a time.
const burst = 16

// paceStep is the distance of bursts. Finer sleeps overshoot by more than
// they are long.
const paceStep = time.Millisecond

// maxPending is how many frames of a screen may wait for the pacer. More than
// two means that the path is stuck, not slow.
const maxPending = 8

// pending is one frame on its way out.
type pending struct {
	end               uint64 // extended sequence number after its last packet
	packets           int
	frameID           uint32
	keyframe          bool
	cut               bool // its end was taken back
	captured, encoded time.Time
	queued            time.Time
	sentFirst         time.Time
}

// allowance returns how many of a frame's packets may have left when it has
// waited for age: all of a small frame at once, a larger one in equal bursts
// that end within half the frame interval.
func allowance(packets int, age, interval time.Duration) int {
	steps := max(int(interval/2/paceStep), 1)
	size := max((packets+steps-1)/steps, burst)
	return min(packets, size*(int(age/paceStep)+1))
}

// nextBurst returns how long a frame of that age waits for its next burst.
func nextBurst(age time.Duration) time.Duration { return paceStep - age%paceStep }

// queue is the frames a screen has not sent yet, oldest first.
type queue struct {
	frames [maxPending]pending
	first  int
	n      int
}

func (q *queue) full() bool       { return q.n == maxPending }
func (q *queue) oldest() *pending { return &q.frames[q.first] }

func (q *queue) push(f pending) {
	q.frames[(q.first+q.n)%maxPending] = f
	q.n++
}

func (q *queue) pop() {
	q.first = (q.first + 1) % maxPending
	q.n--
}

// due reports whether the next packet may leave now and, if not, how long it
// waits. A frame that a newer one waits for is let go at once, as far as the
// path's pace allows, and so is one that is part of a cluster.
func (q *queue) due(now time.Time, sent uint64, interval time.Duration, probing bool) (bool, time.Duration) {
	if q.n == 0 {
		return false, idle
	}
	f := q.oldest()
	done := f.packets - int(f.end-sent)
	age := now.Sub(f.queued)
	if probing || q.n > 1 || done < allowance(f.packets, age, interval) {
		return true, 0
	}
	return false, nextBurst(age)
}

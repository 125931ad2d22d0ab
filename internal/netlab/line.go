package netlab

import (
	"sync"
	"time"
)

const (
	slabSize = 2048     // holds what fits an Ethernet frame
	maxSlabs = 4096     // kept for reuse by one line
	lineCap  = 64 << 20 // bytes one line holds at once
)

// parcel is a packet on its way.
type parcel[T any] struct {
	due time.Duration // since the line's beginning
	n   uint64        // order of those due at once
	buf []byte
	to  T
}

func (p *parcel[T]) before(q *parcel[T]) bool { return p.due < q.due || p.due == q.due && p.n < q.n }

// line holds packets until they are due and hands each over then, in the
// order of time, on the goroutine of run. Its memory is bounded by lineCap.
type line[T any] struct {
	start time.Time
	alarm alarm
	// deliver gets each packet and owns its bytes until it gives them to recycle.
	deliver func(buf []byte, to T, due time.Duration)

	mu     sync.Mutex
	heap   []parcel[T] // binary, smallest first
	slabs  [][]byte
	n      uint64
	held   int  // bytes in heap and being delivered
	busy   bool // run delivers now
	ending bool // nothing more comes: run ends when the heap is empty
}

func newLine[T any](start time.Time, a alarm, deliver func([]byte, T, time.Duration)) *line[T] {
	return &line[T]{start: start, alarm: a, deliver: deliver}
}

// push takes a copy of packet, due at a time. It reports false when the line is full or ending.
func (l *line[T]) push(due time.Duration, packet []byte, to T) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending || l.held+len(packet) > lineCap {
		return false
	}
	buf := append(l.slab(len(packet)), packet...)
	l.n++
	l.held += len(buf)
	l.heap = append(l.heap, parcel[T]{due: due, n: l.n, buf: buf, to: to})
	l.rise(len(l.heap) - 1)
	// Only run sets the alarm while it delivers; it looks at the heap after.
	if l.heap[0].n == l.n && !l.busy {
		l.alarm.set(due - time.Since(l.start))
	}
	return true
}

// slab returns an empty buffer for n bytes.
func (l *line[T]) slab(n int) []byte {
	if n > slabSize {
		return make([]byte, 0, n)
	}
	if last := len(l.slabs) - 1; last >= 0 {
		buf := l.slabs[last]
		l.slabs = l.slabs[:last]
		return buf
	}
	return make([]byte, 0, slabSize)
}

// recycle takes back the bytes of a packet that was delivered.
func (l *line[T]) recycle(buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held -= len(buf)
	if cap(buf) == slabSize && len(l.slabs) < maxSlabs {
		l.slabs = append(l.slabs, buf[:0])
	}
}

// end has run return when what is held was delivered, at once if drop is set.
func (l *line[T]) end(drop bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	if drop {
		l.heap = nil
	}
	if len(l.heap) == 0 && !l.busy {
		l.alarm.close()
	}
}

// run delivers until end. One goroutine calls it.
func (l *line[T]) run() {
	defer l.alarm.close()
	for l.alarm.wait() {
		l.mu.Lock()
		l.busy = true
		for len(l.heap) > 0 {
			if wait := l.heap[0].due - time.Since(l.start); wait > 0 {
				l.alarm.set(wait)
				break
			}
			p := l.pop()
			l.mu.Unlock()
			l.deliver(p.buf, p.to, p.due)
			l.mu.Lock()
		}
		l.busy = false
		done := l.ending && len(l.heap) == 0
		l.mu.Unlock()
		if done {
			return
		}
	}
}

// rise restores the heap after its i-th parcel was added.
func (l *line[T]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !l.heap[i].before(&l.heap[parent]) {
			return
		}
		l.heap[i], l.heap[parent] = l.heap[parent], l.heap[i]
		i = parent
	}
}

// pop takes the first parcel out of the heap.
func (l *line[T]) pop() parcel[T] {
	h := l.heap
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], parcel[T]{}
	h = h[:last]
	l.heap = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// idle reports whether nothing is on the line.
func (l *line[T]) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heap) == 0 && !l.busy
}

package netlab

import (
	"container/heap"
	"time"
)

// eventKind is what happens in a [Replay].
type eventKind int

const (
	eventPacket eventKind = iota // arrives at the receiver
	eventNACK                    // arrives at the sender
	eventTick                    // the receiver wanted to be called
)

// event is something that happens at a virtual time.
type event struct {
	at   time.Duration
	n    uint64 // order of those at one time
	kind eventKind

	ssrc   uint32
	packet []byte
	seqs   []uint16
	tick   uint64 // which tick; only the latest counts
}

// schedule holds what will happen, in the order of time.
type schedule struct {
	events []event
	n      uint64
	tick   uint64
}

func (s *schedule) put(e event) {
	s.n++
	e.n = s.n
	heap.Push(s, e)
}

func (s *schedule) take() event { return heap.Pop(s).(event) }

func (s *schedule) Len() int { return len(s.events) }

func (s *schedule) Less(i, j int) bool {
	a, b := &s.events[i], &s.events[j]
	return a.at < b.at || a.at == b.at && a.n < b.n
}

func (s *schedule) Swap(i, j int) { s.events[i], s.events[j] = s.events[j], s.events[i] }

func (s *schedule) Push(x any) { s.events = append(s.events, x.(event)) }

func (s *schedule) Pop() any {
	last := len(s.events) - 1
	e := s.events[last]
	s.events[last] = event{}
	s.events = s.events[:last]
	return e
}

package usbip

import (
	"io"
	"sync"
	"time"
)

// How much may wait in a channel, in bytes: the window of a fast path, and
// what of it must be left before more is written.
const (
	queueHigh = 256 << 10
	queueLow  = 64 << 10
)

// Queue is what a data channel says of what waits in it; pion's
// *webrtc.DataChannel is one, detached or not.
type Queue interface {
	BufferedAmount() uint64
	SetBufferedAmountLowThreshold(bytes uint64)
	OnBufferedAmountLow(f func())
}

// Throttle is a channel whose Write waits while much of what was written
// before has not left: that of a detached data channel takes everything into
// memory at once.
type Throttle struct {
	channel io.ReadWriteCloser
	queue   Queue
	low     chan struct{}
	closed  chan struct{}
	once    sync.Once
	err     error // of Close
}

// NewThrottle wraps a channel. It takes the queue's callback for itself.
func NewThrottle(channel io.ReadWriteCloser, queue Queue) *Throttle {
	t := &Throttle{channel: channel, queue: queue, low: make(chan struct{}, 1), closed: make(chan struct{})}
	queue.SetBufferedAmountLowThreshold(queueLow)
	queue.OnBufferedAmountLow(func() {
		select {
		case t.low <- struct{}{}:
		default:
		}
	})
	return t
}

// Read reads from the channel.
func (t *Throttle) Read(b []byte) (int, error) { return t.channel.Read(b) }

// Write waits for room, then writes. One goroutine writes.
func (t *Throttle) Write(b []byte) (int, error) {
	for t.queue.BufferedAmount() > queueHigh {
		select {
		case <-t.low:
		case <-t.closed:
			return 0, io.ErrClosedPipe
		}
	}
	return t.channel.Write(b)
}

// Close ends what waits and closes the channel.
func (t *Throttle) Close() error {
	t.once.Do(func() {
		close(t.closed)
		// A reader of SCTP's stream otherwise waits for the peer to close too.
		if d, ok := t.channel.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0))
		}
		t.err = t.channel.Close()
	})
	return t.err
}

package host

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/rtpdump"
)

// Bounds of what a recording keeps until the disk has it: 4096 packets are
// 0.4 s at 100 Mb/s.
const (
	recordSlots = 4096
	recordSize  = 2048 // bytes of a packet
)

// recorder writes the packets of all sessions to one recording: media, repairs
// and FEC as they leave, before SRTP, and the feedback that comes. It never
// makes a sender wait: what the disk does not take in time is dropped and
// counted. Its methods may be called from any goroutine.
type recorder struct {
	to    io.Writer
	log   *slog.Logger
	start time.Time
	wake  chan struct{} // capacity 1, never closed: a packet waits

	mu               sync.Mutex // guards below
	slots            []recorded
	first, n         int
	written, dropped uint64
}

type recorded struct {
	at   time.Duration
	rtcp bool
	size int
	data [recordSize]byte
}

// RecordSummary is what became of a recording.
type RecordSummary struct {
	Packets uint64 `json:"packets"`
	Dropped uint64 `json:"dropped"` // because the disk was too slow
}

func newRecorder(to io.Writer, log *slog.Logger) *recorder {
	return &recorder{to: to, log: log, start: time.Now(), wake: make(chan struct{}, 1), slots: make([]recorded, recordSlots)}
}

// packet takes a packet that leaves.
func (r *recorder) packet(at time.Time, h *rtp.Header, payload []byte) {
	r.put(at, false, func(buf []byte) int {
		n, err := h.MarshalTo(buf)
		if err != nil || n+len(payload) > len(buf) {
			return 0
		}
		return n + copy(buf[n:], payload)
	})
}

// rtcp takes a compound packet that came.
func (r *recorder) rtcp(at time.Time, b []byte) {
	r.put(at, true, func(buf []byte) int {
		if len(b) > len(buf) {
			return 0
		}
		return copy(buf, b)
	})
}

func (r *recorder) put(at time.Time, rtcp bool, fill func([]byte) int) {
	r.mu.Lock()
	if r.n == len(r.slots) {
		r.dropped++
		r.mu.Unlock()
		return
	}
	s := &r.slots[(r.first+r.n)%len(r.slots)]
	if s.size = fill(s.data[:]); s.size == 0 {
		r.dropped++
	} else {
		s.at, s.rtcp = at.Sub(r.start), rtcp
		r.n++
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// take moves the oldest packet to p.
func (r *recorder) take(p *recorded) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return false
	}
	s := &r.slots[r.first]
	p.at, p.rtcp, p.size = s.at, s.rtcp, copy(p.data[:], s.data[:s.size])
	r.first, r.n = (r.first+1)%len(r.slots), r.n-1
	r.written++
	return true
}

// run writes until ctx ends and then what is left. A disk that fails ends the
// recording, not the host.
func (r *recorder) run(ctx context.Context) error {
	if err := r.record(ctx); err != nil {
		r.log.Warn("recording ended", "component", "host", "err", err)
	}
	if s := r.summary(); s.Dropped > 0 {
		r.log.Warn("recording has holes", "component", "host", "dropped", s.Dropped, "packets", s.Packets)
	}
	return nil
}

func (r *recorder) record(ctx context.Context) error {
	w, err := rtpdump.NewWriter(r.to, rtpdump.Header{Start: r.start})
	if err != nil {
		return fmt.Errorf("begin recording: %w", err)
	}
	var p recorded
	for open := true; open; {
		select {
		case <-r.wake:
		case <-ctx.Done():
			open = false
		}
		for r.take(&p) {
			if err := w.Packet(p.at, p.data[:p.size], p.rtcp); err != nil {
				return fmt.Errorf("record: %w", err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("end recording: %w", err)
	}
	return nil
}

func (r *recorder) summary() RecordSummary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RecordSummary{Packets: r.written, Dropped: r.dropped}
}

package kms

import (
	"encoding/binary"
	"time"
)

// monotonic turns the kernel's times (CLOCK_MONOTONIC) into time.Time with a
// monotonic reading, which counts from the same clock.
type monotonic struct {
	at time.Time
	ns int64 // of the clock at the time at
}

func (m monotonic) time(sec, usec uint32) time.Time {
	return m.at.Add(time.Duration(int64(sec)*1e9 + int64(usec)*1e3 - m.ns))
}

const (
	eventHeader = 8    // struct drm_event
	eventFlip   = 2    // DRM_EVENT_FLIP_COMPLETE
	eventSize   = 32   // struct drm_event_vblank
	eventBuffer = 4096 // drm.h: reads return whole events
)

// parseFlips reads what a read of the card returned and returns how many flips
// are in it. Other events are passed over.
func parseFlips(b []byte, m monotonic, into []flip) (n int) {
	order := binary.NativeEndian
	for len(b) >= eventHeader && n < len(into) {
		kind, size := order.Uint32(b), int(order.Uint32(b[4:]))
		if size < eventHeader || size > len(b) {
			return n
		}
		if e := b[:size]; kind == eventFlip && size >= eventSize {
			into[n] = flip{At: m.time(order.Uint32(e[16:]), order.Uint32(e[20:])), Seq: order.Uint32(e[24:]), CRTC: order.Uint32(e[28:])}
			n++
		}
		b = b[size:]
	}
	return n
}

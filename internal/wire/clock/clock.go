// Package clock gives the low 32 bits of the machine's monotonic clock in
// microseconds, the time that stands in input datagrams. Two programs on one
// machine read the same clock, so the difference of two such times is a
// one-way latency there; between machines only round trips mean anything. It
// reads the system's clock once, at New, and never fails.
package clock

import "time"

// Clock translates times of this program. It is immutable.
type Clock struct {
	start time.Time
	base  uint32
}

// New reads the system's monotonic clock and ties it to [time.Now], whose
// monotonic part runs at the same rate.
func New() Clock { return Clock{start: time.Now(), base: uint32(monotonicUS())} }

// Microseconds returns t as the low 32 bits of the monotonic clock in us; it
// wraps after 71.6 minutes.
func (c Clock) Microseconds(t time.Time) uint32 {
	return c.base + uint32(t.Sub(c.start).Microseconds())
}

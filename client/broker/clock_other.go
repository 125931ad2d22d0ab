//go:build !linux

package broker

import "time"

// bootClock returns a clock that nobody can set; it may stop while the machine
// sleeps.
func bootClock() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

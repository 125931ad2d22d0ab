package clock

import "golang.org/x/sys/unix"

// monotonicUS returns CLOCK_MONOTONIC, or 0 on a kernel without it.
func monotonicUS() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / 1000
}

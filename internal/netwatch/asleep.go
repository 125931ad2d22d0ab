package netwatch

import (
	"time"

	"golang.org/x/sys/unix"
)

// Asleep returns how long this machine has been suspended since it booted: as
// much as the clock that counts that is ahead of the one that does not. Timers
// run by the latter, so nothing else tells a program that it has slept.
func Asleep() time.Duration {
	var boot, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - awake.Nano())
}

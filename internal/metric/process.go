package metric

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process is what the running program has used so far (getrusage(2)).
type Process struct {
	CPU        time.Duration // user and system time of all threads
	PeakRSSMiB float64       // largest resident set
}

// Self returns the figures of this process.
func Self() (Process, error) {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return Process{}, err
	}
	return Process{
		CPU:        time.Duration(ru.Utime.Nano() + ru.Stime.Nano()),
		PeakRSSMiB: float64(ru.Maxrss) / 1024, // ru_maxrss is in KiB on Linux
	}, nil
}

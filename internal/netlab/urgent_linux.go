package netlab

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Urgent has the kernel run this program's threads before those of ordinary
// programs (sched(7), SCHED_RR), so that a relay keeps its times on a machine
// that its viewers load. It needs CAP_SYS_NICE. A program calls it once, at its start.
func Urgent() error {
	// Threads inherit from the one that starts them; twice, for those that
	// were started meanwhile by one that was not urgent yet.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("run with priority: %w", err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return fmt.Errorf("run with priority: thread %s: %w", thread.Name(), err)
			}
			attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
			if err := unix.SchedSetAttr(id, &attr, 0); err != nil && err != unix.ESRCH {
				return fmt.Errorf("run with priority: %w", err)
			}
		}
	}
	return nil
}

package netlab

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// fdAlarm is an alarm on a timerfd (timerfd_create(2)) in Go's poller, which
// wakes within tens of microseconds.
type fdAlarm struct {
	file *os.File

	mu     sync.Mutex
	fd     int // of file; -1 after close
	spec   unix.ItimerSpec
	signal [8]byte // how often it expired; wait's
}

// newPreciseAlarm opens the best alarm of this system.
func newPreciseAlarm() (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open a timer: %w", err)
	}
	// A descriptor that does not block joins Go's poller.
	return &fdAlarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

func (a *fdAlarm) set(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spec.Value = unix.NsecToTimespec(int64(max(d, 1)))
	// A closed alarm wakes nobody; an open one takes every time above zero.
	_ = unix.TimerfdSettime(a.fd, 0, &a.spec, nil)
}

func (a *fdAlarm) wait() bool {
	_, err := a.file.Read(a.signal[:])
	return err == nil
}

func (a *fdAlarm) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fd = -1
	_ = a.file.Close()
}

package evdev

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// wake is a wait in the kernel instead of Go's poller, so that the thread that
// reads is the one that the kernel wakes, and an end to it.
type wake struct {
	event *os.File // an eventfd: raised means readable, for ever
	fds   [2]unix.PollFd

	// One read, without an allocation: bound is read bound to raw.
	raw  syscall.RawConn
	call func(fd uintptr) bool
	to   []byte
	n    int
	err  error
}

func newWake() (wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return wake{}, fmt.Errorf("eventfd: %w", err)
	}
	w := wake{event: os.NewFile(uintptr(fd), "eventfd")}
	w.fds[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return w, nil
}

// raise ends this wait and all later ones; any goroutine.
func (w *wake) raise() {
	if w.event != nil {
		_, _ = w.event.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (w *wake) close() error { return w.event.Close() }

// errWoken says that raise was called.
var errWoken = errors.New("wait was ended")

// read waits for file and reads what there is.
func (w *wake) read(file *os.File, b []byte) (int, error) {
	if w.raw == nil {
		raw, err := file.SyscallConn()
		if err != nil {
			return 0, err
		}
		w.raw, w.call = raw, w.wait
	}
	w.to, w.n, w.err = b, 0, nil
	if err := w.raw.Read(w.call); err != nil {
		return 0, err
	}
	return w.n, w.err
}

// wait is one read with the file descriptor. It always says that it is done:
// Go's poller is not to wait as well.
func (w *wake) wait(fd uintptr) bool {
	w.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	for {
		if _, w.err = unix.Poll(w.fds[:], -1); w.err != nil && !errors.Is(w.err, unix.EINTR) {
			return true
		}
		if w.fds[1].Revents != 0 {
			w.err = errWoken
			return true
		}
		w.n, w.err = unix.Read(int(fd), w.to)
		if errors.Is(w.err, unix.EAGAIN) || errors.Is(w.err, unix.EINTR) {
			continue
		}
		if w.n <= 0 && w.err == nil {
			w.err = io.EOF
		}
		w.n = max(w.n, 0)
		return true
	}
}

// realTime gives the calling thread the least real-time priority, or its usual
// one again, and says in words what it has.
func realTime(on bool) string {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if on {
		attr.Policy, attr.Priority = unix.SCHED_FIFO, 1
	}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Sprintf("more than 1000 reports a second: a thread of its own, without real-time priority: %v", err)
	}
	return "more than 1000 reports a second: a thread of its own with real-time priority"
}

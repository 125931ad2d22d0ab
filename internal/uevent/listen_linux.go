package uevent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kernelGroup is the group that the kernel itself sends to; udev's is 2.
const kernelGroup = 1

// Listener hears the kernel (netlink(7), NETLINK_KOBJECT_UEVENT).
type Listener struct {
	file *os.File
	buf  [MaxSize]byte // owned by Run
}

// Listen opens a listener; what the kernel says from now on waits for Run. So
// who listens first and then looks what is there misses nothing. Where the
// kernel is not to be heard, in a container say, it fails with its errno.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("uevent socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return nil, errors.Join(fmt.Errorf("uevent socket: %w", err), unix.Close(fd))
	}
	return &Listener{file: os.NewFile(uintptr(fd), "uevents")}, nil
}

// Close frees the listener and ends Run.
func (l *Listener) Close() error { return l.file.Close() }

// Run calls handle with each message until ctx ends, which returns nil, or
// the listener is closed. lost says, instead of an event, that the kernel had
// more to say than was heard: whoever keeps a list looks anew.
func (l *Listener) Run(ctx context.Context, handle func(e Event, lost bool)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := l.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("read uevents: %w", err)
	}
	for {
		n, from, err := l.receive(raw.Read)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			handle(Event{}, true)
			continue
		case err != nil:
			return fmt.Errorf("read uevents: %w", err)
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue // not from the kernel
		}
		if e, ok := Parse(l.buf[:n]); ok {
			handle(e, false)
		}
	}
}

// receive waits for one message.
func (l *Listener) receive(read func(func(fd uintptr) bool) error) (n int, from unix.Sockaddr, err error) {
	e := read(func(fd uintptr) bool {
		for {
			n, from, err = unix.Recvfrom(int(fd), l.buf[:], 0)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	if e != nil {
		return 0, nil, e
	}
	return n, from, err
}

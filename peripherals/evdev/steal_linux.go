package evdev

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stealPatience is how often Steal looks whether it is still needed.
const stealPatience = 100 * time.Millisecond

// Steal reads the device beside Run while Run's handler hangs, so that keys
// that must always work still do, and calls handle until needed returns false
// or the device ends. What it takes Run does not get; Run reads the device's
// state anew instead and gives out what has changed. Any goroutine, one at a
// time.
func (d *Device) Steal(needed func() bool, handle func([]Event)) error {
	raw, err := d.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("%s: %w", d.info.Path, err)
	}
	d.stolen.Store(true)
	defer func() { // also what came since Run last looked, which may wait for more
		d.stolen.Store(true)
		_ = d.file.SetReadDeadline(time.Unix(1, 0))
	}()
	var (
		buf    [batch * eventSize]byte
		events [batch]Event
		n      int
	)
	for needed() {
		// Control, not Read: nobody may have to wait for the end of this one.
		if e := raw.Control(func(fd uintptr) { n, err = readSoon(int(fd), buf[:]) }); e != nil {
			return os.ErrClosed
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", d.info.Path, err)
		}
		have := 0
		for b := buf[:n]; len(b) >= eventSize; b = b[eventSize:] {
			decode(&events[have], b)
			have++
		}
		if have > 0 {
			handle(events[:have])
		}
	}
	return nil
}

// readSoon reads what there is, or nothing if nothing comes.
func readSoon(fd int, b []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(stealPatience.Milliseconds()))
	if n == 0 || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err = unix.Read(fd, b)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, unix.ENODEV
	}
	return n, nil
}

package usb

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// attach plugs the device into a free port. The kernel has one end of a pair
// of sockets then; the other one is returned.
func (p *Ports) attach(devID uint32, speed uint8) (end *os.File, number uint64, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("socket pair: %w", err)
	}
	number, err = p.occupy(pair[0], devID, speed)
	// The kernel keeps a reference of its own; with ours the end of the stream
	// would never be seen on the other side.
	if closed := unix.Close(pair[0]); err == nil {
		err = closed
	}
	if err != nil {
		return nil, 0, errors.Join(err, unix.Close(pair[1]))
	}
	// A blocking file's Close waits for its Read, so the kernel would not see
	// that it closed.
	if err := unix.SetNonblock(pair[1], true); err != nil {
		return nil, 0, errors.Join(err, unix.Close(pair[1]))
	}
	return os.NewFile(uintptr(pair[1]), fmt.Sprintf("vhci port %d", number)), number, nil
}

// occupy finds a free port of that speed and takes it.
func (p *Ports) occupy(fd int, devID uint32, speed uint8) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.ports() {
		if q.state != portFree || q.super != (speed == speedSuper) {
			continue
		}
		err := p.put(fmt.Sprintf("%d %d %d %d", q.number, fd, devID, speed), "attach")
		if errors.Is(err, unix.EBUSY) {
			continue // another program was faster
		}
		return q.number, err
	}
	return 0, ErrNoPort
}

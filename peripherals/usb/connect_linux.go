package usb

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// connect hands the kernel one end of a pair of sockets and returns the other.
func (k *kernel) connect(busID string) (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket pair: %w", err)
	}
	// The kernel keeps a reference of its own. Ours must go, or the end of the
	// stream would never be seen on the other side.
	err = k.put(fmt.Sprintf("%d\n", pair[0]), devicesDir, busID, "usbip_sockfd")
	err = errors.Join(err, unix.Close(pair[0]))
	// A blocking file's Close waits for its Read, so the kernel would not see
	// that it closed.
	if err = errors.Join(err, unix.SetNonblock(pair[1], true)); err != nil {
		return nil, errors.Join(err, unix.Close(pair[1]))
	}
	return os.NewFile(uintptr(pair[1]), "usbip "+busID), nil
}

//go:build !linux

package usb

import (
	"errors"
	"fmt"
	"os"
)

// connect fails: usbip-host is Linux's.
func (*kernel) connect(busID string) (*os.File, error) {
	return nil, fmt.Errorf("share %s: USB/IP needs Linux: %w", busID, errors.ErrUnsupported)
}

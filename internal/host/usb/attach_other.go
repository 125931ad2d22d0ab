//go:build !linux

package usb

import (
	"errors"
	"fmt"
	"os"
)

// attach fails: vhci-hcd is Linux's.
func (*Ports) attach(uint32, uint8) (*os.File, uint64, error) {
	return nil, 0, fmt.Errorf("USB/IP needs Linux: %w", errors.ErrUnsupported)
}

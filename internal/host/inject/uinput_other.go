//go:build !linux

package inject

import (
	"errors"
	"fmt"
)

// node stands for a device of a kernel that is not Linux: there is none.
type node struct{}

func (*node) add(uint16, uint16, int32) {}

func openUInput(DeviceConfig) (*UInput, error) {
	return nil, fmt.Errorf("uinput is part of Linux: %w", errors.ErrUnsupported)
}

// Sync does nothing.
func (u *UInput) Sync() error { return nil }

// Close does nothing.
func (u *UInput) Close() error { return nil }

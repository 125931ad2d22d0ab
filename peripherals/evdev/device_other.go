//go:build !linux

package evdev

import (
	"errors"
	"fmt"
)

// Device is what only Linux has.
type Device struct{}

// Open fails: input devices of this kind are Linux's.
func Open(path string) (*Device, error) {
	return nil, fmt.Errorf("open %s: input devices need Linux: %w", path, errors.ErrUnsupported)
}

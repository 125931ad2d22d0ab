//go:build !linux

package netlab

import (
	"errors"
	"fmt"
)

// Urgent would have the kernel run this program's threads before others.
func Urgent() error { return fmt.Errorf("run with priority: %w", errors.ErrUnsupported) }

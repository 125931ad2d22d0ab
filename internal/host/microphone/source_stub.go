//go:build !linux

package microphone

import (
	"context"
	"errors"
	"fmt"
)

// Source cannot be opened on this system.
type Source struct{}

var errSystem = fmt.Errorf("a microphone needs Linux: %w", errors.ErrUnsupported)

// OpenSource fails with errors.ErrUnsupported.
func OpenSource(_ context.Context, cfg SourceConfig) (*Source, error) {
	_ = stale("", "")
	return nil, errors.Join(cfg.check(), errSystem)
}

// Write fails with errors.ErrUnsupported.
func (*Source) Write([]int16) error { return errSystem }

// Taken returns false.
func (*Source) Taken() bool { return false }

// Waiting fails with errors.ErrUnsupported.
func (*Source) Waiting() (int, error) { return 0, errSystem }

// Close does nothing.
func (*Source) Close() error { return nil }

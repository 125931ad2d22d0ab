//go:build !linux

package uevent

import (
	"context"
	"errors"
	"fmt"
)

// Listener is what only Linux has.
type Listener struct{}

// Listen fails: only Linux has uevents.
func Listen() (*Listener, error) {
	return nil, fmt.Errorf("uevents need Linux: %w", errors.ErrUnsupported)
}

// Close does nothing.
func (*Listener) Close() error { return nil }

// Run returns at once.
func (*Listener) Run(context.Context, func(Event, bool)) error { return errors.ErrUnsupported }

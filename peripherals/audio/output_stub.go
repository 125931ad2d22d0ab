//go:build !linux || !cgo || nonative

package audio

import (
	"errors"
	"fmt"
	"time"
)

// Output cannot be opened in this build.
type Output struct{}

var errBuild = fmt.Errorf("sound needs SDL 2: this program was built without cgo: %w", errors.ErrUnsupported)

// Open fails with errors.ErrUnsupported.
func Open(OutputConfig) (*Output, error) { return nil, errBuild }

// Write fails with errors.ErrUnsupported.
func (*Output) Write([]int16) error { return errBuild }

// Queued returns 0.
func (*Output) Queued() time.Duration { return 0 }

// Close does nothing.
func (*Output) Close() error { return nil }

//go:build !linux || !cgo || nonative

package audio

import "time"

// Input cannot be opened in this build.
type Input struct{}

// OpenInput fails with errors.ErrUnsupported.
func OpenInput(InputConfig) (*Input, error) { return nil, errBuild }

// Read fails with errors.ErrUnsupported.
func (*Input) Read([]int16) (int, error) { return 0, errBuild }

// Queued returns 0.
func (*Input) Queued() time.Duration { return 0 }

// Close does nothing.
func (*Input) Close() error { return nil }

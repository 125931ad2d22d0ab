//go:build !linux || !cgo || nonative

package speexdsp

import (
	"errors"
	"fmt"
)

var errBuild = fmt.Errorf("echo cancelling needs libspeexdsp: this program was built without cgo: %w", errors.ErrUnsupported)

// Canceller cannot be made in this build.
type Canceller struct{}

// NewCanceller checks cfg and fails with errors.ErrUnsupported.
func NewCanceller(cfg Config) (*Canceller, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return nil, errBuild
}

// Process fails with errors.ErrUnsupported.
func (*Canceller) Process(_, _, _ []int16) error { return errors.Join(errFrame, errBuild) }

// Reset does nothing.
func (*Canceller) Reset() {}

// Close does nothing.
func (*Canceller) Close() error { return nil }

// Resampler cannot be made in this build.
type Resampler struct{}

// NewResampler fails with errors.ErrUnsupported.
func NewResampler() (*Resampler, error) { return nil, errBuild }

// SetPPM does nothing.
func (*Resampler) SetPPM(int) {}

// Process does nothing.
func (*Resampler) Process(_, _ []int16) (used, made int) { return 0, 0 }

// Reset does nothing.
func (*Resampler) Reset() {}

// Close does nothing.
func (*Resampler) Close() error { return nil }

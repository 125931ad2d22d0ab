//go:build !linux || !cgo || nonative

package speexdsp_test

import (
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/internal/speexdsp"
)

func TestThisBuildHasNone(t *testing.T) {
	if _, err := speexdsp.NewCanceller(speexdsp.Config{Frame: 480}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewCanceller() = %v; want errors.ErrUnsupported", err)
	}
	if _, err := speexdsp.NewCanceller(speexdsp.Config{}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewCanceller(no frame) = %v; want it refused as such", err)
	}
	if _, err := speexdsp.NewResampler(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewResampler() = %v; want errors.ErrUnsupported", err)
	}
}

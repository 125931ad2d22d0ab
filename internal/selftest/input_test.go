package selftest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/internal/selftest"
)

// Every key leaves, and is measured; how fast is not this machine's to prove
// while it tests other things.
func TestInput(t *testing.T) {
	r, err := selftest.Input(t.Context(), selftest.InputConfig{Keys: 100})
	if err != nil {
		t.Fatal(err)
	}
	if r.EventMSP50 <= 0 || r.EventMSP99 < r.EventMSP50 || r.Keys < 100 || r.Devices == nil || r.Failed == nil {
		t.Errorf("Input() = %+v; want figures of 100 keys", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := selftest.Input(ctx, selftest.InputConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Input without time = %v; want %v", err, context.Canceled)
	}
}

package clock_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/wire/clock"
)

// Two clocks are tied to the system's at different moments and still agree to
// within the time between two instructions.
func TestClocksAgree(t *testing.T) {
	a, b := clock.New(), clock.New()
	now := time.Now()
	if d := int32(a.Microseconds(now) - b.Microseconds(now)); d < -1000 || d > 1000 {
		t.Errorf("two clocks differ by %d us; want less than 1000", d)
	}
	later := now.Add(80 * time.Minute) // wraps
	if got, want := a.Microseconds(later)-a.Microseconds(now), uint32(80*60*1_000_000&0xffff_ffff); got-want+1 > 2 {
		t.Errorf("80 minutes = %d us; want %d", got, want)
	}
}

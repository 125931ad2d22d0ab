package agent_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/agent"
)

func TestBackoff(t *testing.T) {
	gone := errors.New("gone")
	refused := &client.Error{Err: fmt.Errorf("nobody listens: %w", syscall.ECONNREFUSED)}
	const ms = time.Millisecond
	var b agent.Backoff
	check := func(what string, err error, lived bool, want time.Duration) {
		t.Helper()
		if got := b.Next(err, lived); got < want*8/10 || got > want*12/10+1 {
			t.Errorf("wait %s = %v; want %v, 20 %% more or less", what, got, want)
		}
	}
	for i, want := range []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms} {
		check(fmt.Sprintf("after loss %d", i), gone, false, want)
	}
	check("after a session that lived", gone, true, 250*ms)
	// A host that starts again is found at once, also after other losses, and
	// for long enough that a slow one is.
	for i := range 40 {
		check(fmt.Sprintf("after refusal %d", i), refused, false, 375*ms)
	}
	check("when nobody listens for long", refused, false, time.Second)
	check("after another loss", gone, false, 500*ms)
	check("after a session that lived", refused, true, 375*ms)
	check("after what will not help", &client.Error{Final: true, Err: gone}, false, 30*time.Second)
	check("as the host asked", &client.Error{After: 20 * time.Second, Err: gone}, false, 20*time.Second)
	for _, err := range []error{&client.Error{Err: client.ErrDismissed}, &client.Error{Final: true, Err: client.ErrRevoked}} {
		if got := b.Next(err, true); got != 0 {
			t.Errorf("wait after %v = %v; want a key", err, got)
		}
	}
}

// Terminals that lost the same host do not come back together.
func TestBackoffSpreads(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 20 {
		var b agent.Backoff
		seen[b.Next(errors.New("gone"), false)] = true
	}
	if len(seen) < 10 {
		t.Errorf("20 terminals wait %d different times; want them spread", len(seen))
	}
}

package agent

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/client"
)

// How long to wait before the next attempt: doubling from the first to the
// longest, and longer where trying again is unlikely to help. A machine that
// answers that nobody listens is one whose host starts again: it is asked often,
// which costs it nothing.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 5 * time.Second
	finalRetry   = 30 * time.Second
	quickRetry   = 375 * time.Millisecond
	quickRetries = 40
	laterRetry   = time.Second      // after those
	untilAsked   = time.Duration(0) // when the person presses a key
)

// backoff is how long to wait between sessions. The zero value is at the start.
type backoff struct {
	wait  time.Duration // the last one that was not quick
	quick int           // quick ones so far
}

// next returns the wait after a session that ended with err. One that lived
// begins anew.
func (b *backoff) next(err error, lived bool) time.Duration {
	if lived {
		*b = backoff{}
	}
	var d time.Duration
	switch {
	case dismissed(err), isRevoked(err):
		return untilAsked
	case final(err):
		d = finalRetry
	case !errors.Is(err, syscall.ECONNREFUSED):
		b.wait = min(max(2*b.wait, firstRetry), longestRetry)
		d = b.wait
	case b.quick < quickRetries:
		b.quick++
		d = quickRetry
	default:
		d = laterRetry
	}
	d = jitter(d)
	var ce *client.Error
	if errors.As(err, &ce) {
		d = max(d, jitter(ce.After))
	}
	return d
}

// jitter spreads the attempts of many terminals: 80 to 120 % of d.
func jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }

// final reports whether trying the same again is unlikely to help.
func final(err error) bool {
	var ce *client.Error
	return errors.As(err, &ce) && ce.Final
}

// dismissed reports whether the host wants to be left alone.
func dismissed(err error) bool { return errors.Is(err, client.ErrDismissed) }

// isRevoked reports whether the broker or the host does not want us any longer.
func isRevoked(err error) bool { return errors.Is(err, client.ErrRevoked) }

package client

import (
	"errors"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Stage is a step on the way to a picture. Its text is shown to people.
type Stage uint8

// Stages in their order.
const (
	StageOffer   Stage = iota // preparing the offer
	StageSignal               // asking the host
	StageConnect              // finding a path and securing it
	StagePicture              // waiting for the first picture
	StageLive                 // streaming
)

// String returns the stage as a sentence fragment.
func (s Stage) String() string {
	return [...]string{
		"preparing", "asking the host", "finding a path to the host",
		"waiting for the first picture", "streaming", "?",
	}[min(s, StageLive+1)]
}

// Error is why a session could not start or ended.
type Error struct {
	Stage Stage
	// Hint is what a person can do about it: one sentence, may be empty.
	Hint string
	// Final says that trying again the same way will not help.
	Final bool
	// After is how long the host asked to be left alone, 0 if it did not.
	After time.Duration
	Err   error

	status int // of HTTP that the host refused with, 0 if it did not
}

// Error returns the cause, as one harmless line: the host may have had a say in
// it. The stage and the hint are fields.
func (e *Error) Error() string { return shorten(wire.Printable(e.Err.Error())) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrDismissed is wrapped when the host said goodbye in a way that forbids to
// come back without being asked: another terminal took over, for example.
var ErrDismissed = errors.New("the host ended the session")

// ErrRevoked is wrapped when this terminal is not wanted any more, by the host or
// by the broker: only a person can change that.
var ErrRevoked = errors.New("this terminal may no longer connect")

// ErrShutdown is wrapped when the host said that it is going down.
var ErrShutdown = errors.New("the host is shutting down")

// maxSentence is how much of a failure is told, in characters.
const maxSentence = 280

// shorten cuts what nobody would read to its end.
func shorten(s string) string {
	n := 0
	for at := range s {
		if n++; n > maxSentence {
			return s[:at] + "…"
		}
	}
	return s
}

func fail(stage Stage, final bool, hint string, err error) *Error {
	return &Error{Stage: stage, Hint: hint, Final: final, Err: err}
}

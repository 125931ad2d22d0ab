package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// goodbyeGrace is how long a lost path waits for words that came before it
// was lost and are not read yet.
const goodbyeGrace = 200 * time.Millisecond

// await waits for done, the session's end or, if timeout is not 0, the time.
func (s *Session) await(ctx context.Context, done <-chan struct{}, timeout time.Duration, stage Stage, hint, late string) error {
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-done:
		return nil
	case err := <-s.goodbye:
		return at(stage, err)
	case err := <-s.ended:
		return at(stage, s.lastWord(err))
	case <-expired:
		return fail(stage, false, hint, fmt.Errorf("%s within %v", late, timeout))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end gives a live session its reason to end; only the first one counts.
func (s *Session) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// dismiss ends the session by the host's goodbye.
func (s *Session) dismiss(bye error) {
	select {
	case s.goodbye <- bye:
	default:
	}
}

// lastWord returns what the host said before the path was lost by err, if it
// said anything: it closes the path right after its goodbye, and either can
// be seen first here.
func (s *Session) lastWord(err error) error {
	s.mu.Lock()
	heard := s.heard
	s.mu.Unlock()
	if heard != nil {
		t := time.NewTimer(goodbyeGrace)
		defer t.Stop()
		select {
		case <-heard:
		case <-t.C:
		}
	}
	select {
	case bye := <-s.goodbye:
		return bye
	default:
		return err
	}
}

// at notes the stage in which a session ended.
func at(stage Stage, err error) error {
	var ce *Error
	if errors.As(err, &ce) {
		ce.Stage = stage
	}
	return err
}

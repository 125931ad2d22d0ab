package host

import (
	"context"
	"errors"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Microphone is where programs of the host hear what is said at the terminal.
type Microphone interface {
	// Packet takes an RTP packet; it copies b and never blocks. Any goroutine.
	Packet(b []byte)
	// Run plays packets until ctx ends.
	Run(ctx context.Context) error
	Close() error
}

// wantMicrophone asks the terminal for its microphone, or for it no more; a
// goroutine of the microphone's.
func (s *session) wantMicrophone(wanted bool) {
	what := uint8(wire.MicClose)
	if wanted {
		what = wire.MicOpen
	}
	s.tell(wire.AppendMic(nil, what))
}

// takeVoice gives a packet to the microphone; pion's goroutine, which lends it.
func (s *session) takeVoice(b []byte) {
	if mic := s.mic.Load(); mic != nil {
		(*mic).Packet(b)
	}
}

// runMicrophone opens the device that programs record from and plays into it
// what is said, until ctx ends. A sound server that is not there or goes away
// costs the microphone, not the session.
func (s *session) runMicrophone(ctx context.Context) error {
	select { // before, nobody could be asked
	case <-s.welcome:
	case <-ctx.Done():
		return nil
	}
	mic, err := s.srv.cfg.OpenMicrophone(s.wantMicrophone)
	if err != nil {
		s.log.Warn("the terminal's microphone is not heard", "component", "host", "err", err)
		return nil
	}
	s.mic.Store(&mic)
	err = mic.Run(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("the terminal's microphone is not heard any more", "component", "host", "err", err)
	}
	s.mic.Store(nil)
	if err := mic.Close(); err != nil {
		s.log.Debug("close microphone", "component", "host", "err", err)
	}
	return nil
}

// takeMic takes MIC: the terminal says what its microphone is.
func (s *session) takeMic(m wire.Message) error {
	what, err := m.Mic()
	if err == nil {
		names := map[uint8]string{wire.MicClosed: "closed", wire.MicOpened: "open", wire.MicRefused: "refused", wire.MicMuted: "muted"}
		if name, ok := names[what]; ok {
			s.log.Info("the terminal's microphone", "component", "host", "is", name)
		}
	}
	return err
}

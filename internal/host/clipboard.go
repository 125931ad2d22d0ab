package host

import (
	"context"

	"github.com/blade-shadow/terminal/internal/clipboard"
	"github.com/blade-shadow/terminal/internal/wire"
)

// openClipboard opens the session's clipboard where the host shares it.
func (s *session) openClipboard() {
	if s.srv.cfg.OpenClipboard == nil || !s.plan.hasData {
		return
	}
	board, err := s.srv.cfg.OpenClipboard()
	if err != nil {
		s.log.Warn("no clipboard is shared", "component", "host", "err", err)
		return
	}
	s.board = board
	s.clip = clipboard.New(clipboard.Config{Send: s.sendClipboard, OnText: board.Set})
}

func (s *session) closeClipboard() error {
	if s.clip == nil {
		return nil
	}
	s.clip.Close()
	return s.board.Close()
}

// sendClipboard sends a message or fails at once.
func (s *session) sendClipboard(b []byte) error {
	s.mu.Lock()
	c := s.control
	s.mu.Unlock()
	if c == nil {
		return errChannelFull
	}
	return c.send(b)
}

// followClipboard offers what is copied here from when the terminal was
// answered. A clipboard that fails ends nothing else.
func (s *session) followClipboard(ctx context.Context) error {
	select {
	case <-s.welcome:
	case <-ctx.Done():
		return nil
	}
	if err := s.board.Run(ctx, s.clip.Set); err != nil {
		s.log.Warn("the clipboard is not shared any more", "component", "host", "err", err)
	}
	return nil
}

// takeClipboard takes CLIPBOARD.
func (s *session) takeClipboard(m wire.Message) error {
	c, err := m.Clipboard()
	if err == nil && s.clip != nil {
		s.clip.Message(c)
	}
	return err
}

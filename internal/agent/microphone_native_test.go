//go:build linux && cgo && !nonative

package agent_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// ear is what a host's programs record from.
type ear struct {
	wanted  func(bool)
	packets atomic.Uint64
}

func (e *ear) Packet([]byte) { e.packets.Add(1) }

func (e *ear) Run(ctx context.Context) error {
	e.wanted(true)
	<-ctx.Done()
	return nil
}

func (*ear) Close() error { return nil }

// newTerminalLoud runs one with sound and a microphone.
func newTerminalLoud(t *testing.T, url string) *terminal {
	t.Helper()
	return newTerminalOf(t, agent.Config{URL: url}, &stick{}, decoders())
}

// The host is not heard before the person says yes; a sign says so while it is;
// the mute key ends it whatever the session does, and the sign says that too.
func TestMicrophoneIsAsked(t *testing.T) {
	t.Setenv("SDL_AUDIODRIVER", "dummy")
	e := &ear{}
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) {
		c.OpenMicrophone = func(wanted func(bool)) (host.Microphone, error) {
			e.wanted = wanted
			return e, nil
		}
	}})
	s := newTerminalLoud(t, h.URL)
	title := func(what string) func() bool {
		return func() bool {
			o := s.overlay.Load()
			return o != nil && strings.Contains(o.Title, what)
		}
	}
	hosttest.Until(t, "it is asked", title("wants to hear the microphone"))
	if n := e.packets.Load(); n != 0 {
		t.Errorf("%d packets were sent before the answer", n)
	}
	s.keys(true, codeUp)
	s.keys(false, codeUp)
	hosttest.Until(t, "the microphone is open", func() bool {
		s.keys(true, codeEnter)
		s.keys(false, codeEnter)
		return title("microphone is open")()
	})
	hosttest.Until(t, "the host hears", func() bool { return e.packets.Load() > 20 })
	const codeMicMute = 248
	s.keys(true, codeMicMute)
	s.keys(false, codeMicMute)
	hosttest.Until(t, "the sign says muted", title("microphone is muted"))
	n := e.packets.Load()
	time.Sleep(300 * time.Millisecond) // 30 packets
	if more := e.packets.Load() - n; more > 3 {
		t.Errorf("%d packets came while it was muted", more)
	}
	s.keys(true, codeMicMute)
	s.keys(false, codeMicMute)
	hosttest.Until(t, "the host hears again", func() bool { return e.packets.Load() > n+20 })
	e.wanted(false)
	hosttest.Until(t, "the sign is gone", func() bool { return s.overlay.Load() == nil })
}

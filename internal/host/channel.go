package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/clock"
)

// maxBuffered is how many bytes may wait in a channel before we send no more:
// a terminal that does not read loses acknowledgements, not our memory.
const maxBuffered = 64 << 10

// errChannelFull is returned by send when the peer does not read.
var errChannelFull = errors.New("the terminal does not read its data channel")

// channel is one open data channel. send may be called from any goroutine.
type channel struct {
	dc  *webrtc.DataChannel
	raw datachannel.ReadWriteCloser
}

func (c *channel) send(b []byte) error {
	if c.dc.BufferedAmount() > maxBuffered {
		return errChannelFull
	}
	if _, err := c.raw.Write(b); err != nil {
		return fmt.Errorf("send on channel %s: %w", c.dc.Label(), err)
	}
	return nil
}

// sendOrDrop is send for messages that later ones make up for.
func (c *channel) sendOrDrop(b []byte) error {
	if err := c.send(b); !errors.Is(err, errChannelFull) {
		return err
	}
	return nil
}

// flush waits until the peer has acknowledged everything, or for so long.
func (c *channel) flush(d time.Duration) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for c.dc.BufferedAmount() > 0 {
		select {
		case <-deadline.C:
			return
		case <-poll.C:
		}
	}
}

// maxMessage is the longest SCTP message that is read: what we offer in
// a=max-message-size by saying nothing there (RFC 8841, 6.1).
const maxMessage = 64 << 10

// read gives each message to handle until the channel closes or handle
// returns an error. Messages longer than size are skipped. Beyond maxMessage
// the channel is given up: pion would give such a message again and again.
func (c *channel) read(size int, handle func([]byte) error) error {
	buf := make([]byte, maxMessage)
	for {
		n, _, err := c.raw.ReadDataChannel(buf)
		switch {
		case errors.Is(err, io.ErrShortBuffer):
			return fmt.Errorf("channel %s: message over %d bytes: %w", c.dc.Label(), maxMessage, wire.ErrMalformed)
		case err != nil:
			return nil // closed, by either side
		case n > size:
			continue
		}
		if err := handle(buf[:n]); err != nil {
			return err
		}
	}
}

// maxChannels is how many channels a terminal may open in all: two, and some
// of later versions that we close.
const maxChannels = 32

// sortChannels returns the callback that passes on the two channels we know
// and closes all others, which tells a newer terminal that they are not ours.
// Pion calls it for one channel after another.
func (s *session) sortChannels() func(*webrtc.DataChannel) {
	protocols := map[string]string{wire.ControlLabel: wire.ControlProtocol, wire.InputLabel: wire.InputProtocol}
	opened := 0
	return func(dc *webrtc.DataChannel) {
		if opened++; opened > maxChannels {
			s.end(ending{
				code: wire.ByeProtocolError, reason: fmt.Sprintf("the terminal opened more than %d data channels", maxChannels), tell: true,
			})
		}
		if protocol, ok := protocols[dc.Label()]; ok && protocol == dc.Protocol() {
			delete(protocols, dc.Label())
			dc.OnOpen(func() { s.channels <- dc }) // has room for both
			return
		}
		dc.OnOpen(func() {
			if err := dc.Close(); err != nil {
				s.log.Debug("channel could not be closed", "component", "host", "err", err)
			}
		})
	}
}

// serveChannels serves the data channels as the terminal opens them, until ctx
// ends; input is taken while parts lives.
func (s *session) serveChannels(ctx, parts context.Context, g *errgroup.Group) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case dc := <-s.channels:
			raw, err := dc.Detach()
			if err != nil {
				return fmt.Errorf("open channel %s: %w", dc.Label(), err)
			}
			c := &channel{dc: dc, raw: raw}
			if dc.Label() == wire.ControlLabel {
				g.Go(func() error { return s.serveControl(c) })
			} else {
				g.Go(func() error { return s.serveInput(parts, c) })
			}
		}
	}
}

// serveInput connects the input channel with a receiver of its own.
func (s *session) serveInput(ctx context.Context, c *channel) error {
	if s.srv.cfg.OpenInput == nil {
		return s.serveNoInput(c)
	}
	in, err := s.srv.cfg.OpenInput(InputChannel{
		Reply:       c.sendOrDrop,
		Mark:        s.setMark,
		SameMachine: s.srv.access.loopback,
	})
	if err != nil {
		s.log.Warn("input is off", "component", "host", "err", err)
		return s.serveNoInput(c)
	}
	inner, cancel := context.WithCancel(ctx)
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { return s.runInput(inner, in, c) })
	if to, ok := in.(PointerTeller); ok {
		s.pointer.tellTo(to)
	}
	g.Go(func() error {
		defer cancel() // a closed channel releases every key
		return c.read(wire.MaxDatagram, func(b []byte) error {
			in.Datagram(b)
			s.pointer.stir() // that may have been a motion
			return nil
		})
	})
	return g.Wait()
}

// serveNoInput drops what the terminal's user does; the pointer is shown.
func (s *session) serveNoInput(c *channel) error {
	s.pointer.tellTo(&onlooker{send: c.sendOrDrop, clock: clock.New()})
	return c.read(wire.MaxDatagram, func([]byte) error { return nil })
}

// runInput applies input. When the device fails the terminal loses the
// channel, so that it can tell the person; the picture goes on.
func (s *session) runInput(ctx context.Context, in Input, c *channel) error {
	if err := in.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("input failed", "component", "host", "err", err)
		if err := c.dc.Close(); err != nil {
			s.log.Debug("channel could not be closed", "component", "host", "err", err)
		}
	}
	return nil
}

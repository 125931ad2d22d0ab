package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/wire"
)

// openChannels adds both data channels to the offer. Their goroutines join g
// when they open and end with the channels.
func (s *Session) openChannels(ctx context.Context, g *errgroup.Group) error {
	yes, no, none := true, false, uint16(0)
	control, inputProto := wire.ControlProtocol, wire.InputProtocol
	if err := s.channel(wire.ControlLabel, webrtc.DataChannelInit{Ordered: &yes, Protocol: &control},
		func(ch datachannel.ReadWriteCloser) { s.serveControl(ctx, g, ch) }); err != nil {
		return err
	}
	return s.channel(wire.InputLabel, webrtc.DataChannelInit{Ordered: &no, MaxRetransmits: &none, Protocol: &inputProto},
		func(ch datachannel.ReadWriteCloser) { s.serveInput(ctx, g, ch) })
}

func (s *Session) channel(label string, how webrtc.DataChannelInit, serve func(datachannel.ReadWriteCloser)) error {
	dc, err := s.pc.CreateDataChannel(label, &how)
	if err != nil {
		return fmt.Errorf("data channel %s: %w", label, err)
	}
	dc.OnOpen(func() {
		ch, err := dc.Detach()
		if err != nil {
			s.end(fail(StageConnect, false, "", fmt.Errorf("data channel %s: %w", label, err)))
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closing { // else nothing may join g any more
			serve(ch)
		}
	})
	return nil
}

// serveControl runs both directions of st.control. Losing it ends no session
// by itself: the path's own end does. s.mu is held.
func (s *Session) serveControl(ctx context.Context, g *errgroup.Group, ch datachannel.ReadWriteCloser) {
	s.talkers.Add(1)
	g.Go(func() error {
		defer s.talkers.Done()
		if err := s.control.run(ctx, ch); err != nil && !closed(err) && ctx.Err() == nil {
			s.log.Warn("control channel", "err", err)
		}
		return nil
	})
	heard := make(chan struct{})
	s.heard = heard
	g.Go(func() error {
		defer close(heard)
		if err := s.control.read(ch); err != nil && !closed(err) && ctx.Err() == nil {
			s.log.Warn("control channel", "err", err)
		}
		return nil
	})
}

// serveInput makes the sender of this session's input and feeds it the
// host's acknowledgements. s.mu is held.
func (s *Session) serveInput(ctx context.Context, g *errgroup.Group, ch datachannel.ReadWriteCloser) {
	in, err := inputs.New(inputs.Config{
		Write:        func(b []byte) error { _, err := ch.Write(b); return err },
		Buffered:     buffered(ch),
		KeyToChannel: s.cfg.KeyToChannel,
		OnPointer:    s.movePointer,
		OnLEDs:       s.cfg.OnLEDs,
		OnFeedback:   s.cfg.OnFeedback,
	})
	if err != nil {
		s.end(fail(StageConnect, true, "", err))
		return
	}
	s.input.Store(in)
	in.Focus(s.focused)
	s.talkers.Add(1)
	g.Go(func() error {
		defer s.talkers.Done()
		if err := in.Run(ctx); err != nil && !closed(err) && ctx.Err() == nil {
			s.log.Warn("input channel", "err", err)
		}
		return nil
	})
	g.Go(func() error {
		buf := make([]byte, 2048)
		for {
			n, err := ch.Read(buf)
			if err != nil {
				return nil // the session's end says why
			}
			in.Datagram(buf[:n])
		}
	})
}

// channelsOpen reports whether st.control is open, or was rejected.
func (s *Session) channelsOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	rt := s.receiver.routes.Load()
	return s.heard != nil || rt == nil || !rt.data
}

// buffered reports how much of a channel's data is on the way.
func buffered(ch datachannel.ReadWriteCloser) func() uint64 {
	if b, ok := ch.(interface{ BufferedAmount() uint64 }); ok {
		return b.BufferedAmount
	}
	return nil
}

// closed reports whether err only says that the session is over.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, context.Canceled)
}

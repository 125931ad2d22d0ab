package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// errGoodbye ends the control loop when the terminal said BYE.
var errGoodbye = errors.New("the terminal said goodbye")

// errNotGreeted ends a session whose terminal does not begin with HELLO.
var errNotGreeted = errors.New("the first control message is not HELLO")

// serveControl answers the terminal's messages until the channel closes. A
// terminal that breaks the protocol is told so and loses the session.
func (s *session) serveControl(c *channel) error {
	s.mu.Lock()
	s.control = c
	s.mu.Unlock()
	close(s.reachable)
	err := c.read(wire.MessageHeaderSize+wire.MaxControl, func(b []byte) error {
		for len(b) > 0 {
			m, rest, err := wire.ParseMessage(b)
			if err != nil {
				return err
			}
			if !s.greeted && m.Type != wire.MessageHello && m.Type != wire.MessageBye {
				return errNotGreeted
			}
			if err := s.answerControl(c, m); err != nil {
				return err
			}
			b = rest
		}
		return nil
	})
	switch {
	case errors.Is(err, errGoodbye):
		s.end(ending{reason: err.Error()})
	case err != nil:
		s.end(ending{code: wire.ByeProtocolError, reason: err.Error(), tell: true, err: err})
	}
	return nil
}

func (s *session) answerControl(c *channel, m wire.Message) error {
	switch m.Type {
	case wire.MessageHello:
		return s.answerHello(c, m)
	case wire.MessagePing:
		t, err := m.Ping()
		if err != nil {
			return err
		}
		return s.reply(c, wire.AppendPong(nil, wire.Pong{Echo: t, Wall: time.Now()}))
	case wire.MessageSetBitrate:
		ask, err := m.SetBitrate()
		if err != nil {
			return err
		}
		s.rates.ask(ask)
		return nil
	case wire.MessageDecoders, wire.MessageLimit, wire.MessageLayout, wire.MessagePhase:
		return s.takeWish(m)
	case wire.MessageUSBOffer:
		return s.usb.offer(c, m)
	case wire.MessageUSBClose:
		return s.usb.drop(m)
	case wire.MessageMic:
		return s.takeMic(m)
	case wire.MessageClipboard:
		return s.takeClipboard(m)
	case wire.MessagePong:
		return nil // we send no PING
	case wire.MessageBye:
		return errGoodbye
	}
	return m.Skip()
}

// takeWish notes what the terminal wants of the pictures; the screens follow.
func (s *session) takeWish(m wire.Message) error {
	switch m.Type {
	case wire.MessageDecoders:
		all, err := m.Decoders()
		if err != nil {
			return err
		}
		s.wishes.setDecoders(all)
		s.srv.totals.setDecoders(all)
	case wire.MessageLimit:
		l, err := m.Limit()
		if err != nil {
			return err
		}
		s.wishes.limit(l)
		s.srv.totals.setLimit(l)
	case wire.MessageLayout:
		all, err := m.Layout()
		if err != nil {
			return err
		}
		s.offerLayout(all)
	case wire.MessagePhase:
		p, err := m.Phase()
		if err != nil {
			return err
		}
		if int(p.Screen) < len(s.screens) {
			s.screens[p.Screen].setPhase(p)
		}
	}
	return nil
}

func (s *session) answerHello(c *channel, m wire.Message) error {
	hello, err := m.Hello()
	if err != nil {
		return err
	}
	version, err := hello.Negotiate()
	if err != nil {
		return err
	}
	if !s.greeted { // once: nobody fills our log with it
		s.greeted = true
		defer close(s.welcome) // with the answer sent
		s.log.Info("terminal introduced itself", "component", "host", "program", fmt.Sprintf("%.40q", hello.Program), "version", fmt.Sprintf("%.40q", hello.Version))
	}
	ack := wire.HelloAck{Version: version, Host: s.srv.cfg.Name}
	for _, sc := range s.screens {
		ack.Screens = append(ack.Screens, sc.describe())
	}
	return s.reply(c, wire.AppendHelloAck(nil, ack))
}

// reply sends a message; a channel that is closing meanwhile is no error of
// the protocol.
func (s *session) reply(c *channel, b []byte) error {
	if err := c.send(b); err != nil {
		s.log.Debug("control message was not sent", "component", "host", "err", err)
	}
	return nil
}

// tell sends a message of our own, if the terminal opened the channel.
func (s *session) tell(b []byte) *channel {
	s.mu.Lock()
	c := s.control
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	_ = s.reply(c, b)
	return c
}

// sayBye tells the terminal why, and gives the message time to arrive.
func (s *session) sayBye(e ending) {
	if c := s.tell(wire.AppendBye(nil, wire.Bye{Code: e.code, Reason: e.reason})); c != nil {
		c.flush(farewell)
	}
}

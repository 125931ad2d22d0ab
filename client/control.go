package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// pingInterval is how often the round trip and the host's clock are measured.
const pingInterval = 500 * time.Millisecond

// maxControlRead is the longest SCTP message that is read; it can hold many
// of ours.
const maxControlRead = 8 * (wire.MessageHeaderSize + wire.MaxControl)

// control is the terminal's end of st.control: it greets, measures the round
// trip and the clocks, passes on the person's bit rate and what the terminal
// wants of the pictures, and hears the host's goodbye.
type control struct {
	session *Session
	start   time.Time     // zero of the PINGs' clock, constant after New
	open    chan struct{} // closed when the host was greeted
	clock   hostClock
	wishes  wishes

	mu      sync.Mutex // guards below
	host    string
	speaker io.Writer // the open channel; nil: none
	screens [maxScreens]wire.Screen
}

// run speaks on the open channel until ctx ends or the channel does.
func (c *control) run(ctx context.Context, ch io.ReadWriter) error {
	cfg := &c.session.cfg
	msg := wire.AppendHello(nil, wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Screens: uint8(cfg.Screens), Codecs: cfg.Codecs,
		Program: cfg.Name, Version: cfg.Version,
	})
	if cfg.BitrateBps > 0 {
		msg = wire.AppendSetBitrate(msg, wire.SetBitrate{Screen: wire.AllScreens, MaxBps: uint32(cfg.BitrateBps * cfg.Screens)})
	}
	if _, err := ch.Write(msg); err != nil {
		return fmt.Errorf("greet host: %w", err)
	}
	c.mu.Lock()
	c.speaker = ch
	c.mu.Unlock()
	close(c.open)
	ping, rest := time.NewTicker(pingInterval), time.NewTimer(wishInterval)
	defer ping.Stop()
	defer rest.Stop()
	rest.Stop()
	wake := c.wishes.wake // nil while we rest from saying wishes
	buf := wire.AppendPing(nil, c.now())
	for {
		if len(buf) > 0 {
			if _, err := ch.Write(buf); err != nil {
				return fmt.Errorf("speak to host: %w", err)
			}
		}
		buf = buf[:0]
		select {
		case <-ping.C:
			buf = wire.AppendPing(buf, c.now())
		case <-wake:
			if buf = c.wishes.append(buf, &c.clock); len(buf) > 0 {
				wake = nil
				rest.Reset(wishInterval)
			}
		case <-rest.C:
			wake = c.wishes.wake
		case <-ctx.Done():
			_, err := ch.Write(wire.AppendBye(buf, wire.Bye{Code: wire.ByeNormal}))
			return err
		}
	}
}

// errSilent says that there is no control channel.
var errSilent = errors.New("the host cannot be told: there is no session")

// say sends a message that cannot be said later. Any goroutine.
func (c *control) say(b []byte) error {
	c.mu.Lock()
	ch := c.speaker
	c.mu.Unlock()
	if ch == nil {
		return errSilent
	}
	if crowded(ch) {
		return errors.New("the host does not listen")
	}
	if _, err := ch.Write(b); err != nil {
		return fmt.Errorf("tell the host: %w", err)
	}
	return nil
}

// now is the PINGs' clock.
func (c *control) now() uint64 { return uint64(time.Since(c.start).Microseconds()) }

// read handles what the host says until the channel ends.
func (c *control) read(ch io.ReadWriter) error {
	buf := make([]byte, maxControlRead)
	for {
		n, err := ch.Read(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			// pion keeps such a message: reading on would give it for ever.
			return c.refuse(ch, fmt.Errorf("a control message is over %d bytes", len(buf)))
		}
		if err != nil {
			return err
		}
		for b := buf[:n]; len(b) > 0; {
			var m wire.Message
			if m, b, err = wire.ParseMessage(b); err == nil {
				err = c.message(ch, m)
			}
			if err != nil {
				return c.refuse(ch, err)
			}
		}
	}
}

// refuse ends the session because of words that we do not understand.
func (c *control) refuse(ch io.Writer, err error) error {
	c.session.end(fail(StageLive, true, "update the terminal or the host", fmt.Errorf("the host speaks another protocol: %w", err)))
	_, werr := ch.Write(wire.AppendBye(nil, wire.Bye{Code: wire.ByeProtocolError, Reason: err.Error()}))
	return errors.Join(err, werr)
}

func (c *control) message(ch io.Writer, m wire.Message) error {
	switch m.Type {
	case wire.MessageHelloAck:
		return c.welcome(m)
	case wire.MessageScreen:
		s, err := m.Screen()
		if err == nil {
			c.setScreen(s)
		}
		return err
	case wire.MessagePing:
		t, err := m.Ping()
		if err != nil {
			return err
		}
		if crowded(ch) {
			return nil // the host asks faster than it hears
		}
		if _, err := ch.Write(wire.AppendPong(nil, wire.Pong{Echo: t, Wall: time.Now()})); err != nil {
			c.session.log.Debug("answer ping", "err", err) // the channel is closing, which is no fault of the host's words
		}
		return nil
	case wire.MessagePong:
		p, err := m.Pong()
		if err == nil {
			sent := c.start.Add(time.Duration(p.Echo) * time.Microsecond)
			c.clock.sample(sent, time.Now(), p.Wall)
			c.wishes.nudge() // phases may wait for the clock
		}
		return err
	case wire.MessageCursor:
		p, err := m.Cursor()
		if err == nil {
			err = c.session.changePointer(p)
		}
		return err
	case wire.MessageUSBAccept:
		id, err := m.USBAccept()
		if err == nil {
			c.session.usb.accepted(id)
		}
		return err
	case wire.MessageUSBClose:
		id, err := m.USBClose()
		if err == nil {
			c.session.usb.closed(id)
		}
		return err
	case wire.MessageMic:
		what, err := m.Mic()
		if err == nil && c.session.cfg.OnMic != nil && (what == wire.MicOpen || what == wire.MicClose) {
			c.session.cfg.OnMic(what)
		}
		return err
	case wire.MessageClipboard:
		p, err := m.Clipboard()
		if err == nil && c.session.clip != nil {
			c.session.clip.Message(p)
		}
		return err
	case wire.MessageBye:
		b, err := m.Bye()
		if err == nil {
			c.session.dismiss(farewell(b))
		}
		return err
	}
	return m.Skip()
}

// maxUnheard is how many bytes may wait for the host before its PINGs are
// answered no more: what waits is memory that the host would decide about.
const maxUnheard = 16 << 10

func crowded(ch io.Writer) bool {
	b, ok := ch.(interface{ BufferedAmount() uint64 })
	return ok && b.BufferedAmount() > maxUnheard
}

func (c *control) welcome(m wire.Message) error {
	ack, err := m.HelloAck()
	if err != nil {
		return err
	}
	if ack.Version < wire.MinVersion || ack.Version > wire.MaxVersion {
		return fmt.Errorf("control version %d: %w", ack.Version, wire.ErrVersion)
	}
	c.mu.Lock()
	c.host = ack.Host
	c.mu.Unlock()
	for _, s := range ack.Screens {
		c.setScreen(s)
	}
	return nil
}

func (c *control) setScreen(s wire.Screen) {
	if int(s.Index) >= len(c.screens) {
		return
	}
	c.mu.Lock()
	c.screens[s.Index] = s
	c.mu.Unlock()
	c.session.cfg.OnScreen(s)
}

// farewell turns the host's BYE into the session's end.
func farewell(b wire.Bye) *Error {
	switch b.Code {
	case wire.ByeHostShutdown:
		return fail(StageLive, false, "it will be shown again when it is back", ErrShutdown)
	case wire.ByeTakenOver:
		return fail(StageLive, true, "connect again to take it back", fmt.Errorf("%w: another terminal took it over", ErrDismissed))
	case wire.ByeSourceEnded:
		return fail(StageLive, true, "look at the host's log", fmt.Errorf("%w: it has no more pictures to show", ErrDismissed))
	case wire.ByeRevoked:
		return fail(StageLive, true, "ask who runs the host for another token", fmt.Errorf("%w: the host does not accept its token any more", ErrRevoked))
	}
	err := ErrDismissed
	if why := wire.Printable(b.Reason); why != "" {
		err = fmt.Errorf("%w: %s", ErrDismissed, why)
	}
	return fail(StageLive, true, "", err)
}

// hostClock estimates the round trip and how far the host's wall clock is
// ahead of ours, from the quickest of the last exchanges (RFC 5905, 10).
type hostClock struct {
	mu      sync.Mutex // guards those up to rawRTT
	samples [16]clockSample
	next    int
	raw     time.Duration // offset of the last exchange
	rawRTT  time.Duration // and its round trip

	rtt    atomic.Int64 // best estimate, ns
	offset atomic.Int64 // host minus local, ns
	known  atomic.Bool  // set after the others
}

// clockSet is a step beyond what clocks drift between two exchanges.
const clockSet = 20 * time.Millisecond

type clockSample struct {
	rtt, offset time.Duration
}

// sample adds one exchange: sent and received by our clock, wall by the host's.
func (h *hostClock) sample(sent, received, wall time.Time) {
	rtt := received.Sub(sent)
	if rtt < 0 || rtt > 10*time.Second {
		return // an echo that we never sent
	}
	middle := received.Add(-rtt / 2)
	now := clockSample{rtt, wall.Sub(middle.Round(0))}
	h.mu.Lock()
	defer h.mu.Unlock()
	// Two exchanges differ by no more than both their errors, unless one of
	// the clocks was set between them: what is older means nothing then.
	if h.next > 0 && (now.offset-h.raw).Abs() > (now.rtt+h.rawRTT)/2+clockSet {
		h.next = 0
	}
	h.raw, h.rawRTT = now.offset, now.rtt
	h.samples[h.next%len(h.samples)] = now
	h.next++
	best := h.samples[0]
	for _, s := range h.samples[1:min(h.next, len(h.samples))] {
		if s.rtt < best.rtt {
			best = s
		}
	}
	// An offset inside its own error bound is none: on one machine the
	// clocks are the same, and the figures must not pretend otherwise.
	if best.offset.Abs() <= best.rtt/2 {
		best.offset = 0
	}
	h.rtt.Store(int64(best.rtt))
	h.offset.Store(int64(best.offset))
	h.known.Store(true)
}

// Known reports whether there has been an exchange.
func (h *hostClock) Known() bool { return h.known.Load() }

// RTT returns the best round trip of the last exchanges, 0 before the first.
func (h *hostClock) RTT() time.Duration { return time.Duration(h.rtt.Load()) }

// Offset returns how far the host's clock is ahead of ours.
func (h *hostClock) Offset() time.Duration { return time.Duration(h.offset.Load()) }

package lane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// control is the open control channel; its reader ends when it closes.
type control struct {
	rw   io.ReadWriteCloser
	done chan struct{} // closed when the reader has ended
}

func (l *Lane) openChannel() error {
	protocol := linktest.ChannelProtocol
	d, err := l.pc.CreateDataChannel(linktest.ChannelLabel, &webrtc.DataChannelInit{Protocol: &protocol})
	if err != nil {
		return fmt.Errorf("open control channel: %w", err)
	}
	l.attach(d)
	return nil
}

// takeChannel takes the first channel that is ours and closes every other one.
func (l *Lane) takeChannel(d *webrtc.DataChannel) {
	if d.Label() != linktest.ChannelLabel || d.Protocol() != linktest.ChannelProtocol || !d.Ordered() {
		_ = d.Close() // nothing was said on it
		return
	}
	l.attach(d)
}

func (l *Lane) attach(d *webrtc.DataChannel) {
	d.OnOpen(func() {
		rw, err := d.Detach()
		if err != nil {
			l.onceDown.Do(func() { close(l.failed) })
			return
		}
		c := &control{rw: rw, done: make(chan struct{})}
		if !l.control.CompareAndSwap(nil, c) {
			_ = rw.Close() // a second one
			return
		}
		l.onceOpen.Do(func() { close(l.opened) })
		defer close(c.done)
		l.read(c) // on the goroutine that pion made for this callback
	})
}

// read takes messages until the channel closes or one is bad.
func (l *Lane) read(c *control) {
	defer close(l.messages)
	buf := make([]byte, linktest.MaxMessage+1)
	for range maxMessages {
		n, err := c.rw.Read(buf)
		if err != nil {
			return
		}
		m, err := linktest.ParseMessage(buf[:n])
		if err != nil {
			l.broken.Store(&err)
			return
		}
		select {
		case l.messages <- m:
		default:
			err := errors.New("more control messages than the test has use for")
			l.broken.Store(&err)
			return
		}
	}
	err := errors.New("control messages without end")
	l.broken.Store(&err)
}

// maxMessages is how many control messages of the other end a test takes.
const maxMessages = 4 * linktest.MaxSteps

// Tell sends a control message; it waits for the channel to open.
func (l *Lane) Tell(ctx context.Context, m linktest.Message) error {
	select {
	case <-l.opened:
	case <-l.failed:
		return ErrLost
	case <-ctx.Done():
		return ctx.Err()
	}
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if _, err := l.control.Load().rw.Write(b); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

// Reasons why Hear has nothing more.
var (
	ErrLost    = errors.New("the connection was lost")
	ErrFlooded = errors.New("the other end sends more than was agreed")
)

// Hear waits for the next control message.
func (l *Lane) Hear(ctx context.Context) (linktest.Message, error) {
	select { // what was said before the end comes first
	case m, ok := <-l.messages:
		return l.heard(m, ok)
	default:
	}
	select {
	case m, ok := <-l.messages:
		return l.heard(m, ok)
	case <-l.failed:
		return linktest.Message{}, ErrLost
	case <-l.flooded:
		return linktest.Message{}, ErrFlooded
	case <-ctx.Done():
		return linktest.Message{}, ctx.Err()
	}
}

func (l *Lane) heard(m linktest.Message, ok bool) (linktest.Message, error) {
	if ok {
		return m, nil
	}
	if err := l.broken.Load(); err != nil {
		return m, fmt.Errorf("the other end: %w", *err)
	}
	return m, ErrLost
}

// Pause waits for d, or not at all where d is not above 0.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

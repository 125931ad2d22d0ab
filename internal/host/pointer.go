package host

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/clock"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// Bounds of what the pointer's shapes take of the connection.
const (
	shapeInterval = time.Second / 30
	shapeBytes    = 256 << 10            // a second, in the long run: a pointer may change all the time
	shapePoll     = 2 * time.Millisecond // of a channel that is full
)

// pointer is a session's view of the source's pointer. Who watches it is one
// goroutine, who sends its shapes another.
type pointer struct {
	shapes chan cursor.Shape              // capacity 1, never closed: the newest that was not sent
	source atomic.Pointer[source.Pointer] // nil while none is open
	teller atomic.Pointer[PointerTeller]  // nil: st.input is not open, or tells nothing
}

func newPointer() pointer { return pointer{shapes: make(chan cursor.Shape, 1)} }

// stir makes the source look for the pointer soon.
func (p *pointer) stir() {
	if src := p.source.Load(); src != nil {
		(*src).Stir()
	}
}

// tellTo says who tells the terminal of the pointer from now on.
func (p *pointer) tellTo(to PointerTeller) {
	p.teller.Store(&to)
	p.stir()
}

// tell passes on where the pointer is.
func (p *pointer) tell(at wire.PointerAt, since time.Time) {
	if to := p.teller.Load(); to != nil {
		(*to).SetPointer(at, since)
	}
}

// change takes a new shape; one that was not sent yet is forgotten. Only the
// goroutine that watches calls it.
func (p *pointer) change(s cursor.Shape) {
	select {
	case <-p.shapes:
	default:
	}
	p.shapes <- s // has room: the other goroutine only takes
}

// onlooker tells of the pointer on a channel whose input nobody takes. Only the
// goroutine that watches the pointer uses it, which brings news at most every
// 4 ms and the same again every [source.PointerPeriod].
type onlooker struct {
	send  func([]byte) error
	clock clock.Clock
	seq   uint32
	buf   []byte
}

// SetPointer sends at once. An error says that the channel is closed, which
// others see.
func (o *onlooker) SetPointer(p wire.PointerAt, since time.Time) {
	now := time.Now()
	o.seq++
	p.Age = wire.AgeOf(now.Sub(since))
	o.buf = wire.AppendHeader(o.buf[:0], wire.Header{Seq: o.seq, Time: o.clock.Microseconds(now)})
	o.buf = wire.AppendPointerAt(o.buf, p)
	_ = o.send(o.buf)
}

// followPointer tells the terminal of the source's pointer until ctx ends. A
// pointer that cannot be watched is no reason to end the session.
func (s *session) followPointer(ctx context.Context, src source.Pointed) error {
	select {
	case <-s.welcome:
	case <-ctx.Done():
		return nil
	}
	serial := uint32(0)
	for told := false; ctx.Err() == nil; {
		err := s.watchPointer(ctx, src, &serial)
		if errors.Is(err, errors.ErrUnsupported) {
			s.log.Info("the pointer cannot be shown", "component", "host", "err", err)
			return nil
		}
		if err != nil && !told {
			told = true
			s.log.Warn("pointer is gone, trying again", "component", "host", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(reopenDelay):
		}
	}
	return nil
}

// watchPointer is one opening of the pointer; the context's end is nil.
func (s *session) watchPointer(ctx context.Context, src source.Pointed, serial *uint32) (err error) {
	p, err := src.OpenPointer()
	if err != nil {
		return err
	}
	s.pointer.source.Store(&p)
	defer func() {
		s.pointer.source.Store(nil)
		s.pointer.tell(wire.PointerAt{Shape: *serial}, time.Now())
		err = errors.Join(err, p.Close())
	}()
	var shape *source.PointerShape
	for {
		st, err := p.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if st.Shape != shape && st.Shape != nil {
			shape = st.Shape
			*serial++
			s.pointer.change(cursor.Shape{
				Serial: *serial, Width: shape.Width, Height: shape.Height,
				HotX: shape.Hot.X, HotY: shape.Hot.Y, Pix: shape.Pix,
			})
		}
		at := wire.PointerAt{Shape: *serial}
		if st.Visible && st.Screen < len(s.screens) {
			at.Screen, at.Visible, at.X, at.Y = uint8(st.Screen), true, st.X, st.Y
		}
		s.pointer.tell(at, st.Moved)
	}
}

// sendShapes sends the pointer's shapes until ctx ends: the newest, and no more
// of them than a pointer is worth.
func (s *session) sendShapes(ctx context.Context) error {
	var encoder cursor.Encoder
	var buf []byte
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case shape := <-s.pointer.shapes:
			var err error
			if buf, err = encoder.Append(buf[:0], shape); err != nil {
				s.log.Warn("pointer cannot be sent", "component", "host", "err", err)
				buf = buf[:0]
			} else if !s.sendShape(ctx, buf) {
				return nil
			}
		}
		rest.Reset(max(shapeInterval, time.Duration(len(buf))*time.Second/shapeBytes))
	}
}

// sendShape sends messages, each when the terminal has read most of those
// before it, and reports whether the channel is still there.
func (s *session) sendShape(ctx context.Context, b []byte) bool {
	s.mu.Lock()
	c := s.control
	s.mu.Unlock()
	s.srv.totals.shapes.Add(1)
	s.srv.totals.shapeBytes.Add(uint64(len(b)))
	poll := time.NewTicker(shapePoll)
	defer poll.Stop()
	for len(b) > 0 {
		_, rest, err := wire.ParseMessage(b)
		if err != nil {
			return false // never: we made it
		}
		for c.dc.BufferedAmount() > maxBuffered/2 {
			select {
			case <-ctx.Done():
				return false
			case <-poll.C:
			}
		}
		switch err := c.send(b[:len(b)-len(rest)]); {
		case errors.Is(err, errChannelFull): // others filled it just now
		case err != nil:
			s.log.Debug("pointer was not sent", "component", "host", "err", err)
			return false
		default:
			b = rest
		}
	}
	return true
}

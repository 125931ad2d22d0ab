package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// ports tells what is plugged into a host.
type ports chan wire.USBOffer

func (ports) Available() error { return nil }

func (p ports) Attach(ctx context.Context, o wire.USBOffer, ch io.ReadWriteCloser) error {
	p <- o
	stop := context.AfterFunc(ctx, func() { _ = ch.Close() })
	defer stop()
	_, err := io.Copy(io.Discard, ch)
	return err
}

// stick is a memory stick that may be plugged into a terminal.
type stick struct {
	there bool
	fails bool // it ends as soon as it is given away
	cfg   usb.Config
	given atomic.Int32
}

var ultraFit = usb.Device{
	BusID: "1-2", Bus: 1, Number: 7, Vendor: 0x781, Product: 0x5581, Speed: 3, Manufacturer: "SanDisk", Name: "Ultra Fit", Driver: "usb",
}

func (s *stick) open(cfg usb.Config) agent.Redirector {
	s.cfg = cfg
	return s
}

func (*stick) GiveBack(context.Context) error { return nil }

func (s *stick) List() ([]usb.Listed, error) {
	if !s.there {
		return nil, nil
	}
	return []usb.Listed{{Device: ultraFit, Decision: usb.Decision{Route: usb.RouteRedirect, MayRedirect: true}}}, nil
}

func (s *stick) Share(ctx context.Context, busID string, open usb.Open) error {
	if s.given.Load() == 0 {
		answer, err := s.cfg.Consent.AllowUSB(ctx, ultraFit)
		if err != nil {
			return err
		}
		if !answer.Allow {
			return fmt.Errorf("%s: %w", busID, usb.ErrRefused)
		}
	}
	s.given.Add(1)
	ch, err := open(ctx, ultraFit)
	if err != nil {
		return err
	}
	if s.fails {
		return errors.Join(errors.New("broken"), ch.Close())
	}
	<-ctx.Done()
	return ch.Close()
}

// asks waits for the question about the stick.
func (s *terminal) asks() {
	s.t.Helper()
	hosttest.Until(s.t, "it is asked about the stick", func() bool {
		o := s.overlay.Load()
		return o != nil && strings.Contains(o.Title, "device") && strings.Contains(o.Rows[0].Label, "SanDisk Ultra Fit")
	})
}

// press types a key again and again until the question is gone: what comes too
// soon answers nothing.
func (s *terminal) answer(keys ...uint16) {
	s.t.Helper()
	for _, k := range keys[:len(keys)-1] {
		s.keys(true, k)
		s.keys(false, k)
	}
	k := keys[len(keys)-1]
	hosttest.Until(s.t, "the question is answered", func() bool {
		s.keys(true, k)
		s.keys(false, k)
		return s.overlay.Load() == nil
	})
}

// A device without a route of its own is given to the host when the person says
// yes, and what they type meanwhile is not the host's.
func TestUSBIsAskedFor(t *testing.T) {
	t.Parallel()
	plugged := make(ports, 4)
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.USB = plugged }})
	s := newTerminalWith(t, h.URL, &stick{there: true}, decoders())
	s.asks()
	s.keys(true, codeQ)
	s.keys(false, codeQ)
	s.answer(codeUp, codeEnter)
	if o := hosttest.Within(t, plugged, "the host to have the stick"); o.Vendor != 0x781 || o.DevID != 1<<16|7 || !strings.Contains(o.Name, "Ultra Fit") {
		t.Errorf("the host has %+v; want the stick", o)
	}
	for _, k := range h.Hands.Keys() {
		if k.Down && k.Usage != 0x70028 { // the last Enter may have come after the answer
			t.Errorf("the host got %+v while a question was shown", k)
		}
	}
}

// Escape keeps it, and nothing is asked twice; a host that takes none is not
// asked about at all.
func TestUSBStays(t *testing.T) {
	t.Parallel()
	plugged := make(ports, 4)
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.USB = plugged }})
	s := newTerminalWith(t, h.URL, &stick{there: true}, decoders())
	s.asks()
	s.answer(1)
	quiet := time.NewTimer(time.Second) // as long as it would take to be asked again
	for done := false; !done; {
		select {
		case o := <-plugged:
			t.Fatalf("the host has %+v; want nothing", o)
		case <-quiet.C:
			done = true
		}
	}
	if o := s.overlay.Load(); o != nil {
		t.Errorf("asked again: %q", o.Title)
	}
	none := hosttest.Start(t, hosttest.Config{})
	other := newTerminalWith(t, none.URL, &stick{there: true}, decoders())
	hosttest.Until(t, "pictures are shown", func() bool { return len(other.Frames()) > 30 })
	if o := other.overlay.Load(); o != nil {
		t.Errorf("asked for a host that takes none: %q", o.Title)
	}
}

// A device that is of no use there is not given away for ever.
func TestUSBIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.USB = make(ports, 16) }})
	broken := &stick{there: true, fails: true}
	s := newTerminalWith(t, h.URL, broken, decoders())
	s.asks()
	s.answer(codeUp, codeEnter)
	hosttest.Until(t, "it was tried three times", func() bool { return broken.given.Load() == 3 })
	n := len(s.Frames())
	hosttest.Until(t, "three seconds of pictures are shown", func() bool { return len(s.Frames()) > n+3*hosttest.FPS })
	if n := broken.given.Load(); n != 3 {
		t.Errorf("given away %d times; want 3", n)
	}
}

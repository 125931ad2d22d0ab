package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// newSession is one that is not run.
func newSession(t testing.TB, change func(*client.Config)) *client.Session {
	t.Helper()
	cfg := client.Config{
		URL: "http://127.0.0.1:1", Screens: 1, Codecs: []media.Codec{media.CodecH264},
		OnAccessUnit: func(au *media.AccessUnit) { au.Release() },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tube is a data channel: what the host wrote is read whole, what the
// terminal writes is kept.
type tube struct {
	in  [][]byte
	out bytes.Buffer
}

func (c *tube) Read(b []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	m := c.in[0]
	if len(m) > len(b) {
		return 0, io.ErrShortBuffer // and keeps it, as pion does
	}
	c.in = c.in[1:]
	return copy(b, m), nil
}

func (c *tube) Write(b []byte) (int, error) { return c.out.Write(b) }

// said parses what the terminal wrote.
func (c *tube) said(t *testing.T) (all []wire.Message) {
	t.Helper()
	for b := c.out.Bytes(); len(b) > 0; {
		var m wire.Message
		var err error
		if m, b, err = wire.ParseMessage(b); err != nil {
			t.Fatalf("the terminal wrote %x: %v", b, err)
		}
		all = append(all, m)
	}
	return all
}

func TestTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, func(c *client.Config) {
			c.Screens, c.BitrateBps, c.Name, c.Version = 2, 5_000_000, "test", "1.2"
			c.Codecs = []media.Codec{media.CodecHEVC, media.CodecH264}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2100*time.Millisecond)
		defer cancel()
		ch := &tube{}
		if err := s.Talk(ctx, ch); err != nil {
			t.Errorf("talk = %v; want nil", err)
		}
		said := ch.said(t)
		hello, err := said[0].Hello()
		if err != nil || hello.Screens != 2 || hello.Program != "test" || hello.Version != "1.2" ||
			!slices.Equal(hello.Codecs, []media.Codec{media.CodecHEVC, media.CodecH264}) {
			t.Errorf("HELLO = %+v, %v; want what the configuration says", hello, err)
		}
		if rate, err := said[1].SetBitrate(); err != nil || rate.Screen != wire.AllScreens || rate.MaxBps != 10_000_000 {
			t.Errorf("SET_BITRATE = %+v, %v; want 10 Mb/s for both screens", rate, err)
		}
		var types []wire.MessageType
		for _, m := range said[2:] {
			types = append(types, m.Type)
		}
		ping := wire.MessagePing
		if want := []wire.MessageType{ping, ping, ping, ping, ping, wire.MessageBye}; !slices.Equal(types, want) {
			t.Errorf("then %v in 2.1 s; want %v", types, want)
		}
	})
}

func TestListen(t *testing.T) {
	long := bytes.Repeat(wire.AppendPing(nil, 1), 10000)
	tests := []struct {
		name   string
		in     [][]byte
		is     error  // wrapped
		want   string // in the text
		final  bool
		answer wire.MessageType // the terminal's last word, 0 for none
	}{
		{"nothing", nil, nil, "", false, 0},
		{"ping", [][]byte{wire.AppendPing(nil, 7)}, nil, "", false, wire.MessagePong},
		{"shutdown", [][]byte{wire.AppendBye(nil, wire.Bye{Code: wire.ByeHostShutdown})}, client.ErrShutdown, "shutting down", false, 0},
		{"taken over", [][]byte{wire.AppendBye(nil, wire.Bye{Code: wire.ByeTakenOver})}, client.ErrDismissed, "another terminal", true, 0},
		{"source ended", [][]byte{wire.AppendBye(nil, wire.Bye{Code: wire.ByeSourceEnded})}, client.ErrDismissed, "no more pictures", true, 0},
		{"revoked", [][]byte{wire.AppendBye(nil, wire.Bye{Code: wire.ByeRevoked, Reason: "so"})}, client.ErrRevoked, "may no longer connect", true, 0},
		{"normal", [][]byte{wire.AppendBye(nil, wire.Bye{Code: wire.ByeNormal})}, client.ErrDismissed, "ended the session", true, 0},
		{"with a reason", [][]byte{wire.AppendBye(nil, wire.Bye{Code: 99, Reason: "so\x1b[2J\nwhat"})}, client.ErrDismissed, ": so [2J what", true, 0},
		{"first goodbye counts", [][]byte{
			wire.AppendBye(wire.AppendBye(nil, wire.Bye{Code: wire.ByeHostShutdown}), wire.Bye{Code: wire.ByeTakenOver}),
		}, client.ErrShutdown, "", false, 0},
		{"version", [][]byte{wire.AppendHelloAck(nil, wire.HelloAck{Version: 9})}, wire.ErrVersion, "another protocol", true, wire.MessageBye},
		{"cut off", [][]byte{{byte(wire.MessagePing), 0, 8, 0, 1}}, nil, "another protocol", true, wire.MessageBye},
		{"unknown", [][]byte{{0x77, 0, 1, 0, 1}}, nil, "", false, 0},
		{"must understand", [][]byte{{0x77, 1, 1, 0, 1}}, nil, "another protocol", true, wire.MessageBye},
		{"endless", [][]byte{long}, nil, "another protocol", true, wire.MessageBye},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ch := newSession(t, nil), &tube{in: tt.in}
			_ = s.Listen(ch) // the reason is the session's
			err := s.Ended()
			var ce *client.Error
			switch errors.As(err, &ce); {
			case ce == nil && (tt.want != "" || tt.is != nil):
				t.Fatalf("end = %v; want %q", err, tt.want)
			case ce == nil:
			case !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) || ce.Final != tt.final:
				t.Errorf("end = %q, final %v; want %q, final %v", err, ce.Final, tt.want, tt.final)
			case strings.ContainsAny(err.Error(), "\x1b\n"):
				t.Errorf("end = %q; want one printable line", err)
			}
			last := wire.MessageType(0)
			for _, m := range ch.said(t) {
				last = m.Type
			}
			if last != tt.answer {
				t.Errorf("the terminal's last word = %v; want %v", last, tt.answer)
			}
		})
	}
}

// deaf is a channel to a host that reads nothing.
type deaf struct{ tube }

func (d *deaf) BufferedAmount() uint64 { return uint64(d.out.Len()) }

// TestPingFlood shows that a host which asks without listening does not fill the
// terminal's memory with answers.
func TestPingFlood(t *testing.T) {
	ch := &deaf{}
	ping := bytes.Repeat(wire.AppendPing(nil, 7), 1000)
	for range 100 {
		ch.in = append(ch.in, ping)
	}
	if err := newSession(t, nil).Listen(ch); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if n := ch.out.Len(); n < 1000 || n > 20_000 {
		t.Errorf("%d bytes of answers wait; want some, and at most 20000", n)
	}
	for _, m := range ch.said(t) {
		if m.Type != wire.MessagePong {
			t.Errorf("the terminal said %v; want PONG", m.Type)
		}
	}
}

func FuzzListen(f *testing.F) {
	f.Add(wire.AppendHelloAck(nil, wire.HelloAck{Version: 1, Host: "pc", Screens: []wire.Screen{{Index: 3, Width: 640, Height: 480}}}))
	f.Add(wire.AppendPong(wire.AppendPing(nil, 1), wire.Pong{Echo: math.MaxUint64, Wall: time.Unix(1, 0)}))
	f.Add(wire.AppendScreen(nil, wire.Screen{Index: 255}))
	f.Add(wire.AppendBye(nil, wire.Bye{Code: 3, Reason: "no"}))
	f.Add(shapeMessages(f, cursor.Shape{Serial: 1, Width: 3, Height: 2, HotX: 1, Pix: make([]byte, 24)}))
	f.Add(wire.AppendCursor(nil, wire.CursorPart{Serial: 2, Width: 9, Height: 9, Total: 100, Data: []byte{1, 2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSession(t, nil)
		_ = s.Listen(&tube{in: [][]byte{b, b}})
		if err := s.Ended(); err != nil && err.Error() == "" {
			t.Error("the session ended without a word")
		}
	})
}

func TestHostClock(t *testing.T) {
	const ms = time.Millisecond
	type exchange struct {
		sent, rtt, ahead time.Duration // ahead: the host's clock before ours, at the middle
	}
	tests := []struct {
		name        string
		samples     []exchange
		rtt, offset time.Duration
	}{
		{"none", nil, 0, 0},
		{"one machine", []exchange{{0, 2 * ms, 0}}, 2 * ms, 0},
		{"inside the error bound", []exchange{{0, 10 * ms, 5 * ms}}, 10 * ms, 0},
		{"just outside", []exchange{{0, 10 * ms, 5*ms + 1}}, 10 * ms, 5*ms + 1},
		{"behind", []exchange{{0, 2 * ms, -time.Hour}}, 2 * ms, -time.Hour},
		{"the quickest counts", []exchange{{0, 30 * ms, 70 * ms}, {500 * ms, 4 * ms, 50 * ms}, {time.Second, 20 * ms, 60 * ms}}, 4 * ms, 50 * ms},
		{"a clock was set", []exchange{{0, ms, 0}, {500 * ms, ms, 0}, {time.Second, 8 * ms, time.Hour}}, 8 * ms, time.Hour},
		{"and set back a little", []exchange{{0, ms, 0}, {time.Second, 2 * ms, -40 * ms}}, 2 * ms, -40 * ms},
		{"answered before it was asked", []exchange{{0, -ms, time.Hour}}, 0, 0},
		{"an echo of the day before", []exchange{{0, 24 * time.Hour, time.Hour}}, 0, 0},
		{"old ones are forgotten", append([]exchange{{0, ms, time.Hour}}, slices.Repeat([]exchange{{time.Second, 8 * ms, time.Minute}}, 16)...), 8 * ms, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c client.HostClock
			begin := time.Now()
			for _, e := range tt.samples {
				sent := begin.Add(e.sent)
				c.Sample(sent, sent.Add(e.rtt), sent.Add(e.rtt/2+e.ahead).Round(0))
			}
			if c.RTT() != tt.rtt || c.Offset() != tt.offset {
				t.Errorf("RTT(), Offset() = %v, %v; want %v, %v", c.RTT(), c.Offset(), tt.rtt, tt.offset)
			}
		})
	}
}

func FuzzHostClock(f *testing.F) {
	f.Add(int64(0), int64(1e6), int64(5))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, sent, received, wall int64) {
		var c client.HostClock
		for i := range int64(3) {
			c.Sample(time.Unix(0, sent+i), time.Unix(0, received), time.Unix(wall, 0))
		}
		if rtt := c.RTT(); rtt < 0 || rtt > 10*time.Second {
			t.Errorf("RTT() = %v; want 0 to 10 s", rtt)
		}
		if off := c.Offset(); off != 0 && off.Abs() <= c.RTT()/2 {
			t.Errorf("Offset() = %v inside its bound %v; want 0", off, c.RTT()/2)
		}
	})
}

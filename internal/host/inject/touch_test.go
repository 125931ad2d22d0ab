package inject_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// screen notes what touches it.
type screen struct {
	inject.None
	said []string
}

func (s *screen) Touch(t *wire.Touch) error {
	text := fmt.Sprintf("touch %d on %d:", t.Device, t.Screen)
	for _, c := range t.Contacts[:t.N] {
		text += fmt.Sprintf(" %d@%d,%d", c.ID, c.X, c.Y)
	}
	s.said = append(s.said, text)
	return nil
}

func (s *screen) Pen(p wire.Pen) error {
	s.said = append(s.said, fmt.Sprintf("pen %d: %t %t %d,%d", p.Device, p.InRange, p.Touching, p.X, p.Y))
	return nil
}

func touchOf(device uint8, contacts ...input.Contact) *wire.Touch {
	t := &wire.Touch{Device: device, N: uint8(len(contacts)), Age: 9}
	copy(t.Contacts[:], contacts)
	return t
}

// TestSurfaces proves that each set is injected once, that the newest of a
// datagram counts, and that everything is lifted with the focus.
func TestSurfaces(t *testing.T) {
	s := &screen{}
	r, err := inject.New(inject.Config{Injector: s, Write: func([]byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	seq := uint32(0)
	datagram := func(flags uint8, add func(b []byte) []byte, want ...string) {
		t.Helper()
		seq++
		s.said = nil
		if err := inject.Feed(r, add(wire.AppendHeader(nil, wire.Header{Flags: flags, Seq: seq}))); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.said, want) {
			t.Errorf("datagram %d: %q; want %q", seq, s.said, want)
		}
	}
	finger := input.Contact{ID: 3, X: 10, Y: 20}
	down := func(b []byte) []byte { return wire.AppendTouch(b, touchOf(1, finger)) }
	pen := func(b []byte) []byte { return wire.AppendPen(b, wire.Pen{Device: 2, InRange: true, X: 7, Age: 3}) }
	datagram(wire.FlagFocused, down, "touch 0 on 0: 3@10,20")
	datagram(wire.FlagFocused, down)
	datagram(wire.FlagFocused, pen, "pen 0: true false 7,0")
	datagram(wire.FlagFocused, func(b []byte) []byte {
		return wire.AppendTouch(wire.AppendTouch(b, touchOf(1)), touchOf(1, finger, input.Contact{ID: 4}))
	}, "touch 0 on 0: 3@10,20 4@0,0")
	datagram(0, down, "touch 0 on 0:", "pen 0: false false 7,0")
	datagram(wire.FlagFocused, pen, "pen 0: true false 7,0")
	datagram(wire.FlagFocused, func(b []byte) []byte { return wire.AppendPen(b, wire.Pen{Device: 2, X: 9}) }, "pen 0: false false 9,0")
	// More devices than anybody has are ignored.
	datagram(wire.FlagFocused, func(b []byte) []byte {
		for d := range uint8(20) {
			b = wire.AppendTouch(b, touchOf(100+d, finger))
		}
		return b
	}, func() (want []string) {
		for d := range inject.MaxTouchScreens { // nothing touches the first
			want = append(want, fmt.Sprintf("touch %d on 0: 3@10,20", d))
		}
		return want
	}()...)
}

// TestTouchDeadMan proves that a finger is lifted when the terminal falls silent.
func TestTouchDeadMan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		r, err := inject.New(inject.Config{Injector: s, Write: func([]byte) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		r.Datagram(wire.AppendTouch(wire.AppendHeader(nil, wire.Header{Flags: wire.FlagFocused, Seq: 1}), touchOf(1, input.Contact{ID: 1})))
		time.Sleep(time.Second)
		cancel()
		running.Wait()
		if want := []string{"touch 0 on 0: 1@0,0", "touch 0 on 0:"}; !slices.Equal(s.said, want) {
			t.Errorf("%q; want %q", s.said, want)
		}
	})
}

// TestRumble proves that the terminal is told at once, again while a pad shakes,
// and three times that it is over.
func TestRumble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		begin := time.Now()
		r, err := inject.New(inject.Config{Injector: inject.None{}, Write: func(b []byte) error {
			d, err := wire.ParseDatagram(b)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for rec, ok := d.Next(); ok; rec, ok = d.Next() {
				if v, ok := rec.Rumble(); ok {
					said = append(said, fmt.Sprintf("%d: %d %d,%d", time.Since(begin).Milliseconds(), v.Pad, v.Low, v.High))
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		time.Sleep(time.Second)
		r.SetRumble(wire.Rumble{Pad: 99, Low: 1})
		r.SetRumble(wire.Rumble{Pad: 2, Low: 5, High: 6})
		time.Sleep(250 * time.Millisecond)
		r.SetRumble(wire.Rumble{Pad: 2})
		time.Sleep(time.Second)
		cancel()
		running.Wait()
		want := "1000: 2 5,6 1100: 2 5,6 1200: 2 5,6 1250: 2 0,0 1350: 2 0,0 1450: 2 0,0"
		if got := strings.Join(said, " "); got != want {
			t.Errorf("said %s; want %s", got, want)
		}
	})
}

package inject_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// padbook is a logbook that takes game pads, too.
type padbook struct{ logbook }

func (p *padbook) Pad(s wire.Pad) error {
	if !s.Connected {
		return p.note("pad %d unplugged", s.Pad)
	}
	return p.note("pad %d %x %d,%d %d,%d %d %d", s.Pad, s.Buttons, s.LeftX, s.LeftY, s.RightX, s.RightY, s.LeftTrigger, s.RightTrigger)
}

// padDatagram is a terminal's datagram with pads.
func padDatagram(h wire.Header, all ...wire.Pad) []byte {
	b := wire.AppendPointer(wire.AppendHeader(nil, h), wire.Pointer{})
	for _, p := range all {
		b = wire.AppendPad(b, p)
	}
	return b
}

// runReceiver starts r and returns what ends it.
func runReceiver(t *testing.T, r *inject.Receiver) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	}
}

func TestPads(t *testing.T) {
	pressed := wire.Pad{Pad: 2, Connected: true, Buttons: 1, LeftX: -5, RightTrigger: 9}
	focused := func(seq uint32) wire.Header { return wire.Header{Flags: wire.FlagFocused, Seq: seq} }
	steps := []struct {
		name  string
		b     []byte
		after time.Duration // waited before looking
		want  []string
	}{
		{"plugged in", padDatagram(focused(1), wire.Pad{Pad: 2, Connected: true}), 0, []string{"pad 2 0 0,0 0,0 0 0"}},
		{"pressed", padDatagram(focused(2), pressed), 0, []string{"pad 2 1 -5,0 0,0 0 9"}},
		{"said again, older by its age", padDatagram(focused(3), func() wire.Pad { p := pressed; p.Age = 7; return p }()), 0, nil},
		{"overtaken", padDatagram(focused(1), wire.Pad{Pad: 2, Connected: true, Buttons: 8}), 0, nil},
		{"a number that cannot be", padDatagram(focused(4), wire.Pad{Pad: 16, Connected: true}), 0, nil},
		{"silence", nil, wire.DeadMan + 10*time.Millisecond, []string{"pad 2 0 0,0 0,0 0 0"}},
		{"more silence", nil, time.Second, nil},
		{"back", padDatagram(focused(5), pressed), 0, []string{"pad 2 1 -5,0 0,0 0 9"}},
		{"new epoch", padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 6, Epoch: 1}), 0, []string{"pad 2 0 0,0 0,0 0 0"}},
		{"pressed again", padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 7, Epoch: 1}, pressed), 0, []string{"pad 2 1 -5,0 0,0 0 9"}},
		{"no focus, whatever is pressed", padDatagram(wire.Header{Seq: 8, Epoch: 1}, pressed), 0, []string{"pad 2 0 0,0 0,0 0 0"}},
		{"a second one", padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 9, Epoch: 1}, wire.Pad{Pad: 0, Connected: true}), 0, []string{"pad 0 0 0,0 0,0 0 0"}},
		{"unplugged", padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 10, Epoch: 1}, wire.Pad{Pad: 2}), 0, []string{"pad 2 unplugged"}},
		{"unplugged, said again", padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 11, Epoch: 1}, wire.Pad{Pad: 2, Buttons: 5}), 0, nil},
	}
	synctest.Test(t, func(t *testing.T) {
		book := &padbook{}
		r, err := inject.New(inject.Config{Injector: book, Write: func([]byte) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		stop := runReceiver(t, r)
		for _, s := range steps {
			if s.b != nil {
				r.Datagram(s.b)
			}
			time.Sleep(s.after)
			if got := book.take(); !slices.Equal(got, s.want) {
				t.Errorf("%s: the injector was told %q; want %q", s.name, got, s.want)
			}
		}
		stop()
		if got, want := book.take(), []string{"pad 0 unplugged"}; !slices.Equal(got, want) {
			t.Errorf("at the end the injector was told %q; want %q", got, want)
		}
	})
}

// An injector without pads is told of none.
func TestPadsNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		r, err := inject.New(inject.Config{Injector: book, Write: func([]byte) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		stop := runReceiver(t, r)
		r.Datagram(padDatagram(wire.Header{Flags: wire.FlagFocused, Seq: 1}, wire.Pad{Connected: true, Buttons: 1}))
		if got := book.take(); len(got) != 0 {
			t.Errorf("the injector was told %q; want nothing", got)
		}
		stop()
	})
}

// The codes are those of the kernel's driver of the pad that ours looks like.
func TestPadEvents(t *testing.T) {
	got := inject.PadEvents(wire.Pad{
		Connected: true, Buttons: 1<<input.PadWest | 1<<input.PadGuide | 1<<input.PadUp | 1<<input.PadRight,
		LeftX: -32767, LeftY: 32767, RightY: 5, LeftTrigger: 65535, RightTrigger: 32768,
	})
	want := []string{
		"1/304/0", "1/305/0", "1/307/1", "1/308/0", "1/310/0", "1/311/0", "1/314/0", "1/315/0", "1/316/1", "1/317/0", "1/318/0",
		"3/0/-32767", "3/1/32767", "3/3/0", "3/4/5", "3/2/255", "3/5/127", "3/16/1", "3/17/-1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events of a pad = %q; want %q", got, want)
	}
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// talking runs a session's end of st.control for a while; act does what its
// owner does meanwhile.
func talking(t *testing.T, s *client.Session, length time.Duration, act func()) []wire.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	ch, done := &tube{}, make(chan error, 1)
	go func() { done <- s.Talk(ctx, ch) }()
	act()
	if err := <-done; err != nil {
		t.Errorf("talk = %v; want nil", err)
	}
	return ch.said(t)
}

// types returns the messages' types but for PING.
func types(all []wire.Message) (out []wire.MessageType) {
	for _, m := range all {
		if m.Type != wire.MessagePing {
			out = append(out, m.Type)
		}
	}
	return out
}

func phaseOf(t *testing.T, m wire.Message) wire.Phase {
	t.Helper()
	p, err := m.Phase()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answerPing tells s that the host's clock is so far ahead, 2 ms away.
func answerPing(t *testing.T, s *client.Session, start time.Time, ahead time.Duration) {
	t.Helper()
	sent := time.Now()
	time.Sleep(2 * time.Millisecond)
	pong := wire.Pong{Echo: uint64(sent.Sub(start).Microseconds()), Wall: sent.Add(time.Millisecond + ahead)}
	_ = s.Listen(&tube{in: [][]byte{wire.AppendPong(nil, pong)}}) // its end
}

func TestWishesOfBeforeTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, nil)
		decoders := []wire.Decoder{{Codec: media.CodecHEVC, MaxWidth: 1}, {Codec: media.CodecH264, Hardware: true, MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 2e6}}
		layout := []wire.Placement{{Index: 1, Connected: true, X: -5, Width: 1920, Height: 1080, MilliHz: 60_000}}
		s.SetDecoders(nil)
		s.SetDecoders(decoders)
		decoders[0].MaxWidth = 7 // a copy was taken
		s.SetLimit(wire.Limit{Screen: 1, MaxWidth: 5})
		s.SetLimit(wire.Limit{Screen: wire.AllScreens, MaxMilliFPS: 30_000})
		s.SetLimit(wire.Limit{Screen: 1, MaxWidth: 6})
		s.SetLimit(wire.Limit{Screen: 77})
		s.SetLayout(layout)
		said := talking(t, s, time.Second, func() {})
		want := []wire.MessageType{wire.MessageHello, wire.MessageDecoders, wire.MessageLimit, wire.MessageLimit, wire.MessageLayout, wire.MessageBye}
		if got := types(said); !slices.Equal(got, want) {
			t.Fatalf("said %v; want %v", got, want)
		}
		for _, m := range said {
			switch m.Type {
			case wire.MessageDecoders:
				decoders[0].MaxWidth = 1
				if got, err := m.Decoders(); err != nil || !slices.Equal(got, decoders) {
					t.Errorf("DECODERS = %+v, %v; want %+v", got, err, decoders)
				}
			case wire.MessageLimit:
				got, err := m.Limit()
				if err != nil || got != (wire.Limit{Screen: 1, MaxWidth: 6}) && got != (wire.Limit{Screen: wire.AllScreens, MaxMilliFPS: 30_000}) {
					t.Errorf("LIMIT = %+v, %v; want the newest of screen 1 and of all", got, err)
				}
			case wire.MessageLayout:
				if got, err := m.Layout(); err != nil || !slices.Equal(got, layout) {
					t.Errorf("LAYOUT = %+v, %v; want %+v", got, err, layout)
				}
			}
		}
	})
}

func TestNoWishIsSaidTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(t, nil)
		said := talking(t, s, 3*time.Second, func() {
			time.Sleep(700 * time.Millisecond)
			s.SetDecoders(nil)
			s.SetLayout(nil)
		})
		want := []wire.MessageType{wire.MessageHello, wire.MessageDecoders, wire.MessageLayout, wire.MessageBye}
		if got := types(said); !slices.Equal(got, want) {
			t.Errorf("said %v; want %v", got, want)
		}
	})
}

func TestPhaseWaitsForTheClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, 90 * time.Second, -time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := newSession(t, nil)
				at := time.Now().Add(3 * time.Millisecond)
				s.SetPhase(1, at, time.Second/60)
				s.SetPhase(2, at, time.Second/60)  // there is none
				s.SetPhase(-1, at, time.Second/60) // nor this
				said := talking(t, s, 3*time.Second, func() {
					time.Sleep(1700 * time.Millisecond)
					answerPing(t, s, start, ahead)
				})
				want := []wire.MessageType{wire.MessageHello, wire.MessagePhase, wire.MessageBye}
				if got := types(said); !slices.Equal(got, want) {
					t.Fatalf("said %v; want %v", got, want)
				}
				for i, m := range said {
					if m.Type != wire.MessagePhase {
						continue
					}
					if got := phaseOf(t, m); got.Screen != 1 || !got.At.Equal(at.Add(ahead)) || got.Period != time.Second/60 {
						t.Errorf("PHASE = %+v; want screen 1 at %v", got, at.Add(ahead))
					}
					if i < 5 { // HELLO and four PINGs went before the clock was known
						t.Errorf("PHASE was word %d; want it after the PONG", i)
					}
				}
			})
		})
	}
}

func TestPhasesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := newSession(t, nil)
		said := talking(t, s, 2*time.Second, func() {
			answerPing(t, s, start, 0)
			for i := range 1000 {
				s.SetPhase(i%2, time.Now(), time.Duration(i))
				time.Sleep(time.Millisecond)
			}
		})
		var phases []wire.Phase
		for _, m := range said {
			if m.Type == wire.MessagePhase {
				phases = append(phases, phaseOf(t, m))
			}
		}
		if n := len(phases); n < 18 || n > 24 {
			t.Errorf("%d PHASEs in a second for two screens; want about 20", n)
		}
		if last := phases[len(phases)-2:]; last[0].Period+last[1].Period != 998+999 {
			t.Errorf("the last PHASEs have periods %d and %d; want 998 and 999", last[0].Period, last[1].Period)
		}
	})
}

func TestMark(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, h.URL, nil)
	r.keyframe(t, 0)
	hosttest.Until(t, "the host has a marker", func() bool {
		r.Mark(0x1234)
		return h.Summary().Terminal.Marks > 0
	})
	key := input.Usage(input.PageKeyboard<<16 | 0x04)
	r.Handle(input.Event{Kind: input.KindKey, Usage: key, Down: true})
	hosttest.Until(t, "the key arrived", func() bool { return len(h.Hands.Keys()) > 0 })
	for _, k := range h.Hands.Keys() {
		if k.Usage != key {
			t.Errorf("the host's device got %v; want keys only", k.Usage)
		}
	}
}

// A terminal whose outputs are all off waits for no picture, and has one when
// an output comes.
func TestSessionInTheDark(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := &terminal{pictures: make(chan picture, 512)}
	s, err := client.New(client.Config{URL: h.URL, Screens: 1, Codecs: []media.Codec{media.CodecH264}, OnAccessUnit: r.take})
	if err != nil {
		t.Fatal(err)
	}
	s.SetPatience(8*time.Second, time.Nanosecond)
	s.SetLayout([]wire.Placement{{Index: 0, Width: 320, Height: 180}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	hosttest.Until(t, "the layout is acted on", func() bool { return h.Summary().Terminal.Layouts == 1 })
	s.SetLayout([]wire.Placement{{Index: 0, Connected: true, Width: 320, Height: 180}})
	before := r.taken.Load()
	hosttest.Until(t, "pictures come", func() bool { return r.taken.Load() > before+5 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v; want its context's end", err)
	}
}

func TestOnScreen(t *testing.T) {
	var got []wire.Screen
	s := newSession(t, func(c *client.Config) { c.OnScreen = func(s wire.Screen) { got = append(got, s) } })
	first := wire.Screen{Width: 1920, Height: 1080, MilliFPS: 60_000, Codec: media.CodecH264}
	second := wire.Screen{Index: 1, Width: 1280, Height: 720, MilliFPS: 59_940, Codec: media.CodecHEVC}
	smaller := wire.Screen{Width: 640, Height: 360, MilliFPS: 30_000, Codec: media.CodecH264}
	_ = s.Listen(&tube{in: [][]byte{ // its end
		wire.AppendHelloAck(nil, wire.HelloAck{Version: 1, Screens: []wire.Screen{first, second, {Index: 200}}}),
		wire.AppendScreen(nil, smaller),
	}})
	if want := []wire.Screen{first, second, smaller}; !slices.Equal(got, want) {
		t.Errorf("OnScreen was told %+v; want %+v", got, want)
	}
}

func BenchmarkSetPhase(b *testing.B) {
	s := newSession(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		s.SetPhase(0, time.Now(), time.Second/60)
	}
}

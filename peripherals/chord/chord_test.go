package chord_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/peripherals/chord"
)

// The chord's keys.
var chordKeys = []uint16{29, 56, 42, 1}

// bench is a watcher that writes down what it does.
type bench struct {
	*chord.Watcher
	mu    sync.Mutex // guards the rest
	did   []chord.Action
	shown []chord.Show
	muted int
}

func (b *bench) press(device int, down bool, codes ...uint16) {
	for _, c := range codes {
		b.Key(device, c, down)
	}
}

func (b *bench) last() chord.Show {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.shown) == 0 {
		return chord.Show{}
	}
	return b.shown[len(b.shown)-1]
}

// inBubble runs a watcher in virtual time.
func inBubble(t *testing.T, do func(t *testing.T, b *bench), want ...chord.Action) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		b.Watcher = chord.New(chord.Config{
			OnAction:  func(a chord.Action) { b.mu.Lock(); b.did = append(b.did, a); b.mu.Unlock() },
			OnShow:    func(s chord.Show) { b.mu.Lock(); b.shown = append(b.shown, s); b.mu.Unlock() },
			OnMicMute: func() { b.muted++ },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		do(t, b)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		if !slices.Equal(b.did, want) {
			t.Errorf("actions %v; want %v", b.did, want)
		}
	})
}

func TestHeld(t *testing.T) {
	for _, tt := range []struct {
		held time.Duration
		want []chord.Action
	}{
		{1900 * time.Millisecond, nil},
		{2100 * time.Millisecond, nil}, // the menu
		{5100 * time.Millisecond, []chord.Action{chord.RestartSession}},
		{8100 * time.Millisecond, []chord.Action{chord.RestartAgent}},
		{20 * time.Second, []chord.Action{chord.PowerOff}}, // once, at 12 s
	} {
		t.Run(tt.held.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.press(0, true, chordKeys...)
				time.Sleep(tt.held)
				b.press(0, false, 1)
				synctest.Wait()
				if menu := len(b.last().Menu) > 0; menu != (tt.held > 2*time.Second && tt.want == nil) {
					t.Errorf("after %v a menu is shown: %v", tt.held, menu)
				}
			}, tt.want...)
		})
	}
}

// Right keys do, on several keyboards, and one up on one side is not all.
func TestParts(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.press(0, true, 97, 100)
		b.press(1, true, 54, 1)
		b.press(2, true, 29, 56)
		b.press(2, false, 29, 56)
		time.Sleep(6 * time.Second)
		b.press(0, true, 29)
		b.press(0, false, 29) // the right one is still down
		b.Unplugged(1)
	}, chord.RestartSession)
	inBubble(t, func(t *testing.T, b *bench) {
		b.press(3, true, 0x13a, 0x13b, 0x13c)
		time.Sleep(6 * time.Second)
		b.press(3, false, 0x13c)
	}, chord.RestartSession)
	inBubble(t, func(t *testing.T, b *bench) {
		b.press(0, true, 29, 56, 1)
		b.press(-1, true, 42)
		b.press(64, true, 42)
		time.Sleep(time.Minute)
	})
}

func TestMenu(t *testing.T) {
	tests := []struct {
		name string
		keys []uint16
		want []chord.Action
		open bool
	}{
		{"second", []uint16{108, 28}, []chord.Action{chord.RestartSession}, false},
		{"last, from the top", []uint16{103, 96}, []chord.Action{chord.PowerOff}, false},
		{"by number", []uint16{4}, []chord.Action{chord.RestartAgent}, false},
		{"go on", []uint16{28}, nil, false},
		{"escape", []uint16{108, 1}, nil, false},
		{"on a pad", []uint16{0x221, 0x221, 0x130}, []chord.Action{chord.RestartAgent}, false},
		{"other keys", []uint16{30, 31, 272}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.press(0, true, chordKeys...)
				time.Sleep(3 * time.Second)
				b.press(0, false, chordKeys...)
				synctest.Wait()
				for _, k := range tt.keys {
					if !b.Key(0, k, true) {
						t.Errorf("key %d goes to the session; want it kept", k)
					}
					b.Key(0, k, false)
				}
				synctest.Wait()
				if b.Captured() != tt.open || (len(b.last().Menu) > 0) != tt.open {
					t.Errorf("captured %v, shown %+v; want open %v", b.Captured(), b.last(), tt.open)
				}
				if kept := b.Key(0, 30, true); kept != tt.open {
					t.Errorf("a key afterwards is kept: %v; want %v", kept, tt.open)
				}
				time.Sleep(31 * time.Second)
				if b.Captured() {
					t.Error("the menu stays open for ever")
				}
			}, tt.want...)
		})
	}
}

// Keys of the chord are the session's until it is one, and after it when all
// are up.
func TestKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var kept []bool
		key := func(code uint16, down bool) { kept = append(kept, b.Key(0, code, down)) }
		for _, k := range chordKeys {
			key(k, true)
		}
		time.Sleep(6 * time.Second)
		for _, k := range chordKeys {
			key(k, false)
		}
		key(30, true)
		want := []bool{false, false, false, false, true, true, true, false, false}
		if !slices.Equal(kept, want) {
			t.Errorf("kept %v; want %v", kept, want)
		}
	}, chord.RestartSession)
}

func TestMicMute(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if !b.Key(0, 248, true) || !b.Key(0, 248, false) || b.muted != 1 {
			t.Errorf("muted %d times, or the host was told; want once, kept", b.muted)
		}
	})
	if w := chord.New(chord.Config{}); w.Key(0, 248, true) {
		t.Error("without a microphone the key is kept; want it to be the host's")
	}
}

// What is called may never return: the chord works again and again.
func TestEverythingElseHangs(t *testing.T) {
	actions := make(chan chord.Action, 16)
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		w := chord.New(chord.Config{
			OnAction: func(a chord.Action) { actions <- a; <-hang },
			OnShow:   func(chord.Show) { <-hang },
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = w.Run(ctx) }()
		for _, held := range []time.Duration{6 * time.Second, 9 * time.Second, 13 * time.Second, 6 * time.Second} {
			for _, k := range chordKeys {
				w.Key(0, k, true)
			}
			time.Sleep(held)
			for _, k := range chordKeys {
				w.Key(0, k, false)
			}
			synctest.Wait()
		}
		cancel()
		close(hang)
		synctest.Wait()
	})
	close(actions)
	var got []string
	for a := range actions {
		got = append(got, a.String())
	}
	want := []string{chord.RestartSession.String(), chord.RestartAgent.String(), chord.PowerOff.String(), chord.RestartSession.String()}
	if !slices.Equal(got, want) {
		t.Errorf("actions %q; want %q", got, want)
	}
}

// A flood of keys costs neither the chord nor memory.
func TestFlood(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		r := rand.New(rand.NewPCG(1, 2))
		b.press(1, true, chordKeys...)
		for range 60 {
			for range 1000 {
				b.Key(0, uint16(200+r.IntN(500)), r.IntN(2) == 0)
			}
			time.Sleep(100 * time.Millisecond)
		}
		b.press(1, false, chordKeys...)
	}, chord.RestartSession)
	w := chord.New(chord.Config{})
	if n := testing.AllocsPerRun(1000, func() { w.Key(0, 29, true); w.Key(0, 30, true); w.Key(0, 29, false) }); n != 0 {
		t.Errorf("three keys made %v allocations; want 0", n)
	}
}

// What is shown counts down to what comes next.
func TestShown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.press(0, true, chordKeys...)
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if got, want := fmt.Sprintf("%+v", b.last()), fmt.Sprintf("%+v", chord.Show{Held: true, Now: chord.RestartSession, Next: chord.RestartAgent, Left: 2500 * time.Millisecond}); got != want {
			t.Errorf("shown %s; want %s", got, want)
		}
		b.press(0, false, chordKeys...)
		synctest.Wait()
		if s := b.last(); s.Held || len(s.Menu) > 0 {
			t.Errorf("shown at the end: %+v; want nothing", s)
		}
	}, chord.RestartSession)
}

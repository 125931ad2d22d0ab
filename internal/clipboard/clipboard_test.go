package clipboard_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/clipboard"
	"github.com/blade-shadow/terminal/internal/wire"
)

// ends are two clipboards with a control channel between them.
type ends struct {
	t        *testing.T
	a, b     *clipboard.Link
	toA, toB [][]byte
	gotA     []string
	gotB     []string
	drop     func() bool // whether a message cannot be sent
	sent     int
	most     int // messages that may be on the way at once

	mu sync.Mutex // timers send, too
}

func newEnds(t *testing.T) *ends {
	e := &ends{t: t, drop: func() bool { return false }, most: clipboard.Window}
	send := func(to *[][]byte) func([]byte) error {
		return func(b []byte) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.drop() {
				return errors.New("crowded")
			}
			e.sent += len(b)
			*to = append(*to, slices.Clone(b))
			return nil
		}
	}
	e.a = clipboard.New(clipboard.Config{Send: send(&e.toB), OnText: func(s string) { e.gotA = append(e.gotA, s) }})
	e.b = clipboard.New(clipboard.Config{Send: send(&e.toA), OnText: func(s string) { e.gotB = append(e.gotB, s) }})
	return e
}

func (e *ends) setDrop(all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop = func() bool { return all }
}

// run carries messages until none is left.
func (e *ends) run() {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.toA)+len(e.toB) > 0 {
		if n := len(e.toB); n > e.most {
			e.t.Fatalf("%d messages are on the way at once; want %d at most", n, e.most)
		}
		for _, q := range []struct {
			to   *clipboard.Link
			from *[][]byte
		}{{e.a, &e.toA}, {e.b, &e.toB}} {
			if len(*q.from) == 0 {
				continue
			}
			m, rest, err := wire.ParseMessage((*q.from)[0])
			*q.from = (*q.from)[1:]
			if err != nil || len(rest) != 0 {
				e.t.Fatalf("ParseMessage() = %v, %d bytes left", err, len(rest))
			}
			c, err := m.Clipboard()
			if err != nil {
				e.t.Fatal(err)
			}
			e.mu.Unlock()
			q.to.Message(c)
			e.mu.Lock()
		}
	}
}

func TestTexts(t *testing.T) {
	e := newEnds(t)
	long := strings.Repeat("Grüße, 世界! ", wire.MaxClipboard/20)
	for _, text := range []string{"a", "Grüße", strings.Repeat("x", wire.MaxClipboardPart), strings.Repeat("é", 3*wire.MaxClipboardPart), long} {
		e.a.Set(text)
		e.run()
		if n := len(e.gotB); n == 0 || e.gotB[n-1] != text {
			t.Errorf("a text of %d bytes did not arrive as it was", len(text))
		}
	}
	n := e.sent
	e.b.Set(long) // it came from there
	e.a.Set(long) // it is known there
	if e.sent != n {
		t.Error("a text that is known was offered")
	}
	e.b.Set("back")
	e.run()
	e.a.Set("back")
	e.run()
	if !slices.Equal(e.gotA, []string{"back"}) || len(e.gotB) != 5 {
		t.Errorf("came back: %q, and %d texts there; want one and 5", e.gotA, len(e.gotB))
	}
	e.b.Set("a\x00b")
	e.run()
	if e.gotA[1] != "ab" {
		t.Errorf("zero bytes: %q; want them left out", e.gotA[1])
	}
}

func TestRefused(t *testing.T) {
	e := newEnds(t)
	for _, text := range []string{"", "\xff", strings.Repeat("x", wire.MaxClipboard+1)} {
		e.a.Set(text)
	}
	if e.sent != 0 {
		t.Errorf("%d bytes were sent of what is no text or too long", e.sent)
	}
	e.a.Close()
	e.a.Set("late")
	e.a.Message(wire.Clipboard{Op: wire.ClipboardOffer, Serial: 1, Total: 4})
	if e.sent != 0 {
		t.Error("a closed link speaks")
	}
}

// A newer text ends an older one that is on the way, and a channel that takes
// nothing for a while delays it.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnds(t)
		rng := rand.New(rand.NewPCG(1, 2))
		e.most *= 3 // a request that waited was repeated
		e.drop = func() bool { return rng.IntN(4) == 0 }
		text := strings.Repeat("0123456789", 20_000)
		for len(e.toB) == 0 {
			e.a.Set(text + strings.Repeat(".", rng.IntN(9))) // an offer that was not sent is made with the next text
		}
		for range 1000 {
			e.run()
			if len(e.gotB) > 0 {
				break
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
		}
		if len(e.gotB) != 1 || !strings.HasPrefix(e.gotB[0], text) {
			t.Fatalf("%d texts came; want the one", len(e.gotB))
		}
		e.setDrop(true)
		e.b.Message(wire.Clipboard{Op: wire.ClipboardOffer, Serial: 99, Total: 4})
		time.Sleep(time.Minute) // it gives up
		synctest.Wait()
		e.setDrop(false)
		e.b.Message(wire.Clipboard{Op: wire.ClipboardPart, Serial: 99, Total: 4, Data: []byte("late")})
		if len(e.gotB) != 1 {
			t.Errorf("came: %q; want it given up", e.gotB[1:])
		}
		e.a.Close()
		e.b.Close()
	})
}

// FuzzLink proves that no order of messages makes a link panic, keep more than a
// text, or tell of one that is none.
func FuzzLink(f *testing.F) {
	add := func(all ...wire.Clipboard) {
		var b []byte
		for _, c := range all {
			b = wire.AppendClipboard(b, c)
		}
		f.Add(b)
	}
	add(wire.Clipboard{Op: wire.ClipboardOffer, Serial: 1, Total: 2}, wire.Clipboard{Op: wire.ClipboardPart, Serial: 1, Total: 2, Data: []byte("hi")})
	add(wire.Clipboard{Op: wire.ClipboardRequest, Serial: 1, Offset: 3, Total: 4}, wire.Clipboard{Op: 9})
	add(wire.Clipboard{Op: wire.ClipboardOffer, Serial: 1, Total: wire.MaxClipboard}, wire.Clipboard{Op: wire.ClipboardOffer, Serial: 1, Total: 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := clipboard.New(clipboard.Config{
			Send: func([]byte) error { return nil },
			OnText: func(s string) {
				if s == "" || len(s) > wire.MaxClipboard || strings.Contains(s, "\x00") {
					t.Errorf("a text of %d bytes was told", len(s))
				}
			},
		})
		defer l.Close()
		l.Set("own text")
		for len(b) > 0 {
			m, rest, err := wire.ParseMessage(b)
			if err != nil {
				return
			}
			b = rest
			if c, err := m.Clipboard(); err == nil {
				l.Message(c)
			}
		}
	})
}

package client_test

import (
	"bytes"
	"image"
	"image/color"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// shown is what a terminal knows of the host's pointer.
type shown struct {
	mu      sync.Mutex // guards all
	cursors []*client.Cursor
	places  []place
}

type place struct {
	screen  int
	x, y    uint16
	visible bool
}

func (s *shown) configure(c *client.Config) {
	c.OnCursor = func(c *client.Cursor) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cursors = append(s.cursors, c)
	}
	c.OnPointer = func(screen int, x, y uint16, visible bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.places = append(s.places, place{screen, x, y, visible})
	}
}

// last returns the newest shape and place, false where there is none.
func (s *shown) last() (c *client.Cursor, p place, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cursors) == 0 || len(s.places) == 0 {
		return nil, place{}, false
	}
	return s.cursors[len(s.cursors)-1], s.places[len(s.places)-1], true
}

func shapeMessages(t testing.TB, s cursor.Shape) []byte {
	t.Helper()
	b, err := new(cursor.Encoder).Append(nil, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnCursor(t *testing.T) {
	var got shown
	s := newSession(t, got.configure)
	pix := bytes.Repeat([]byte{1, 2, 3, 255}, 6)
	in := append(shapeMessages(t, cursor.Shape{Serial: 4, Width: 3, Height: 2, HotX: 2, HotY: 1, Pix: pix}), wire.AppendPing(nil, 1)...)
	ch := &tube{in: [][]byte{in, shapeMessages(t, cursor.Shape{Serial: 5})}}
	_ = s.Listen(ch) // its end
	if len(got.cursors) != 2 {
		t.Fatalf("OnCursor was told %d shapes; want 2", len(got.cursors))
	}
	c := got.cursors[0]
	if c.Serial != 4 || c.Hot != image.Pt(2, 1) || c.Image.Rect != image.Rect(0, 0, 3, 2) || c.Image.At(2, 1) != (color.RGBA{1, 2, 3, 255}) {
		t.Errorf("OnCursor was told %d, hot %v, %v; want the shape", c.Serial, c.Hot, c.Image)
	}
	if c := got.cursors[1]; c.Serial != 5 || c.Image != nil {
		t.Errorf("OnCursor was told %+v; want that there is nothing to see", c)
	}
	if st := s.Stats().Pointer; st.Shapes != 2 {
		t.Errorf("Stats().Pointer = %+v; want 2 shapes", st)
	}
}

// Parts that do not fit end the session like every other broken word.
func TestBrokenCursor(t *testing.T) {
	r, noise := rand.New(rand.NewPCG(1, 2)), make([]byte, 4*64*64)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	whole := shapeMessages(t, cursor.Shape{Serial: 4, Width: 64, Height: 64, Pix: noise})
	first, rest, err := wire.ParseMessage(whole)
	if err != nil || len(rest) == 0 {
		t.Fatalf("the shape has %d bytes after its first part, %v; want more", len(rest), err)
	}
	tests := []struct {
		name string
		in   []byte
	}{
		{"body cut", wire.AppendMessage(nil, wire.Message{Type: wire.MessageCursor, Body: first.Body[:30]})},
		{"second part first", rest},
		{"no pixels in it", wire.AppendCursor(nil, wire.CursorPart{Serial: 1, Width: 1, Height: 1, Total: 1, Data: []byte{0xff}})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got shown
			s := newSession(t, got.configure)
			ch := &tube{in: [][]byte{tt.in}}
			if err := s.Listen(ch); err == nil {
				t.Error("listen = nil; want an error")
			}
			said := ch.said(t)
			if len(said) != 1 || said[0].Type != wire.MessageBye {
				t.Fatalf("the terminal said %v; want BYE", said)
			}
			if bye, err := said[0].Bye(); err != nil || bye.Code != wire.ByeProtocolError {
				t.Errorf("BYE = %+v, %v; want a protocol error", bye, err)
			}
			if len(got.cursors) != 0 {
				t.Errorf("OnCursor was told %d shapes; want none", len(got.cursors))
			}
		})
	}
}

// The whole way: the host's pointer moves, the terminal knows where and how it
// looks.
func TestPointerOfAHost(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	var got shown
	r := start(t, h.URL, func(c *client.Config) { c.Screens = 2; got.configure(c) })
	r.keyframe(t, 0)
	hosttest.Until(t, "a shape and a place came", func() bool { _, _, ok := got.last(); return ok })
	c, p, _ := got.last()
	if p.visible || c.Image == nil || c.Image.Rect.Size() != image.Pt(15, 20) || c.Hot != image.Pt(1, 1) {
		t.Errorf("pointer = %+v, %+v; want an arrow that is nowhere yet", c, p)
	}
	for i, to := range []place{{1, 32768, 100, true}, {0, 65535, 65535, true}, {1, 0, 0, true}} {
		if err := h.Source.Injector().Absolute(uint8(to.screen), to.x, to.y); err != nil {
			t.Fatal(err)
		}
		moved := time.Now()
		hosttest.Until(t, "the pointer moved", func() bool {
			_, p, _ := got.last()
			off := max(int(p.x)-int(to.x), int(to.x)-int(p.x))
			return p.visible && p.screen == to.screen && off < 65536/hosttest.Width*2
		})
		if d := time.Since(moved); d > time.Second {
			t.Errorf("motion %d came after %v; want far less than a second", i, d)
		}
	}
	r.cancel()
	_ = r.end()
	st := r.Stats().Pointer
	if st.Shapes != 1 || st.Places < 4 || h.Summary().Pointer.Shapes != 1 {
		t.Errorf("Stats().Pointer = %+v, the host sent %+v; want one shape and four places", st, h.Summary().Pointer)
	}
}

// A terminal of one screen sees no pointer that is on another.
func TestPointerOverAnotherScreen(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	var got shown
	r := start(t, h.URL, got.configure)
	r.keyframe(t, 0)
	card := h.Source.Injector()
	for _, visible := range []bool{true, false, true} {
		screen := uint8(1)
		if visible {
			screen = 0
		}
		_ = card.Absolute(screen, 30000, 30000)
		hosttest.Until(t, "the pointer came or went", func() bool {
			_, p, ok := got.last()
			return ok && p.visible == visible && p.screen == 0
		})
	}
}

package host_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// pointedSource is a fakeSource with a pointer that the test moves.
type pointedSource struct {
	*fakeSource
	states  chan source.PointerState // capacity 64: what Next returns, one after another
	refused error                    // what OpenPointer returns
	broken  chan error               // what Next returns
	opened  atomic.Int32
	stirs   atomic.Int32
}

func newPointed() *pointedSource {
	return &pointedSource{
		fakeSource: &fakeSource{}, states: make(chan source.PointerState, 64), broken: make(chan error, 1),
	}
}

func (s *pointedSource) OpenPointer() (source.Pointer, error) {
	if s.refused != nil {
		s.opened.Add(1)
		return nil, s.refused
	}
	s.opened.Add(1)
	return &fakePointer{s}, nil
}

type fakePointer struct{ source *pointedSource }

func (p *fakePointer) Next(ctx context.Context) (source.PointerState, error) {
	select {
	case <-ctx.Done():
		return source.PointerState{}, ctx.Err()
	case st := <-p.source.states:
		return st, nil
	case err := <-p.source.broken:
		return source.PointerState{}, err
	}
}

func (p *fakePointer) Stir()        { p.source.stirs.Add(1) }
func (p *fakePointer) Close() error { return nil }

// dot is a shape of one pixel whose red is v.
func dot(v byte) *source.PointerShape {
	return &source.PointerShape{Width: 1, Height: 1, Pix: []byte{v, 0, 0, 255}}
}

// large is a shape that fills several messages and does not get smaller.
func large() *source.PointerShape {
	r := rand.New(rand.NewPCG(1, 2))
	s := &source.PointerShape{Width: 256, Height: 256, Hot: image.Pt(255, 3), Pix: make([]byte, 4*256*256)}
	for i := range s.Pix {
		s.Pix[i] = byte(r.Uint32())
		if i%4 == 3 {
			s.Pix[i] = 255
		}
	}
	return s
}

// shape waits for the next whole shape among the control messages.
func (p *peer) shape(t *testing.T, j *cursor.Joiner) cursor.Shape {
	t.Helper()
	for {
		m, _, err := wire.ParseMessage(within(t, p.messages, "CURSOR"))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != wire.MessageCursor {
			continue
		}
		part, err := m.Cursor()
		if err != nil {
			t.Fatal(err)
		}
		s, done, err := j.Add(part)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return s
		}
	}
}

// place waits for the next POINTER_AT among the input's replies.
func (p *peer) place(t *testing.T) (seq uint32, at wire.PointerAt) {
	t.Helper()
	for {
		d, err := wire.ParseDatagram(within(t, p.replies, "POINTER_AT"))
		if err != nil {
			t.Fatal(err)
		}
		for r, ok := d.Next(); ok; r, ok = d.Next() {
			if at, ok := r.PointerAt(); ok {
				return d.Seq, at
			}
		}
	}
}

// connectPointed starts a host of src and a terminal that said HELLO.
func connectPointed(t *testing.T, src *pointedSource, screens int, change func(*host.Config)) (*rig, *peer) {
	t.Helper()
	src.screens.Store(int32(screens))
	r := newRig(t, screens, func(c *host.Config) {
		c.Source = src
		if change != nil {
			change(c)
		}
	})
	p := newPeer(t, screens, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	return r, p
}

func TestPointerOfNewTerminal(t *testing.T) {
	src := newPointed()
	at := source.PointerState{Screen: 1, X: 7, Y: 9, Visible: true, Moved: time.Now(), Shape: dot(1)}
	src.states <- at
	r, p := connectPointed(t, src, 2, func(c *host.Config) { c.OpenInput = nil })
	if n := src.opened.Load(); n != 0 {
		t.Errorf("the pointer was opened %d times before HELLO; want none", n)
	}
	p.hello(t)
	var j cursor.Joiner
	if s := p.shape(t, &j); s.Serial != 1 || s.Width != 1 || s.Pix[0] != 1 {
		t.Errorf("first shape = %+v; want that of the source", s)
	}
	src.states <- at // which it repeats, by and by
	seq, got := p.place(t)
	if got.Screen != 1 || got.X != 7 || got.Y != 9 || !got.Visible || got.Shape != 1 {
		t.Errorf("place = %+v; want screen 1, 7, 9", got)
	}
	at.Screen, at.Shape = 2, dot(2) // beyond the session's
	src.states <- at
	next, got := p.place(t)
	for got.Visible { // said twice while the input's channel opened
		next, got = p.place(t)
	}
	if !wire.Newer32(next, seq) || (got != wire.PointerAt{Shape: 2, Age: got.Age}) {
		t.Errorf("place over a screen that is not shown = %+v, number %d after %d; want none", got, next, seq)
	}
	if s := p.shape(t, &j); s.Serial != 2 || s.Pix[0] != 2 {
		t.Errorf("second shape = %+v; want the new one", s)
	}
	if sum := r.server.Summary("", "").Pointer; sum.Shapes != 2 || sum.Bytes == 0 {
		t.Errorf("Summary().Pointer = %+v; want two shapes", sum)
	}
}

// Of shapes that come faster than they are sent the newest counts, and the
// last one always comes.
func TestShapesAreFew(t *testing.T) {
	src := newPointed()
	_, p := connectPointed(t, src, 1, nil)
	p.hello(t)
	start := time.Now()
	const last = 200
	go func() {
		for i := range last + 1 {
			src.states <- source.PointerState{Shape: dot(byte(i)), Moved: time.Now()}
			if i%20 == 0 {
				<-time.After(10 * time.Millisecond)
			}
		}
	}()
	var j cursor.Joiner
	n, serial := 0, uint32(0)
	for {
		s := p.shape(t, &j)
		n++
		if !wire.Newer32(s.Serial, serial) || uint32(s.Pix[0]) != s.Serial-1 {
			t.Fatalf("shape %d after %d, red %d; want a newer one that is red by its number", s.Serial, serial, s.Pix[0])
		}
		if serial = s.Serial; serial == last+1 {
			break
		}
	}
	if most := int(time.Since(start)/(time.Second/30)) + 2; n > most {
		t.Errorf("%d shapes came in %v; want at most %d", n, time.Since(start), most)
	}
}

// A shape that is larger than what may wait in a channel comes whole.
func TestLargeShape(t *testing.T) {
	src := newPointed()
	_, p := connectPointed(t, src, 1, nil)
	p.hello(t)
	all := make(chan []byte, 1024) // the peer's own has room for less
	p.control.OnMessage(func(m webrtc.DataChannelMessage) { all <- m.Data })
	p.messages = all
	want := large()
	src.states <- source.PointerState{Shape: want, Moved: time.Now()}
	if err := p.control.Send(wire.AppendPing(nil, 42)); err != nil {
		t.Fatal(err)
	}
	var j cursor.Joiner
	if s := p.shape(t, &j); s.Serial != 1 || string(s.Pix) != string(want.Pix) || s.HotX != 255 || s.HotY != 3 {
		t.Errorf("shape %d = %dx%d, hot %d,%d; want the source's", s.Serial, s.Width, s.Height, s.HotX, s.HotY)
	}
	src.states <- source.PointerState{Shape: dot(9), Moved: time.Now()}
	if s := p.shape(t, &j); s.Serial != 2 {
		t.Errorf("then came shape %d; want the newest", s.Serial)
	}
}

// A pointer that cannot be watched ends no session.
func TestPointerThatFails(t *testing.T) {
	t.Run("unsupported", func(t *testing.T) {
		src := newPointed()
		src.refused = fmt.Errorf("fake: %w", errors.ErrUnsupported)
		_, p := connectPointed(t, src, 1, nil)
		p.hello(t)
		tr := videoTrack(t, p)
		nextKeyframe(t, tr)
		if _, _, err := tr.ReadRTP(); err != nil || src.opened.Load() != 1 {
			t.Errorf("ReadRTP() = %v after %d attempts; want pictures and one attempt", err, src.opened.Load())
		}
	})
	t.Run("gone", func(t *testing.T) {
		src := newPointed()
		_, p := connectPointed(t, src, 1, func(c *host.Config) { c.OpenInput = nil })
		p.hello(t)
		src.states <- source.PointerState{Visible: true, X: 5, Shape: dot(1), Moved: time.Now()}
		var j cursor.Joiner
		p.shape(t, &j)
		src.states <- source.PointerState{Visible: true, X: 6, Shape: dot(1), Moved: time.Now()}
		for _, at := p.place(t); at.X != 6; _, at = p.place(t) {
		}
		src.broken <- source.ErrGone
		if _, at := p.place(t); at.Visible {
			t.Errorf("place of a pointer that is gone = %+v; want none", at)
		}
		src.states <- source.PointerState{Visible: true, X: 7, Shape: dot(2), Moved: time.Now()}
		if _, at := p.place(t); !at.Visible || at.X != 7 {
			t.Errorf("place of a pointer that is back = %+v; want it", at)
		}
	})
}

// What comes on the input channel may move the pointer.
func TestInputStirsThePointer(t *testing.T) {
	src := newPointed()
	_, p := connectPointed(t, src, 1, nil)
	p.hello(t)
	src.states <- source.PointerState{Shape: dot(1), Moved: time.Now()}
	var j cursor.Joiner
	p.shape(t, &j)
	before := src.stirs.Load()
	if err := p.input.Send([]byte("motion")); err != nil {
		t.Fatal(err)
	}
	within(t, p.replies, "an acknowledgement")
	deadline := time.Now().Add(10 * time.Second)
	for src.stirs.Load() == before {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s for the pointer to be stirred")
		}
	}
}

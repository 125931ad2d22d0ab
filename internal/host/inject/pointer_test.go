package inject_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/wire"
)

// told is a datagram of the host that says where its pointer is.
type told struct {
	seq   uint32
	place wire.PointerAt
	ack   bool // it answers, too
}

// places takes the datagrams of the host so far.
func (h *host) places() (all []told) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.answers {
		one := told{seq: d.Seq}
		has := false
		for r, ok := d.Next(); ok; r, ok = d.Next() {
			if p, ok := r.PointerAt(); ok {
				one.place, has = p, true
			}
			one.ack = one.ack || r.Type == wire.RecordAck
		}
		if has {
			all = append(all, one)
		}
	}
	h.answers = nil
	return all
}

func TestPointerIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		since := time.Now()
		time.Sleep(16 * time.Millisecond)
		want := wire.PointerAt{Screen: 1, Visible: true, X: 7, Y: 8, Shape: 3}
		h.receiver.SetPointer(want, since)
		want.Age = wire.AgeOf(16 * time.Millisecond)
		if got := h.places(); len(got) != 1 || got[0].place != want || got[0].seq != 1 {
			t.Errorf("after SetPointer the host said %+v; want %+v once", got, want)
		}
	})
}

// Of many places the newest is told, every 4 ms.
func TestPointerIsToldSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		for i := range uint16(100) {
			h.receiver.SetPointer(wire.PointerAt{Visible: true, X: i}, time.Now())
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		got := h.places()
		if n := len(got); n < 25 || n > 27 || got[n-1].place.X != 99 {
			t.Errorf("100 places in 100 ms were told %d times, the last %+v; want 26 times and the last", n, got[n-1].place)
		}
	})
}

// What may be lost is told again, until the terminal has the newest place.
func TestPointerIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		h.places()
		h.receiver.SetPointer(wire.PointerAt{Visible: true, X: 5}, time.Now())
		time.Sleep(1010 * time.Millisecond)
		got := h.places()
		if len(got) != 5 {
			t.Fatalf("a place that nobody acknowledges was told %d times in a second; want 5", len(got))
		}
		h.receiver.SetPointer(wire.PointerAt{Visible: true, X: 5}, time.Now()) // no news
		heard := h.header()
		heard.Ack = got[0].seq - 1
		h.send(heard, wire.Pointer{}, wire.Events{}, nil)
		time.Sleep(time.Second)
		if n := len(h.places()); n != 4 {
			t.Errorf("a place that the terminal did not have when it spoke was told %d times in a second; want 4", n)
		}
		heard = h.header()
		heard.Ack = got[0].seq
		h.send(heard, wire.Pointer{}, wire.Events{}, nil)
		time.Sleep(time.Second)
		if n := len(h.places()); n != 0 {
			t.Errorf("a place that the terminal has was told %d times; want none", n)
		}
	})
}

// Answers carry the place, so that they heal what was lost before.
func TestAnswersTellThePointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, inject.Config{})
		h.begin()
		if got := h.places(); len(got) != 0 {
			t.Errorf("the host said %+v; want nothing while nobody knows", got)
		}
		h.receiver.SetPointer(wire.PointerAt{}, time.Now()) // known to be nowhere
		h.places()
		h.send(h.header(), wire.Pointer{}, events(1, down(keyA)), nil)
		h.receiver.SetLEDs(wire.LEDCaps)
		got := h.places()
		if len(got) != 2 || !got[0].ack || !slices.ContainsFunc(got, func(o told) bool { return !o.ack }) {
			t.Errorf("an answer and lamps said %+v; want the place in both", got)
		}
	})
}

func BenchmarkSetPointer(b *testing.B) {
	written := make(chan struct{}, 1)
	r, err := inject.New(inject.Config{Injector: inject.None{}, Write: func([]byte) error {
		select {
		case written <- struct{}{}:
		default:
		}
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	p := wire.PointerAt{Visible: true, X: 1}
	r.SetPointer(p, time.Now())
	<-written
	header := wire.Header{Flags: wire.FlagFocused | wire.FlagSnapshot}
	buf := make([]byte, 0, wire.MaxDatagram)
	b.ReportAllocs()
	for b.Loop() {
		p.X++
		r.SetPointer(p, time.Now())
		header.Seq++
		r.Datagram(wire.AppendHeader(buf[:0], header)) // whose answer tells it at once
		<-written
	}
}

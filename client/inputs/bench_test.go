package inputs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// BenchmarkKey is a key from Handle to the return of Write, with the host's
// acknowledgement, through Run's goroutine.
func BenchmarkKey(b *testing.B) {
	written := make(chan struct{}, 1)
	s, err := inputs.New(inputs.Config{Write: func([]byte) error {
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
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	defer func() { cancel(); wg.Wait() }()
	<-written
	ev := input.Event{Kind: input.KindKey, Usage: keyA, Time: time.Now()}
	id, answer := uint32(1), make([]byte, 0, wire.MaxDatagram)
	b.ReportAllocs()
	for b.Loop() {
		ev.Down = !ev.Down
		s.Handle(ev)
		<-written
		id++
		answer = wire.AppendHeader(answer[:0], wire.Header{Seq: id})
		answer = wire.AppendAck(answer, wire.Ack{Next: id})
		s.Datagram(answer)
	}
}

// BenchmarkMotion is what an 8 kHz mouse costs its reader.
func BenchmarkMotion(b *testing.B) {
	s, err := inputs.New(inputs.Config{Write: func([]byte) error { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	defer func() { cancel(); wg.Wait() }()
	ev := input.Event{Kind: input.KindMotion, DX: 1, Time: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		s.Handle(ev)
	}
}

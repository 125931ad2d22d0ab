package source

import (
	"context"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
)

// pulse is a source of a PulseAudio or PipeWire server.
type pulse struct {
	name    string
	capture *libav.PulseCapture
	opened  time.Time // zero once read from
	// done is of the context that ends capture, unwatch takes that back.
	done    <-chan struct{}
	unwatch func() bool
}

func openPulse(name string) (*pulse, error) {
	capture, err := libav.OpenPulse(name)
	if err != nil {
		return nil, fmt.Errorf("record sound: %w", err)
	}
	return &pulse{
		name: name, capture: capture, opened: time.Now(),
		unwatch: func() bool { return true },
	}, nil
}

// staleSound is how long a source may wait for its first reader. After that it
// is opened again: what has gathered would be late for ever.
const staleSound = 50 * time.Millisecond

// refresh makes sure that the first read begins now.
func (p *pulse) refresh() error {
	stale := !p.opened.IsZero() && time.Since(p.opened) > staleSound
	p.opened = time.Time{}
	if !stale {
		return nil
	}
	capture, err := libav.OpenPulse(p.name)
	if err != nil {
		return fmt.Errorf("record sound: %w", err)
	}
	old := p.capture
	p.capture = capture
	return old.Close()
}

// Read blocks for as long as the source is silent in the server's sense: a
// suspended output sends nothing. Once ctx has ended the source is closed.
func (p *pulse) Read(ctx context.Context, pcm []int16) (time.Time, error) {
	if err := p.refresh(); err != nil {
		return time.Time{}, err
	}
	p.watch(ctx)
	for got := 0; got < len(pcm); {
		n, err := p.capture.Read(pcm[got:])
		if ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("record sound: %w", err)
		}
		got += n
	}
	// The server's buffer is a fragment of a few milliseconds: the last sample
	// is from now.
	return time.Now().Add(-time.Duration(len(pcm)/Channels) * time.Second / SampleRate), nil
}

// watch lets the end of ctx interrupt a blocked read. It does so once for each
// context, not for each read.
func (p *pulse) watch(ctx context.Context) {
	if ctx.Done() == p.done {
		return
	}
	p.unwatch()
	p.done = ctx.Done()
	capture := p.capture
	p.unwatch = context.AfterFunc(ctx, func() { _ = capture.Close() })
}

func (p *pulse) Close() error {
	p.unwatch()
	if err := p.capture.Close(); err != nil {
		return fmt.Errorf("close sound source: %w", err)
	}
	return nil
}

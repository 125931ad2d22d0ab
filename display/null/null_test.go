package null_test

import (
	"context"
	"testing"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/displaytest"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestContract(t *testing.T) {
	displaytest.Run(t, displaytest.Subject{
		New: func(cfg display.Config) (displaytest.Display, error) { return null.New(cfg) },
		Start: func(ctx context.Context, d displaytest.Display) <-chan error {
			result := make(chan error, 1)
			go func() { result <- d.Run(ctx) }()
			return result
		},
	})
}

func TestPersonIsPlayed(t *testing.T) {
	var events []input.Event
	var focus []bool
	var commands []display.Command
	d, err := null.New(null.Config{
		OnInput:   func(e input.Event) { events = append(events, e) },
		OnFocus:   func(on bool) { focus = append(focus, on) },
		OnCommand: func(c display.Command) { commands = append(commands, c) },
	})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	d.Focus(true)
	d.Input(input.Event{Kind: input.KindKey, Usage: 0x70004, Down: true})
	d.Command(display.CommandQuit)
	if len(events) != 1 || len(focus) != 1 || len(commands) != 1 {
		t.Errorf("callbacks = %d, %d, %d; want one each", len(events), len(focus), len(commands))
	}
	if err := d.Run(t.Context()); err != nil {
		t.Errorf("Run() after quit = %v; want nil", err)
	}
}

func TestFramesAreRecorded(t *testing.T) {
	shown := make(chan struct{}, 1)
	d, err := null.New(null.Config{OnShown: func(*media.Frame) { shown <- struct{}{} }})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- d.Run(ctx) }()
	f := media.AllocFrame(media.I420, 16, 8)
	f.FrameID = 7
	d.Present(f)
	<-shown
	cancel()
	<-result
	got := d.Frames()
	if len(got) != 1 || got[0].FrameID != 7 || got[0].Width != 16 || got[0].Height != 8 {
		t.Errorf("Frames() = %+v; want frame 7 of 16x8", got)
	}
}

// A terminal without a screen may run for ever.
func TestFramesAreBounded(t *testing.T) {
	const many = 20_000
	shown := make(chan struct{})
	d, err := null.New(null.Config{OnShown: func(*media.Frame) { shown <- struct{}{} }})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- d.Run(ctx) }()
	for id := range uint32(many) {
		f := media.NewFrame(nil)
		f.FrameID = id
		d.Present(f)
		<-shown
	}
	cancel()
	<-result
	got := d.Frames()
	if n := len(got); n >= many || n == 0 || got[n-1].FrameID != many-1 {
		t.Errorf("Frames() after %d = %d frames; want the last of them, fewer than all", many, n)
	}
}

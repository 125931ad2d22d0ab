package selftest

import (
	"context"
	"fmt"
	"image"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// Output says where to show.
type Output struct {
	Display       string               // outputs.Auto, the default, Window or Card
	Card          string               // node of the graphics card, "": the first with monitors
	Modes         map[string]mode.Mode // own modes by connector, before those of the monitor
	Width, Height int                  // of a window, 0: the stream's
	Fullscreen    bool
}

// kind resolves outputs.Auto, or says what is wrong.
func (o Output) kind() (string, error) {
	switch o.Display {
	case "", outputs.Auto, outputs.Window, outputs.Card:
		return outputs.Resolve(o.Display), nil
	}
	return "", fmt.Errorf("display is %q: use auto, window or card", o.Display)
}

// screenful is a display, window or card.
type screenful interface {
	// Run shows what it is given until ctx ends or the person quits, which is
	// no error. It owns the calling thread meanwhile.
	Run(ctx context.Context) error
	// Present takes ownership of f; the newest frame wins. Any goroutine.
	Present(f *media.Frame)
	// Stats counts what became of the frames. Any goroutine.
	Stats() display.Stats
}

// What only some displays can do. All methods are for any goroutine.
type (
	// monitors owns its monitors.
	monitors interface {
		Capabilities() kms.Capabilities
		SetStream(screen, width, height int, rate mode.Rate)
		Figures(screen int) (display.Figures, bool)
		Capture(screen int) (*image.RGBA, error)
	}
	// recorder has its own distributions.
	recorder interface {
		Figures(screen int) (display.Figures, bool)
	}
	// lister knows the kernel's modes of a connector, and those that it tries,
	// best first.
	lister interface {
		Modes(connector string) (kernel, tried []mode.Mode)
	}
	// copier counts the bytes of pictures that the CPU has copied on their way
	// to a screen, uploaded or converted, and the dma-bufs that were imported.
	copier interface {
		Copied(screen int) (bytes, imports uint64)
	}
)

// plan is what a test needs of a display.
type plan struct {
	Output
	kind     string // outputs.Window or Card
	screens  int
	policy   pace.Policy
	config   display.Config // callbacks and logger
	rejected func(screen int)
}

// openDisplay opens the product's display.
func openDisplay(p plan) (screenful, error) {
	c := p.config
	c.Screens, c.Width, c.Height, c.Fullscreen = p.screens, p.Width, p.Height, p.Fullscreen
	return outputs.Open(outputs.Config{
		Config: c, Kind: p.kind, Card: p.Card, Modes: p.Modes, Policy: p.policy, OnImportFailed: p.rejected,
	})
}

// describeDisplay names it as reports have it.
func describeDisplay(kind string, d screenful) string {
	m, ok := d.(monitors)
	if !ok {
		return kind
	}
	c := m.Capabilities()
	return fmt.Sprintf("%s %s (%s), %s", kind, c.Card, c.Driver, c.GL.Renderer)
}

// decoders opens the chain of decoders that the product would.
func decoders(device string, d screenful, c Common) *decode.Hardware {
	return decode.OpenHardware(decode.HardwareConfig{Device: device, DMABuf: outputs.DrawsDMABuf(d, c.Logger), Logger: c.Logger})
}

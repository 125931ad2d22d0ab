package selftest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
)

// Displays that Output.Display names.
const (
	Auto   = "auto"   // windows where there is a window system, else the graphics card
	Window = "window" // on X11 or Wayland
	Card   = "card"   // the monitors themselves
)

// Output says where to show.
type Output struct {
	Display       string               // Auto, the default, Window or Card
	Card          string               // node of the graphics card, "": the first with monitors
	Modes         map[string]mode.Mode // own modes by connector, before those of the monitor
	Width, Height int                  // of a window, 0: the stream's
	Fullscreen    bool
}

// kind resolves Auto, or says what is wrong.
func (o Output) kind() (string, error) {
	switch o.Display {
	case Window, Card:
		return o.Display, nil
	case "", Auto:
	default:
		return "", fmt.Errorf("display is %q: use auto, window or card", o.Display)
	}
	if os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" {
		return Window, nil
	}
	return Card, nil
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
	kind     string // Window or Card
	screens  int
	policy   pace.Policy
	config   display.Config // callbacks and logger
	rejected func(screen int)
}

// openDisplay opens the product's display.
func openDisplay(p plan) (screenful, error) {
	c := p.config
	c.Screens, c.Width, c.Height, c.Fullscreen = p.screens, p.Width, p.Height, p.Fullscreen
	if p.kind == Window {
		d, err := sdl.New(sdl.Config{Config: c, OnImportFailed: p.rejected})
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	d, err := kms.New(kms.Config{Config: c, Card: p.Card, Modes: p.Modes, Policy: p.policy, OnImportFailed: p.rejected})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("%w: with a window system running, set DISPLAY or WAYLAND_DISPLAY", err)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
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

// dmabuf says whether pictures may stay on the GPU.
func dmabuf(d screenful) bool {
	m, ok := d.(monitors)
	return ok && m.Capabilities().DMABuf
}

// decoders opens the chain of decoders that the product would.
func decoders(device string, d screenful, c Common) *decode.Hardware {
	return decode.OpenHardware(decode.HardwareConfig{Device: device, DMABuf: dmabuf(d), Logger: c.Logger})
}

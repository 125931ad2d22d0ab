// Package outputs opens the display that the terminal shows on: windows where
// there is a window system, else the monitors of the graphics card, or nothing
// at all to test a line. Sessions and self tests get the same display from it,
// and the same answer to what it can draw. It shows nothing itself, decodes
// nothing and starts no goroutine.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Kinds of display, as people name them.
const (
	Auto   = "auto"   // windows where there is a window system, else the graphics card
	Window = "window" // on X11 or Wayland
	Card   = "card"   // the monitors themselves, without a window system
	None   = "none"   // nowhere, 60 times a second: to test a line
)

// Resolve returns what Auto, or "", is on this machine, and every other kind as
// it is.
func Resolve(kind string) string {
	switch {
	case kind != "" && kind != Auto:
		return kind
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		return Window
	}
	return Card
}

// Display is what all kinds can do. All methods but Run may be called from any
// goroutine and return at once.
type Display interface {
	// Run shows what it is given until ctx ends or the person quits, which is
	// no error. It owns the calling thread meanwhile.
	Run(ctx context.Context) error
	// Present takes ownership of f; the newest frame wins.
	Present(f *media.Frame)
	// SetStatus shows words and keeps frames behind them; nil takes them off.
	SetStatus(screen int, st *ui.Status)
	// SetOverlay shows figures over the frames; nil takes them off.
	SetOverlay(screen int, st *ui.Stats)
	// Stats counts what became of the frames; it has an entry a screen.
	Stats() display.Stats
}

// Config describes a display. What a kind has no use for it ignores.
type Config struct {
	display.Config

	Kind           string               // Window, Card or None: see Resolve
	GPU            sdl.GPU              // whether windows are drawn by it
	Card           string               // node of the graphics card, "": the first with monitors
	Modes          map[string]mode.Mode // own modes by connector, before those of the monitor
	Policy         pace.Policy          // of monitors
	Choices        *mode.Store          // what was chosen for each monitor; nil: nothing
	OnImportFailed func(screen int)     // its dma-bufs cannot be drawn; see kms.Config and sdl.Config
}

// Open opens a display. It wraps errors.ErrUnsupported where the machine has
// none of its kind.
func Open(c Config) (Display, error) {
	switch c.Kind {
	case Window:
		d, err := sdl.New(sdl.Config{Config: c.Config, GPU: c.GPU, OnImportFailed: c.OnImportFailed})
		if err != nil {
			return nil, err // not a nil display in an interface
		}
		return d, nil
	case None:
		d, err := null.New(c.Config)
		if err != nil {
			return nil, err
		}
		d.SetRefresh(time.Second / 60)
		return d, nil
	}
	d, err := kms.New(kms.Config{
		Config: c.Config, Card: c.Card, Modes: c.Modes, Policy: c.Policy, Choices: c.Choices, OnImportFailed: c.OnImportFailed,
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("%w: with a window system running, set DISPLAY or WAYLAND_DISPLAY", err)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// DrawsDMABuf reports whether a display draws pictures that stay on the GPU, and
// logs why.
func DrawsDMABuf(d any, log *slog.Logger) bool {
	switch d := d.(type) {
	case interface{ Capabilities() kms.Capabilities }:
		can := d.Capabilities()
		log.Info("graphics card", "card", can.Card, "driver", can.Driver, "dmabuf", can.DMABuf, "reason", can.Reason)
		return can.DMABuf
	case interface{ Capabilities() sdl.Capabilities }:
		can := d.Capabilities()
		log.Info("windows", "renderer", can.Renderer, "dmabuf", can.DMABuf, "proved", can.Proved, "reason", can.Reason)
		return can.DMABuf
	}
	return false
}

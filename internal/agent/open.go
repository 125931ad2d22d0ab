package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
)

// Displays that Config.Display names.
const (
	DisplayAuto   = "auto"   // windows where there is a window system, else the graphics card
	DisplayWindow = "window" // on X11 or Wayland
	DisplayCard   = "card"   // the monitors themselves, without a window system
	DisplayNone   = "none"   // nowhere, 60 times a second: to test a line
)

// displayKind resolves DisplayAuto.
func displayKind(wanted string) string {
	switch {
	case wanted != "" && wanted != DisplayAuto:
		return wanted
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		return DisplayWindow
	}
	return DisplayCard
}

// openDisplay opens what the configuration names.
func openDisplay(a *Agent, c display.Config) (outputs, error) {
	switch a.cfg.Display {
	case DisplayWindow:
		return sdl.New(sdl.Config{Config: c, GPU: a.cfg.GPU, OnImportFailed: a.onImportFailed})
	case DisplayNone:
		d, err := null.New(c)
		if err == nil {
			d.SetRefresh(time.Second / 60)
		}
		return d, err
	}
	d, err := kms.New(kms.Config{
		Config: c, Card: a.cfg.Card, Modes: a.cfg.Modes, Choices: a.choices, OnImportFailed: a.onImportFailed,
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("%w: with a window system running, set DISPLAY or WAYLAND_DISPLAY", err)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// openHardware finds what decodes. What the display can draw decides whether
// pictures may stay on the GPU.
func (a *Agent) openHardware() error {
	cfg := decode.HardwareConfig{Device: a.cfg.Decoder, Logger: a.cfg.Logger}
	switch d := a.display.(type) {
	case interface{ Capabilities() kms.Capabilities }:
		can := d.Capabilities()
		cfg.DMABuf = can.DMABuf
		a.log.Info("graphics card", "card", can.Card, "driver", can.Driver, "dmabuf", can.DMABuf, "reason", can.Reason)
	case interface{ Capabilities() sdl.Capabilities }:
		can := d.Capabilities()
		cfg.DMABuf = can.DMABuf
		a.log.Info("windows", "renderer", can.Renderer, "dmabuf", can.DMABuf, "proved", can.Proved, "reason", can.Reason)
	}
	if a.cfg.StateDir != "" {
		cfg.Memory = filepath.Join(a.cfg.StateDir, "decoders.json")
	}
	a.hardware = decode.OpenHardware(cfg)
	a.wants.decoders = proved(a.hardware.Capabilities())
	a.accelerated = slices.ContainsFunc(a.wants.decoders, func(c decode.Capability) bool { return c.Hardware })
	wanted, able := a.cfg.Codecs, a.wants.decoders
	if len(wanted) == 0 {
		wanted, able = []media.Codec{media.CodecH264, media.CodecHEVC}, hardwareOnly(able)
	}
	if a.cfg.Codecs = decodable(wanted, able); len(a.cfg.Codecs) == 0 {
		return fmt.Errorf("nothing here decodes %v: FFmpeg's decoders are needed: %w", wanted, errors.ErrUnsupported)
	}
	return nil
}

// hardwareOnly leaves out what only software decodes, where hardware decodes
// something: a host that took that codec could not send what was promised.
func hardwareOnly(all []decode.Capability) []decode.Capability {
	out := slices.DeleteFunc(slices.Clone(all), func(c decode.Capability) bool { return !c.Hardware })
	if len(out) == 0 {
		return all
	}
	return out
}

// decodable keeps the codecs that something here decodes, in their order.
func decodable(wanted []media.Codec, can []decode.Capability) []media.Codec {
	var out []media.Codec
	for _, w := range wanted {
		for _, c := range can {
			if c.Codec == w {
				out = append(out, w)
				break
			}
		}
	}
	return out
}

// openChoices opens the memory of what was chosen for each monitor. One that
// was damaged is set aside by the store, and said.
func (a *Agent) openChoices() error {
	if a.cfg.StateDir == "" {
		return nil
	}
	if err := os.MkdirAll(a.cfg.StateDir, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	store, err := mode.OpenStore(filepath.Join(a.cfg.StateDir, mode.FileName))
	if store == nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if err != nil {
		a.log.Warn("monitors are chosen anew", "err", err)
	}
	a.choices = store
	return nil
}

package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// openDisplay opens what the configuration names.
func openDisplay(a *Agent, c display.Config) (outputs.Display, error) {
	return outputs.Open(outputs.Config{
		Config: c, Kind: a.cfg.Display, GPU: a.cfg.GPU, Card: a.cfg.Card, Modes: a.cfg.Modes,
		Choices: a.choices, OnImportFailed: a.onImportFailed,
	})
}

// openHardware finds what decodes. What the display can draw decides whether
// pictures may stay on the GPU.
func (a *Agent) openHardware() error {
	cfg := decode.HardwareConfig{Device: a.cfg.Decoder, DMABuf: outputs.DrawsDMABuf(a.display, a.log), Logger: a.cfg.Logger}
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

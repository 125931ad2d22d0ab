package inject

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Mode says through what input is injected.
type Mode string

// The modes.
const (
	ModeAuto   Mode = "auto"   // UInput where the display's X server listens to it, else XTest
	ModeUInput Mode = "uinput" // the kernel; needs write access to /dev/uinput
	ModeXTest  Mode = "xtest"  // the XTEST extension of an X server
	ModeNone   Mode = "none"   // input is dropped
)

// ParseMode reads a mode as it stands in flags and files; "" is [ModeAuto].
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case "":
		return ModeAuto, nil
	case ModeAuto, ModeUInput, ModeXTest, ModeNone:
		return m, nil
	}
	return "", fmt.Errorf("input mode %q is not known: use auto, uinput, xtest or none", s)
}

// Region is where a screen's picture lies on the desktop, in pixels.
type Region struct{ X, Y, Width, Height int }

// DeviceConfig says where input goes.
type DeviceConfig struct {
	Mode    Mode   // "": ModeAuto
	Display string // X display such as ":0"; "": none, so that only the kernel is left
	// Regions are the screens' places on the desktop, by index; none: screen 0
	// is the whole display. Absolute input for other screens is dropped.
	Regions []Region
	Logger  *slog.Logger // nil: discard
}

// Device is an open [Injector]. Close is idempotent; it may be called from any
// goroutine once the others have ended.
type Device interface {
	Injector
	io.Closer
	Name() string // its Mode: never auto
	// SetRegions replaces DeviceConfig.Regions; any goroutine may call it.
	SetRegions([]Region)
}

// appearTimeout bounds how long Open waits for an X server to announce a
// device that was just created.
const appearTimeout = 2 * time.Second

// Open opens the device that cfg asks for. Errors wrap [errors.ErrUnsupported]
// where the machine lacks what it needs.
func Open(cfg DeviceConfig) (Device, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch cfg.Mode {
	case ModeNone:
		return None{}, nil
	case ModeUInput:
		return device(openUInput(cfg))
	case ModeXTest:
		return device(openXTest(cfg))
	case ModeAuto, "":
		return openAuto(cfg)
	}
	return nil, fmt.Errorf("open input: mode %q is not known", cfg.Mode)
}

// openAuto prefers the kernel, whose devices every program takes for real
// ones, but only if they lead to the display: a virtual X server does not
// listen to them.
func openAuto(cfg DeviceConfig) (Device, error) {
	if cfg.Display == "" {
		return device(openUInput(cfg))
	}
	u, uinputErr := openUInput(cfg)
	if uinputErr == nil {
		uinputErr = waitForDevice(cfg.Display, u.names(), appearTimeout)
		if uinputErr == nil {
			return u, nil
		}
		uinputErr = errors.Join(uinputErr, u.Close())
	}
	cfg.Logger.Debug("uinput not used", "err", uinputErr)
	x, err := openXTest(cfg)
	if err != nil {
		return nil, errors.Join(err, uinputErr)
	}
	return x, nil
}

// device keeps a nil pointer from becoming a Device that is not nil.
func device[D Device](d D, err error) (Device, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// span maps v, 0..65535 over a picture, to one of n pixels that begin at from.
func span(v uint16, from, n int) int { return from + int(v)*n>>16 }

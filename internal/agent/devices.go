package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/chord"
	"github.com/blade-shadow/terminal/peripherals/devices"
	"github.com/blade-shadow/terminal/peripherals/gamepad"
	"github.com/blade-shadow/terminal/peripherals/power"
)

// openDevices makes what reads keyboards and mice where no window system does,
// and what hears the panic chord in them.
func (a *Agent) openDevices() (err error) {
	if _, card := a.display.(console); !card {
		return nil
	}
	a.chord = chord.New(chord.Config{OnAction: a.onPanic, OnShow: a.showMenu, OnMicMute: a.muteMicrophone})
	pads, err := a.openPads()
	if err != nil {
		return err
	}
	a.devices, err = devices.New(devices.Config{
		Dir: a.cfg.InputDir, Pads: pads, Open: a.parts.openDevice, Sink: deviceSink{a}, Chord: a.chord, Logger: a.log.With("component", "input"),
	})
	if err != nil {
		return fmt.Errorf("input: %w", err)
	}
	a.power = power.New(power.Config{Dial: a.parts.dialBus, OnSleep: a.onSleep, Logger: a.log})
	return nil
}

// padFile is the operator's newer database of pads, in the state folder.
const padFile = "gamecontrollerdb.txt"

// openPads reads what is known of pads. A file that cannot be read is said; the
// pads that the program knows are there all the same.
func (a *Agent) openPads() (*gamepad.Database, error) {
	pads, err := gamepad.Shipped()
	if err != nil || a.cfg.StateDir == "" {
		return pads, err
	}
	f, err := os.Open(filepath.Join(a.cfg.StateDir, padFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return pads, nil
	case err == nil:
		err = errors.Join(pads.Load(f), f.Close())
	}
	if err != nil {
		a.log.Warn("the file of pads is not used", "file", padFile, "err", err)
	}
	return pads, nil
}

// runDevices reads the devices until ctx ends.
func (a *Agent) runDevices(ctx context.Context) error {
	a.devices.Grab(a.hasFocus())
	return a.devices.Run(ctx)
}

// deviceSink takes what devices say; their goroutines.
type deviceSink struct{ a *Agent }

func (s deviceSink) Handle(ev input.Event) { s.a.onInput(ev) }

func (s deviceSink) Pad(p input.Pad) {
	s.a.events.Add(1)
	s.a.idle.touch()
	if q := s.a.question.Load(); q != nil {
		if s.a.menu.Load() == nil {
			q.pad(p)
		}
		return
	}
	if at := s.a.session.Load(); at != nil {
		at.Pad(p)
	}
}

// Touch sends what touches a touch screen, which lies over the first screen.
func (s deviceSink) Touch(t *input.Touch) {
	if at := s.at(); at != nil {
		at.Touch(0, t)
	}
}

func (s deviceSink) Pen(p *input.Pen) {
	if at := s.at(); at != nil {
		at.Pen(0, *p)
	}
}

// at counts an event and returns the session that it is for.
func (s deviceSink) at() *attempt {
	s.a.events.Add(1)
	s.a.idle.touch()
	if s.a.question.Load() != nil {
		return nil
	}
	return s.a.session.Load()
}

func (s deviceSink) Unplugged(device uint8) {
	if at := s.a.session.Load(); at != nil {
		at.Unplugged(device)
	}
}

// onLEDs has keyboards show what the host says; a goroutine of the session's.
func (a *Agent) onLEDs(lit uint8) {
	if a.devices != nil {
		a.devices.SetLEDs(lit)
	}
}

// onFeedback has a pad do what the host wants of it; a goroutine of the
// session's. Pads whose triggers have motors turn the light one for them.
func (a *Agent) onFeedback(f inputs.Feedback) {
	if a.devices == nil || f.Type != wire.RecordRumble {
		return
	}
	r := f.Rumble
	a.devices.Rumble(r.Pad, r.Low, max(r.High, r.LeftTrigger, r.RightTrigger), r.TTL)
}

// onSleep lets go of everything before the machine sleeps, and looks for
// devices when it is awake again; power's goroutine.
func (a *Agent) onSleep(asleep bool) {
	at := a.session.Load()
	switch {
	case !asleep:
		a.idle.touch()
		a.devices.Rescan()
	case at != nil:
		at.ReleaseAll()
	}
}

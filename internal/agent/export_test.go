package agent

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// Build is New with another display and another decoder.
func Build(cfg Config, open func(display.Config) (outputs.Display, error), decoder func(media.Codec) (decode.Backend, error)) (*Agent, error) {
	return build(cfg, parts{openDisplay: func(_ *Agent, c display.Config) (outputs.Display, error) { return open(c) }, openDecoder: decoder, showTimeout: 3 * time.Second})
}

// BuildTerminal is Build with input devices of the test's, USB devices too,
// and without a system bus.
func BuildTerminal(cfg Config, usbDevices func(usb.Config) Redirector, open func(display.Config) (outputs.Display, error), decoder func(media.Codec) (decode.Backend, error), device func(path string) (*evdev.Device, error)) (*Agent, error) {
	return build(cfg, parts{
		openDisplay: func(_ *Agent, c display.Config) (outputs.Display, error) { return open(c) }, openDecoder: decoder, showTimeout: 3 * time.Second,
		openDevice: device,
		openUSB:    usbDevices,
		dialBus:    func(...dbus.ConnOption) (*dbus.Conn, error) { return nil, errors.ErrUnsupported },
	})
}

// Redirector gives USB devices away.
type Redirector = redirector

// Describe and Sentence make words of errors.
var (
	Describe = describe
	Sentence = sentence
)

// Backoff decides how long to wait between sessions.
type Backoff = backoff

// Next is the next wait.
func (b *Backoff) Next(err error, lived bool) time.Duration { return b.next(err, lived) }

// BrokerWords and About make words of a broker's answer.
var (
	BrokerWords = brokerWords
	About       = about
)

// Silence tells the agent what its session would: whether the host is heard.
func (a *Agent) Silence(silent bool) { a.onSilence(silent) }

// ViewOnly tells the agent what its session would: the host takes no input.
func (a *Agent) ViewOnly(reason string) { a.onViewOnly(reason) }

// AskBluetooth asks as BlueZ would have it asked.
func (a *Agent) AskBluetooth(ctx context.Context, q bluetooth.Question) (string, bool) {
	return a.askBluetooth(ctx, q)
}

// ShowBluetooth shows what the manager would.
func (a *Agent) ShowBluetooth(s bluetooth.State) { a.onBluetooth(s) }

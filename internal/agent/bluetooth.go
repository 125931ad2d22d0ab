package agent

import (
	"context"
	"fmt"

	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// openBluetooth makes what answers for the person when a Bluetooth device pairs:
// on the screen, with the keyboard or a pad that is there already.
func (a *Agent) openBluetooth() {
	if _, card := a.display.(console); card {
		a.bluetooth = bluetooth.New(bluetooth.Config{
			Dial: a.parts.dialBus, Ask: a.askBluetooth, OnChange: a.onBluetooth, Logger: a.log.With("component", "bluetooth"),
		})
	}
}

// askBluetooth asks the person; a goroutine of the manager's.
func (a *Agent) askBluetooth(ctx context.Context, q bluetooth.Question) (answer string, yes bool) {
	name := q.Device.Name
	switch q.Want {
	case bluetooth.WantConfirm:
		n, err := a.ask(ctx, fmt.Sprintf("Does %s show this number?", name), q.Code, "Yes", "No")
		return "", err == nil && n == 0
	case bluetooth.WantAllow:
		n, err := a.ask(ctx, fmt.Sprintf("May this %s be used without its cable?", q.Device.Kind), name, "Yes", "No")
		return "", err == nil && n == 0
	}
	about := "digits, then Enter"
	if q.Again {
		about = "That was not it. " + about
	}
	digits, err := a.askDigits(ctx, fmt.Sprintf("%s of %s", q.Want, name), about)
	return digits, err == nil
}

// onBluetooth shows the code that the person types on a device that pairs; a
// goroutine of the manager's.
func (a *Agent) onBluetooth(s bluetooth.State) {
	if a.usb != nil {
		idle := true
		for _, d := range s.Devices {
			idle = idle && !d.Paired && !d.Connected
		}
		a.usb.setBluetoothIdle(idle && s.Pairing == "")
	}
	code := ""
	if s.Shown != nil {
		code = s.Shown.Code
		if s.Shown.Typed > 0 {
			code = fmt.Sprintf("%s (%d typed)", code, s.Shown.Typed)
		}
	}
	if code == a.code { // one goroutine
		return
	}
	a.code = code
	if code == "" {
		a.showQuestion(nil)
		return
	}
	a.showQuestion(&ui.Stats{Title: "Type this on the device", Rows: []ui.Row{{Label: code}, {Label: "and press Enter there"}}})
}

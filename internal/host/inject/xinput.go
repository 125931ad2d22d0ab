package inject

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// listInputDevices is a request of the XInputExtension, version 1, whose
// layout is that of the X Input Device Extension Protocol, 2.4.
const (
	xinputName       = "XInputExtension"
	listInputDevices = 2
	xReplyHeader     = 32
	xDeviceInfo      = 8
)

// waitForDevice returns nil as soon as the X server of display has devices of
// all the names, and an error when timeout has passed without.
func waitForDevice(display string, names []string, timeout time.Duration) error {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return fmt.Errorf("list input devices: connect to X display %s: %w", display, err)
	}
	defer conn.Close()
	const poll = 50 * time.Millisecond
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); ; {
		present, err := xDeviceNames(conn)
		if err != nil {
			return fmt.Errorf("list input devices: X display %s: %w", display, err)
		}
		if !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(present, n) }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("display %s does not take kernel input devices: %w", display, errors.ErrUnsupported)
		}
		<-tick.C
	}
}

// xDeviceNames asks the X server for the names of its input devices.
func xDeviceNames(conn *xgb.Conn) ([]string, error) {
	extension, err := xproto.QueryExtension(conn, uint16(len(xinputName)), xinputName).Reply()
	if err != nil {
		return nil, err
	}
	if !extension.Present {
		return nil, fmt.Errorf("no %s: %w", xinputName, errors.ErrUnsupported)
	}
	cookie := conn.NewCookie(true, true)
	conn.NewRequest([]byte{extension.MajorOpcode, listInputDevices, 1, 0}, cookie)
	reply, err := cookie.Reply()
	if err != nil {
		return nil, err
	}
	return parseDeviceNames(reply)
}

// parseDeviceNames reads a reply of ListInputDevices: a header, a fixed part
// for each device, the classes of all devices, then the names.
func parseDeviceNames(b []byte) ([]string, error) {
	bad := errors.New("reply of ListInputDevices is too short")
	if len(b) < xReplyHeader {
		return nil, bad
	}
	devices, b := int(b[8]), b[xReplyHeader:]
	if len(b) < devices*xDeviceInfo {
		return nil, bad
	}
	classes := 0
	for i := range devices {
		classes += int(b[i*xDeviceInfo+5])
	}
	b = b[devices*xDeviceInfo:]
	for range classes {
		if len(b) < 2 || b[1] < 2 || len(b) < int(b[1]) {
			return nil, bad
		}
		b = b[b[1]:]
	}
	names := make([]string, 0, devices)
	for range devices {
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return nil, bad
		}
		end := 1 + int(b[0])
		names = append(names, string(b[1:end]))
		b = b[end:]
	}
	return names, nil
}

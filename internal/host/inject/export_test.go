package inject

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/input"
)

// NewKeycodes gives the table from usages to evdev codes.
func NewKeycodes() (func(input.Usage) uint16, error) {
	k, err := newKeycodes()
	if err != nil {
		return nil, err
	}
	return k.code, nil
}

// Feed applies datagrams in the caller's goroutine, before Run.
func Feed(r *Receiver, datagrams ...[]byte) error {
	for _, b := range datagrams {
		p := &packet{}
		if len(b) > len(p.data) {
			continue
		}
		p.size = copy(p.data[:], b)
		if err := r.take(p); err != nil {
			return err
		}
	}
	return nil
}

// RoundTrip returns when the X server has seen all that dev sent.
func RoundTrip(dev Device) error {
	_, err := xproto.GetInputFocus(dev.(*XTest).conn).Reply()
	return err
}

// DeviceNames lists the input devices of an X server.
func DeviceNames(conn *xgb.Conn) ([]string, error) { return xDeviceNames(conn) }

// ParseDeviceNames reads a reply of ListInputDevices.
func ParseDeviceNames(b []byte) ([]string, error) { return parseDeviceNames(b) }

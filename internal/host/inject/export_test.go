package inject

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/wire"
)

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

// PadEvents gives the kernel's events of a pad's state as "type/code/value".
func PadEvents(p wire.Pad) (events []string) {
	padEvents(p, padButtons(), func(kind, code uint16, value int32) {
		events = append(events, fmt.Sprintf("%d/%d/%d", kind, code, value))
	})
	return events
}

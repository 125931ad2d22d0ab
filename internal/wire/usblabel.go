package wire

import (
	"strconv"
	"strings"
)

// The data channel of a redirected USB device, on a connection of its own
// (docs/PROTOCOL.md, "USB").
const (
	USBProtocol = "usbip"
	usbLabel    = "st.usb."
)

// USBLabel is the label of the channel of an offered device.
func USBLabel(id uint32) string { return usbLabel + strconv.FormatUint(uint64(id), 10) }

// ParseUSBLabel reads the device's number from such a label, which has one
// spelling.
func ParseUSBLabel(label string) (id uint32, ok bool) {
	number, ok := strings.CutPrefix(label, usbLabel)
	n, err := strconv.ParseUint(number, 10, 32)
	return uint32(n), ok && err == nil && USBLabel(uint32(n)) == label
}

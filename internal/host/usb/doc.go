// Package usb is the host's end of a redirected USB device: it plugs the
// device into a port of the kernel's virtual host controller (vhci-hcd) and
// relays what the kernel says over a channel to the terminal.
//
// [Ports.Attach] takes an offer and a channel, finds a free port of the
// device's speed, attaches and relays (package internal/usbip) until the
// context, the terminal, a violation of the protocol or somebody who detaches
// the device ends it; then the port is free again.
//
// The terminal is not trusted: what it sends is checked before the kernel has
// it, and of the offer only its number and its speed, both checked, reach the
// kernel. But a device is what its descriptors say to the kernel, not what the
// offer says: who attaches one lets a stranger plug in a keyboard. Whether to
// is the caller's decision.
//
// The package loads no module, opens no channel, and starts no goroutine but
// those of the relay. Where vhci-hcd is missing Attach fails with
// [errors.ErrUnsupported]. Windows hosts need a driver of their own.
//
// Source: Linux, drivers/usb/usbip/vhci_sysfs.c as to what its files take.
package usb

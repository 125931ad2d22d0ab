// Package usbip is what both ends of a redirected USB device share: the bytes
// of USB/IP, a check of them, and the relay between a kernel and a peer.
//
// The kernel speaks USB/IP itself, as server where the device is (usbip-host)
// and as client where it is used (vhci-hcd), each over a socket that it is
// handed. What stands in between is ours, on both ends: [Relay] carries the
// bytes between this machine's kernel and the peer, and a [Session] looks at
// every header on the way, so that a hostile peer cannot hand the kernel
// nonsense: unknown commands, another device, lengths that are no lengths,
// answers to what nobody asked, isochronous packets outside of their buffer,
// flags that mean something only inside of one kernel.
//
// The check is a second lock, not the only one. It knows no settings of
// interfaces, so it lets pass what is for an endpoint that the device has, but
// has not switched on; and what the payload says to the device is between the
// device and its driver.
//
// It does no I/O of its own, finds and binds no device (peripherals/usb and
// internal/host/usb do), and neither encrypts nor authenticates: its bytes are
// only ever inside a connection that does. The first violation ends the
// stream; there is no way to find the next header after nonsense.
//
// [Relay] owns two goroutines and two buffers of 64 KiB, and reads nothing
// that it has no room for: a slow end slows the other down.
//
// Sources: Linux, Documentation/usb/usbip_protocol.rst, uapi/linux/usbip.h;
// USB 2.0, 9.3 and 9.6.
package usbip

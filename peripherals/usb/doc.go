// Package usb lists the USB devices of the terminal, says how each reaches the
// host and why, and gives those away that the person lets the host have: by
// USB/IP, with the kernel's usbip-host.
//
// [Redirector.List] reads sysfs. Keyboards, mice and pads go as input events,
// cameras and sound by routes of their own; everything else may be redirected,
// if the person agrees. What the terminal itself lives on is never given away:
// hubs, a network adapter that is up, a disk with something mounted, the last
// keyboard, the Bluetooth adapter.
//
// [Redirector.Share] takes one device from its driver, binds it to usbip-host,
// hands the kernel one end of a socket pair and relays the other one (package
// internal/usbip) over a channel that the caller opens. However that ends, by
// the context, the host, the channel, a violation of the protocol, an unplugged
// device or an error halfway, the device goes back to its driver. What an agent
// that died left with usbip-host, [Redirector.GiveBack] returns: it is called
// once before anything is shared, and takes all devices of usbip-host for ours.
//
// Everything that comes from a device is hostile: descriptors and names are
// bounded and cleaned, and a device that cannot be looked through is not given
// away. A device may lie about what it is; it is asked about again when it comes
// back with other interfaces, or into another port where it has no serial
// number.
//
// The package loads no kernel module, keeps consent in memory only, draws no
// question on the screen, opens no channel and knows no host. Where usbip-host
// is missing, Share fails with [errors.ErrUnsupported] before anything was
// touched.
//
// It starts no goroutine but those of Relay, which Share waits for. Sources:
// Linux, Documentation/ABI/testing/sysfs-bus-usb, drivers/usb/usbip/stub_main.c
// and stub_dev.c as to what their files take; USB-IF, Defined Class Codes.
package usb

package usb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/blade-shadow/terminal/internal/wire"
)

// USB classes (USB-IF, Defined Class Codes).
const (
	classAudio     = 0x01
	classHID       = 0x03
	classHub       = 0x09
	classSmartCard = 0x0b
	classVideo     = 0x0e
)

// Interface is one interface of a device in its present configuration.
type Interface struct {
	Class, Subclass, Protocol uint8
	Driver                    string // of the kernel, "" for none
}

// Device is a USB device as sysfs shows it. Texts are the device's own words,
// cleaned: printable, one line, at most maxText bytes.
type Device struct {
	BusID                     string // the port: "1-2.4"
	Bus, Number               uint16 // another number at every plug
	Vendor, Product           uint16
	Class, Subclass, Protocol uint8
	Speed                     uint8 // enum usb_device_speed, linux/usb/ch9.h
	Manufacturer, Name        string
	Serial                    string
	Driver                    string // of the device: "usb", "usbip-host"
	Interfaces                []Interface

	// InUse says what of the terminal lives on it: "network adapter wlan1 is
	// up". Empty for none.
	InUse string
	has   parts
}

// parts is what the kernel made of a device.
type parts struct {
	input, sound, camera, fido, bluetooth bool
}

// DevID is how USB/IP numbers the device.
func (d *Device) DevID() uint32 { return uint32(d.Bus)<<16 | uint32(d.Number) }

// Label is what to call it on the screen.
func (d *Device) Label() string {
	name := strings.TrimSpace(d.Manufacturer + " " + d.Name)
	if name == "" {
		name = "USB device"
	}
	return fmt.Sprintf("%s (%04x:%04x)", name, d.Vendor, d.Product)
}

// Offer is what the host is told of it. id is the caller's.
func (d *Device) Offer(id uint32) wire.USBOffer {
	o := wire.USBOffer{
		ID: id, Vendor: d.Vendor, Product: d.Product, Class: d.Class, Subclass: d.Subclass, Protocol: d.Protocol,
		Speed: d.Speed, DevID: d.DevID(), Name: clean(strings.TrimSpace(d.Manufacturer+" "+d.Name), wire.MaxText),
	}
	if o.Class == 0 && len(d.Interfaces) > 0 { // the interfaces say it (USB 2.0, 9.6.1)
		i := d.Interfaces[0]
		o.Class, o.Subclass, o.Protocol = i.Class, i.Subclass, i.Protocol
	}
	return o
}

// Keyboard says whether it is one that the firmware of a PC would take too
// (HID 1.11, 4.2 and 4.3). A security key that types is none.
func (d *Device) Keyboard() bool {
	return !d.securityKey() && slices.ContainsFunc(d.Interfaces, func(i Interface) bool {
		return i.Class == classHID && i.Subclass == 1 && i.Protocol == 1
	})
}

// securityKey says whether it is a smart card reader or a FIDO key.
func (d *Device) securityKey() bool { return d.has.fido || d.is(classSmartCard) }

// is says whether the device or an interface of it has that class.
func (d *Device) is(class uint8) bool {
	return d.Class == class || slices.ContainsFunc(d.Interfaces, func(i Interface) bool { return i.Class == class })
}

// identity is what consent is given to.
type identity struct {
	vendor, product uint16
	serial          string
	port            string // where there is no serial number
	interfaces      string // a stick that comes back as a keyboard is another one
}

func (d *Device) identity() identity {
	id := identity{vendor: d.Vendor, product: d.Product, serial: d.Serial}
	if id.serial == "" {
		id.port = d.BusID
	}
	var b strings.Builder
	for _, i := range d.Interfaces {
		fmt.Fprintf(&b, "%02x%02x%02x ", i.Class, i.Subclass, i.Protocol)
	}
	id.interfaces = b.String()
	return id
}

// validBusID says whether s is how Linux names a device's port: bus, then the
// ports on the way: "1-2.4". Root hubs and interfaces are named otherwise.
func validBusID(s string) bool {
	const most = 31 // BUSID_SIZE less the zero
	bus, ports, ok := strings.Cut(s, "-")
	if !ok || len(s) > most || !digits(bus) {
		return false
	}
	for p := range strings.SplitSeq(ports, ".") {
		if !digits(p) {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

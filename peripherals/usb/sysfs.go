package usb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read of sysfs.
const (
	maxFile       = 4096 // a page: no attribute is longer
	maxText       = 126  // of a USB string descriptor, in characters
	maxDevices    = 1024
	maxInterfaces = 32
	maxEntries    = 4096 // folders below a device that are looked at
	maxDepth      = 10   // disks are six below their interface
)

// devicesDir is where all USB devices are, below the root of sysfs.
const devicesDir = "bus/usb/devices"

// tree is a sysfs, below its root.
type tree struct{ root string }

func (t tree) path(parts ...string) string {
	return filepath.Join(append([]string{t.root}, parts...)...)
}

// text reads an attribute; "" where it cannot.
func (t tree) text(parts ...string) string { return readText(t.path(parts...)) }

func readText(name string) string {
	b, err := readFile(name, maxFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// readFile reads at most limit bytes of a regular file.
func readFile(name string, limit int64) ([]byte, error) {
	if i, err := os.Stat(name); err != nil || !i.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// number reads an attribute of that base; ok is false where it is none.
func (t tree) number(base, bits int, parts ...string) (v uint64, ok bool) {
	v, err := strconv.ParseUint(t.text(parts...), base, bits)
	return v, err == nil
}

// names lists a folder; nil where it cannot.
func names(folder string, limit int) []string {
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	list, _ := f.Readdirnames(limit)
	slices.Sort(list)
	return list
}

// linkBase returns the last element of where a link points: the name of a
// driver.
func linkBase(name string) string {
	to, err := os.Readlink(name)
	if err != nil {
		return ""
	}
	return path.Base(to)
}

// busIDs lists the devices.
func (t tree) busIDs() ([]string, error) {
	if _, err := os.Stat(t.path(devicesDir)); err != nil {
		return nil, fmt.Errorf("list USB devices: no USB here: %w", errors.Join(err, errors.ErrUnsupported))
	}
	return slices.DeleteFunc(names(t.path(devicesDir), 8*maxDevices), func(s string) bool { return !validBusID(s) }), nil
}

// speed reads a speed as the kernel's number (enum usb_device_speed).
func speed(s string) uint8 {
	switch s {
	case "1.5":
		return 1
	case "12":
		return 2
	case "480":
		return 3
	case "5000":
		return 5
	case "10000", "20000":
		return 6
	default:
		return 0
	}
}

// device reads one device, without what uses it.
func (t tree) device(busID string) (Device, error) {
	dir := path.Join(devicesDir, busID)
	if to, err := os.Readlink(t.path(dir)); err == nil && strings.Contains(to, "vhci_hcd") {
		return Device{}, fmt.Errorf("USB device %s: is another machine's: %w", busID, fs.ErrNotExist)
	}
	d := Device{
		BusID: busID, Speed: speed(t.text(dir, "speed")), Driver: linkBase(t.path(dir, "driver")),
		Manufacturer: clean(t.text(dir, "manufacturer"), maxText), Name: clean(t.text(dir, "product"), maxText),
		Serial: clean(t.text(dir, "serial"), maxText),
	}
	for _, n := range []struct {
		name       string
		base, bits int
		set        func(uint64)
	}{
		{"busnum", 10, 16, func(v uint64) { d.Bus = uint16(v) }},
		{"devnum", 10, 16, func(v uint64) { d.Number = uint16(v) }},
		{"idVendor", 16, 16, func(v uint64) { d.Vendor = uint16(v) }},
		{"idProduct", 16, 16, func(v uint64) { d.Product = uint16(v) }},
		{"bDeviceClass", 16, 8, func(v uint64) { d.Class = uint8(v) }},
		{"bDeviceSubClass", 16, 8, func(v uint64) { d.Subclass = uint8(v) }},
		{"bDeviceProtocol", 16, 8, func(v uint64) { d.Protocol = uint8(v) }},
	} {
		v, ok := t.number(n.base, n.bits, dir, n.name)
		if !ok { // gone, or going
			return Device{}, fmt.Errorf("USB device %s: no %s: %w", busID, n.name, fs.ErrNotExist)
		}
		n.set(v)
	}
	for _, name := range names(t.path(dir), maxEntries) {
		if !strings.HasPrefix(name, busID+":") {
			continue
		}
		if len(d.Interfaces) == maxInterfaces {
			d.InUse = "more interfaces than any device has"
			break
		}
		d.Interfaces = append(d.Interfaces, t.intf(path.Join(dir, name)))
	}
	return d, nil
}

// intf reads one interface.
func (t tree) intf(dir string) Interface {
	get := func(name string) uint8 { v, _ := t.number(16, 8, dir, name); return uint8(v) }
	return Interface{
		Class: get("bInterfaceClass"), Subclass: get("bInterfaceSubClass"), Protocol: get("bInterfaceProtocol"),
		Driver: linkBase(t.path(dir, "driver")),
	}
}

// clean makes a device's words fit for a screen and a log: printable, valid,
// one space at a time, at most most bytes.
func clean(s string, most int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			r = '?'
		}
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		need := utf8.RuneLen(r)
		if space {
			need++
		}
		if b.Len()+need > most {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

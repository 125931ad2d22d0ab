package dongle

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read of sysfs.
const (
	maxFile    = 256 // bytes
	maxDevices = 512
)

// Folders below /sys.
const (
	netClass = "class/net"
	usbBus   = "bus/usb/devices"
)

// Source is where the facts are read; the zero value is this machine.
type Source struct {
	Sys    fs.FS  // nil: /sys; it has to know symbolic links
	Kernel string // "": asks the kernel
}

func (s Source) withDefaults() Source {
	if s.Sys == nil {
		s.Sys = os.DirFS("/sys")
	}
	if s.Kernel == "" {
		b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
		s.Kernel = strings.TrimSpace(string(b))
	}
	return s
}

// Read returns what sysfs says of the interface of that name. An interface
// that is not a USB device's has its driver alone.
func (s Source) Read(name string) (Facts, error) {
	s = s.withDefaults()
	f := Facts{Interface: name, Kernel: s.Kernel}
	dir := path.Join(netClass, name)
	if !fs.ValidPath(name) || strings.ContainsRune(name, '/') || name == "." {
		return f, fmt.Errorf("%.32q is not the name of an interface", name)
	}
	if _, err := fs.Stat(s.Sys, dir); err != nil {
		return f, fmt.Errorf("network interface %s: %w", name, err)
	}
	f.Driver = s.link(dir + "/device/driver")
	// The device is an interface of a USB device: 1-2.4:1.0 of 1-2.4.
	parent, _, ok := strings.Cut(s.link(dir+"/device"), ":")
	if ok && usbName(parent) {
		s.usb(&f, parent)
	}
	return f, nil
}

// Without returns the Wi-Fi dongles that are plugged in and have no network
// interface, because nothing drives them.
func (s Source) Without() []Facts {
	s = s.withDefaults()
	var out []Facts
	names := s.devices()
	for _, name := range names {
		if !usbName(name) {
			continue
		}
		f := Facts{Kernel: s.Kernel}
		s.usb(&f, name)
		_, known := chipOf(f.Vendor, f.Product)
		if !known && !strings.Contains(compactDiscs, id(f.Vendor, f.Product)) {
			continue
		}
		if !slices.ContainsFunc(names, func(n string) bool {
			// Bluetooth of the same stick may be driven where Wi-Fi is not.
			_, err := fs.Stat(s.Sys, path.Join(usbBus, n, "net"))
			return err == nil && strings.HasPrefix(n, name+":")
		}) {
			out = append(out, f)
		}
	}
	return out
}

// usb adds what is known of a USB device.
func (s Source) usb(f *Facts, name string) {
	dir := path.Join(usbBus, name)
	f.Vendor, f.Product = s.hex(dir+"/idVendor"), s.hex(dir+"/idProduct")
	f.PortMbps = s.speed(name)
	for _, n := range s.devices() {
		if n != name && usbName(n) && s.text(path.Join(usbBus, n, "bDeviceClass")) != "09" && s.speed(n) >= 5000 {
			f.Neighbours++
		}
	}
}

// usbName reports whether it is that of a device (1-2.4), not of a root hub
// (usb1) nor of an interface (1-2.4:1.0).
func usbName(n string) bool {
	return n != "" && n[0] >= '0' && n[0] <= '9' && strings.Contains(n, "-") && strings.Trim(n, "0123456789-.") == "" && len(n) < 64
}

// devices lists the USB bus.
func (s Source) devices() []string {
	dir, err := s.Sys.Open(usbBus)
	if err != nil {
		return nil
	}
	defer dir.Close()
	list, ok := dir.(fs.ReadDirFile)
	if !ok {
		return nil
	}
	entries, _ := list.ReadDir(maxDevices)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// speed is a USB device's in Mb/s; low speed is 1.5, which counts as 1.
func (s Source) speed(name string) int {
	v, err := strconv.ParseFloat(s.text(path.Join(usbBus, name, "speed")), 64)
	if err != nil || !(v >= 1 && v < 1<<20) {
		return 0
	}
	return int(v)
}

// link is the last element of a symbolic link's target.
func (s Source) link(name string) string {
	target, err := fs.ReadLink(s.Sys, name)
	if err != nil {
		return ""
	}
	return path.Base(target)
}

func (s Source) hex(name string) uint16 {
	n, err := strconv.ParseUint(s.text(name), 16, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

func (s Source) text(name string) string {
	f, err := s.Sys.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxFile))
	return strings.TrimSpace(string(b))
}

package power

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// ChargeUnknown is the charge of a battery that does not tell.
const ChargeUnknown = 255

// Charging is what a battery does.
type Charging uint8

// What a battery does. The numbers are on the wire (BATTERY).
const (
	ChargingUnknown Charging = iota
	Discharging
	ChargingUp
	Full
)

// Battery is the battery of a wireless device: a pad, a mouse, a headset.
type Battery struct {
	Name     string   `json:"name"`    // the kernel's, such as ps-controller-battery-aa:bb:cc:dd:ee:ff
	Model    string   `json:"model"`   // for people, "" where the device does not tell
	Percent  uint8    `json:"percent"` // 0 to 100, or ChargeUnknown
	Charging Charging `json:"charging"`
	// Device is the folder under /sys of the device that it is in, as the kernel
	// links it, relative to the power supply's; "" where it has none.
	Device string `json:"device"`
}

// maxBatteries bounds how many are read, maxModel the bytes of a model's name.
const (
	maxBatteries = 32
	maxModel     = 64
	maxAttribute = 256
)

// Supplies is the kernel's list of power supplies, for Batteries.
func Supplies() fs.FS { return os.DirFS("/sys/class/power_supply") }

// Batteries reads the batteries of devices from class, which is
// [Supplies] (Documentation/ABI/testing/sysfs-class-power). The
// machine's own batteries and mains are not among them. A class that is not
// there has none.
func Batteries(class fs.FS) []Battery {
	entries, err := fs.ReadDir(class, ".")
	if err != nil {
		return nil
	}
	var all []Battery
	for _, e := range entries {
		name := e.Name()
		if len(all) == maxBatteries {
			break
		}
		if attribute(class, name, "type") != "Battery" || attribute(class, name, "scope") != "Device" {
			continue
		}
		b := Battery{Name: name, Model: printable(attribute(class, name, "model_name")), Percent: ChargeUnknown}
		if n, err := strconv.ParseUint(attribute(class, name, "capacity"), 10, 8); err == nil && n <= 100 {
			b.Percent = uint8(n)
		} else {
			b.Percent = byLevel(attribute(class, name, "capacity_level"))
		}
		switch attribute(class, name, "status") {
		case "Discharging":
			b.Charging = Discharging
		case "Charging":
			b.Charging = ChargingUp
		case "Full", "Not charging":
			b.Charging = Full
		}
		if to, err := fs.ReadLink(class, path.Join(name, "device")); err == nil {
			b.Device = to
		}
		all = append(all, b)
	}
	return all
}

// byLevel is what a device means that knows only levels.
func byLevel(level string) uint8 {
	switch level {
	case "Critical":
		return 5
	case "Low":
		return 15
	case "Normal":
		return 60
	case "High":
		return 90
	case "Full":
		return 100
	}
	return ChargeUnknown
}

// attribute reads one line of a few bytes, "" where there is none.
func attribute(class fs.FS, name, attr string) string {
	f, err := class.Open(path.Join(name, attr))
	if err != nil {
		return ""
	}
	defer f.Close()
	var b [maxAttribute]byte
	n, _ := f.Read(b[:])
	return strings.TrimSpace(string(b[:n]))
}

// printable leaves of a device's own words what may be shown.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > maxModel {
		s = strings.ToValidUTF8(s[:maxModel], "")
	}
	return s
}

// String is the battery for people.
func (b Battery) String() string {
	model := b.Model
	if model == "" {
		model = b.Name
	}
	charge := "charge unknown"
	if b.Percent != ChargeUnknown {
		charge = fmt.Sprintf("%d %%", b.Percent)
	}
	switch b.Charging {
	case ChargingUp:
		charge += ", charging"
	case Full:
		charge += ", full"
	}
	return model + ": " + charge
}

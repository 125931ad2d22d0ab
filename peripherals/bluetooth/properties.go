package bluetooth

import (
	"slices"
	"strings"
)

// take sets to where the property is there.
func take[T any](to *T, p props, name string) {
	if v, ok := value[T](p, name); ok {
		*to = v
	}
}

// set takes properties of org.bluez.Adapter1.
func (a *Adapter) set(p props) {
	take(&a.Powered, p, "Powered")
	take(&a.Discovering, p, "Discovering")
	if s, ok := value[string](p, "PowerState"); ok { // since BlueZ 5.65
		a.Blocked = s == "off-blocked"
	}
	if s, ok := value[string](p, "Address"); ok {
		a.Address = address(s)
	}
	if s, ok := value[string](p, "Alias"); ok {
		a.Name = sanitise(s)
	}
	if a.Name == "" {
		a.Name = base(string(a.ID))
	}
}

// base is the last element of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// set takes properties of org.bluez.Device1 and those that are not known any
// more.
func (d *device) set(p props, gone []string) {
	take(&d.Paired, p, "Paired")
	take(&d.Trusted, p, "Trusted")
	take(&d.Connected, p, "Connected")
	take(&d.Blocked, p, "Blocked")
	take(&d.class, p, "Class")
	take(&d.appearance, p, "Appearance")
	take(&d.icon, p, "Icon")
	if v, ok := value[[]string](p, "UUIDs"); ok {
		d.services = slices.Clone(v[:min(len(v), maxUUIDs)])
	}
	if v, ok := value[int16](p, "RSSI"); ok {
		d.SignalDBm = int(v)
	}
	if slices.Contains(gone, "RSSI") {
		d.SignalDBm = 0
	}
	d.setName(p)
	d.Kind = kindOf(d.icon, d.class, d.appearance, d.services)
}

// setName prefers the alias, which the person may have chosen; without a name
// BlueZ makes it of the address.
func (d *device) setName(p props) {
	if s, ok := value[string](p, "Address"); ok {
		d.Address = address(s)
	}
	if s, ok := value[string](p, "Alias"); ok {
		d.alias = sanitise(s)
	}
	if s, ok := value[string](p, "Name"); ok {
		d.name = sanitise(s)
	}
	for _, d.Name = range []string{d.alias, d.name, d.Address, base(string(d.ID))} {
		if d.Name != "" {
			return
		}
	}
}

// setBattery takes properties of org.bluez.Battery1.
func (d *device) setBattery(p props, gone []string) {
	if v, ok := value[byte](p, "Percentage"); ok && v <= 100 {
		d.Battery = int(v)
	}
	if slices.Contains(gone, "Percentage") {
		d.Battery = -1
	}
}

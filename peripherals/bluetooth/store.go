package bluetooth

import (
	"cmp"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Names on the bus.
const (
	service       = "org.bluez"
	ifaceAdapter  = service + ".Adapter1"
	ifaceDevice   = service + ".Device1"
	ifaceBattery  = service + ".Battery1"
	ifaceAgents   = service + ".AgentManager1"
	ifaceAgent    = service + ".Agent1"
	ifaceObjects  = "org.freedesktop.DBus.ObjectManager"
	ifaceProps    = "org.freedesktop.DBus.Properties"
	signalAdded   = ifaceObjects + ".InterfacesAdded"
	signalRemoved = ifaceObjects + ".InterfacesRemoved"
	signalChanged = ifaceProps + ".PropertiesChanged"
	rootPath      = dbus.ObjectPath("/")
	managerPath   = dbus.ObjectPath("/org/bluez")
	agentPath     = dbus.ObjectPath("/com/shadow/terminal/bluetooth/agent")
)

// Bounds of what is kept.
const (
	maxAdapters = 16
	maxDevices  = 256 // strangers beyond that are not seen, but for the strongest
	maxKnown    = 1024
	maxUUIDs    = 64
	maxPath     = 256 // bytes
)

type (
	props      = map[string]dbus.Variant
	interfaces = map[string]props
	objects    = map[dbus.ObjectPath]interfaces
)

// device is a Device with what its kind is made of.
type device struct {
	Device
	alias, name string
	icon        string
	class       uint32
	appearance  uint16
	services    []string
}

func newDevice(path dbus.ObjectPath) *device {
	return &device{Device: Device{ID: ID(path), Adapter: ID(parent(path)), Battery: -1}}
}

// known says that a device is more than one that passes by.
func (d Device) known() bool { return d.Paired || d.Trusted || d.Connected || d.Blocked }

// store mirrors BlueZ's objects. It does no I/O and is not for several
// goroutines.
type store struct {
	adapters map[dbus.ObjectPath]*Adapter
	devices  map[dbus.ObjectPath]*device
}

func newStore() *store {
	return &store{adapters: map[dbus.ObjectPath]*Adapter{}, devices: map[dbus.ObjectPath]*device{}}
}

// fill takes what GetManagedObjects said.
func (s *store) fill(all objects) {
	for path, in := range all {
		s.add(path, in)
	}
}

// has says whether an object is kept.
func (s *store) has(path dbus.ObjectPath) bool {
	return s.adapters[path] != nil || s.devices[path] != nil
}

// add takes interfaces that an object has got.
func (s *store) add(path dbus.ObjectPath, in interfaces) {
	if !path.IsValid() || len(path) > maxPath {
		return
	}
	if p, ok := in[ifaceAdapter]; ok && (s.adapters[path] != nil || len(s.adapters) < maxAdapters) {
		a := &Adapter{ID: ID(path)}
		a.set(p)
		s.adapters[path] = a
	}
	if p, ok := in[ifaceDevice]; ok {
		d := newDevice(path)
		d.set(p, nil)
		if s.devices[path] != nil || s.room(d.Device) {
			s.devices[path] = d
		}
	}
	if d := s.devices[path]; d != nil {
		d.setBattery(in[ifaceBattery], nil)
	}
}

// room says whether another device is kept; for a known or a stronger one the
// weakest stranger goes.
func (s *store) room(d Device) bool {
	if len(s.devices) < maxDevices {
		return true
	}
	var weakest *device
	for _, x := range s.devices {
		if !x.known() && (weakest == nil || x.strength() < weakest.strength()) {
			weakest = x
		}
	}
	if weakest != nil && (d.known() || weakest.strength() < d.strength()) {
		delete(s.devices, dbus.ObjectPath(weakest.ID))
		return true
	}
	return d.known() && len(s.devices) < maxKnown // by hand: not an attack
}

// remove takes interfaces that an object has lost.
func (s *store) remove(path dbus.ObjectPath, gone []string) {
	for _, iface := range gone {
		switch iface {
		case ifaceAdapter:
			delete(s.adapters, path)
			for p := range s.devices {
				if strings.HasPrefix(string(p), string(path)+"/") {
					delete(s.devices, p)
				}
			}
		case ifaceDevice:
			delete(s.devices, path)
		case ifaceBattery:
			if d := s.devices[path]; d != nil {
				d.Battery = -1
			}
		}
	}
}

// change takes properties of an object. missed is true where a device has
// paired that is not kept, so that everything has to be read again.
func (s *store) change(path dbus.ObjectPath, iface string, now props, gone []string) (missed bool) {
	switch iface {
	case ifaceAdapter:
		if a := s.adapters[path]; a != nil {
			a.set(now)
		}
	case ifaceDevice:
		d := s.devices[path]
		if d == nil {
			paired, _ := value[bool](now, "Paired")
			return paired
		}
		d.set(now, gone)
	case ifaceBattery:
		if d := s.devices[path]; d != nil {
			d.setBattery(now, gone)
		}
	}
	return false
}

// signal takes any signal of BlueZ's. changed is false where it says nothing.
func (s *store) signal(sig *dbus.Signal) (changed, missed bool) {
	switch sig.Name {
	case signalAdded:
		path, ok1 := arg[dbus.ObjectPath](sig, 0)
		in, ok2 := arg[interfaces](sig, 1)
		if ok1 && ok2 {
			s.add(path, in)
			return true, false
		}
	case signalRemoved:
		path, ok1 := arg[dbus.ObjectPath](sig, 0)
		gone, ok2 := arg[[]string](sig, 1)
		if ok1 && ok2 {
			s.remove(path, gone)
			return true, false
		}
	case signalChanged:
		iface, ok1 := arg[string](sig, 0)
		now, ok2 := arg[props](sig, 1)
		gone, _ := arg[[]string](sig, 2)
		if ok1 && ok2 {
			return s.has(sig.Path), s.change(sig.Path, iface, now, gone)
		}
	}
	return false, false
}

// state makes a State of what is kept.
func (s *store) state() State {
	st := State{Service: true, Adapters: make([]Adapter, 0, len(s.adapters)), Devices: make([]Device, 0, len(s.devices))}
	for _, a := range s.adapters {
		st.Adapters = append(st.Adapters, *a)
	}
	for _, d := range s.devices {
		st.Devices = append(st.Devices, d.Device)
	}
	slices.SortFunc(st.Adapters, func(a, b Adapter) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(st.Devices, func(a, b Device) int {
		if a.Paired && b.Paired {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(first(a.Paired, b.Paired), cmp.Compare(b.strength(), a.strength()), cmp.Compare(a.ID, b.ID))
	})
	return st
}

// first orders what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// strength is the signal for sorting, lowest where it is not known.
func (d Device) strength() int {
	if d.SignalDBm == 0 {
		return -1000
	}
	return d.SignalDBm
}

// parent is the object that another is below of: the adapter of a device.
func parent(path dbus.ObjectPath) dbus.ObjectPath {
	return path[:max(strings.LastIndexByte(string(path), '/'), 0)]
}

// value reads a property; ok is false where it is missing or of another type.
func value[T any](p props, name string) (v T, ok bool) {
	// A Variant that is not there has no value and must not be printed.
	v, ok = p[name].Value().(T)
	return v, ok
}

// arg reads an argument of a signal.
func arg[T any](sig *dbus.Signal, i int) (v T, ok bool) {
	if i >= len(sig.Body) {
		return v, false
	}
	v, ok = sig.Body[i].(T)
	return v, ok
}

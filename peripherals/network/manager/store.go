package manager

import (
	"maps"
	"slices"

	"github.com/godbus/dbus/v5"
)

// Bounds of what is kept of NetworkManager's objects. The air brings access
// points, the rest is made by the machine's owner.
const (
	maxPoints  = 512
	maxObjects = 1024 // of the rest
	maxEndings = 32
)

type (
	props      = map[string]dbus.Variant
	interfaces = map[string]props
	objects    = map[dbus.ObjectPath]interfaces
)

// ending is how an activation ended whose object is gone.
type ending struct {
	path   dbus.ObjectPath
	reason uint32 // NMActiveConnectionStateReason
}

// failure is how a device failed last.
type failure struct {
	reason Reason
	count  int // of all failures up to this one
}

// store mirrors NetworkManager's objects. It does no I/O and is not for
// several goroutines.
type store struct {
	objects  objects
	points   int // objects that are access points
	profiles map[dbus.ObjectPath]Profile
	failures map[dbus.ObjectPath]failure // by device
	reasons  map[dbus.ObjectPath]uint32  // why activations that are there change
	deleted  map[dbus.ObjectPath]bool    // profiles that we have removed, until the bus says so
	endings  []ending
	failed   int // failures so far
}

func newStore() *store {
	return &store{
		objects: objects{}, profiles: map[dbus.ObjectPath]Profile{},
		failures: map[dbus.ObjectPath]failure{}, reasons: map[dbus.ObjectPath]uint32{},
		deleted: map[dbus.ObjectPath]bool{},
	}
}

// wanted are the interfaces that are kept.
func wanted(iface string) bool {
	switch iface {
	case ifaceManager, ifaceDevice, ifaceWired, ifaceWireless, ifacePoint, ifaceActive, ifaceIP4, ifaceIP6, ifaceProfile:
		return true
	}
	return false
}

// add takes interfaces that an object has got. profile says that it is one
// whose settings are to be read.
func (s *store) add(path dbus.ObjectPath, in interfaces) (profile bool) {
	if s.deleted[path] {
		return false // said before it was removed
	}
	o := s.objects[path]
	for iface, p := range in {
		if !wanted(iface) {
			continue
		}
		if o == nil {
			if !s.room(iface, p) {
				return false
			}
			o = interfaces{}
			s.objects[path] = o
			if iface == ifacePoint {
				s.points++
			}
		}
		o[iface] = maps.Clone(p)
	}
	return o != nil && o[ifaceProfile] != nil
}

// room says whether another object is kept; for a stronger access point the
// weakest goes.
func (s *store) room(iface string, p props) bool {
	if iface != ifacePoint {
		return len(s.objects)-s.points < maxObjects
	}
	if s.points < maxPoints {
		return true
	}
	var weakest dbus.ObjectPath
	least, _ := value[byte](p, "Strength")
	for path, o := range s.objects {
		if point := o[ifacePoint]; point != nil {
			if n, _ := value[byte](point, "Strength"); n < least {
				weakest, least = path, n
			}
		}
	}
	if weakest == "" {
		return false
	}
	s.remove(weakest, []string{ifacePoint})
	return true
}

// remove takes interfaces that an object has lost.
func (s *store) remove(path dbus.ObjectPath, gone []string) {
	o := s.objects[path]
	if o == nil {
		return
	}
	for _, iface := range gone {
		if o[iface] == nil {
			continue
		}
		switch iface {
		case ifacePoint:
			s.points--
		case ifaceProfile:
			delete(s.profiles, path)
		case ifaceDevice:
			delete(s.failures, path)
		case ifaceActive:
			s.endings = append(s.endings, ending{path: path, reason: s.reasons[path]})
			if len(s.endings) > maxEndings {
				s.endings = s.endings[1:]
			}
			delete(s.reasons, path)
		}
		delete(o, iface)
	}
	if len(o) == 0 {
		delete(s.objects, path)
	}
}

// forget takes it that a profile is removed, before the bus says so. It never
// comes again under its path.
func (s *store) forget(path dbus.ObjectPath) {
	s.remove(path, []string{ifaceProfile})
	if len(s.deleted) >= maxEndings {
		clear(s.deleted) // all said long ago, out of turn
	}
	s.deleted[path] = true
}

// change takes properties of an object that is kept.
func (s *store) change(path dbus.ObjectPath, iface string, now props, gone []string) bool {
	p := s.objects[path][iface]
	if p == nil {
		return false
	}
	maps.Copy(p, now)
	for _, key := range gone {
		delete(p, key)
	}
	return true
}

// signal takes any signal of NetworkManager's. changed is false where it says
// nothing, read is a profile whose settings are to be read, or "".
func (s *store) signal(sig *dbus.Signal) (changed bool, read dbus.ObjectPath) {
	switch sig.Name {
	case signalAdded:
		path, ok1 := arg[dbus.ObjectPath](sig, 0)
		in, ok2 := arg[interfaces](sig, 1)
		if ok1 && ok2 {
			if s.add(path, in) {
				read = path
			}
			return true, read
		}
	case signalRemoved:
		path, ok1 := arg[dbus.ObjectPath](sig, 0)
		gone, ok2 := arg[[]string](sig, 1)
		if ok1 && ok2 {
			s.remove(path, gone)
			delete(s.deleted, path)
			return true, ""
		}
	case signalChanged:
		iface, ok1 := arg[string](sig, 0)
		now, ok2 := arg[props](sig, 1)
		gone, _ := arg[[]string](sig, 2)
		return ok1 && ok2 && s.change(sig.Path, iface, now, gone), ""
	case signalState:
		return s.deviceState(sig), ""
	case signalActive:
		reason, ok := arg[uint32](sig, 1)
		if ok && s.objects[sig.Path][ifaceActive] != nil {
			s.reasons[sig.Path] = reason
		}
		return false, ""
	case signalUpdated:
		if s.objects[sig.Path][ifaceProfile] != nil {
			return true, sig.Path
		}
	}
	return false, ""
}

// deviceState remembers why a device failed until it is connected again.
func (s *store) deviceState(sig *dbus.Signal) bool {
	now, ok1 := arg[uint32](sig, 0)
	reason, ok2 := arg[uint32](sig, 2)
	if !ok1 || !ok2 || s.objects[sig.Path][ifaceDevice] == nil {
		return false
	}
	switch {
	case now == deviceFailed:
		s.failed++
		s.failures[sig.Path] = failure{reason: reasonOf(reason), count: s.failed}
	case now == deviceActivated:
		delete(s.failures, sig.Path)
	}
	return true
}

// outcome is how far an activation has come.
type outcome struct {
	joined, ended bool
	device        Reason // as the device says it failed; "": it did not say
	activation    Reason // once ended
}

// outcome tells of an activation. failed is the number of failures before it
// began.
func (s *store) outcome(active, device dbus.ObjectPath, failed int) (o outcome) {
	if f := s.failures[device]; f.count > failed {
		o.device = f.reason
	}
	if p := s.objects[active][ifaceActive]; p != nil {
		switch get[uint32](p, "State") {
		case activeActivated:
			o.joined = true
		case activeDeactivated:
			o.ended, o.activation = true, reasonOfActive(s.reasons[active])
		}
		return o
	}
	// One that is neither here nor has ended has not been heard of yet.
	if i := slices.IndexFunc(s.endings, func(e ending) bool { return e.path == active }); i >= 0 {
		o.ended, o.activation = true, reasonOfActive(s.endings[i].reason)
	}
	return o
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

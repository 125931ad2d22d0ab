package usb

// Route is how a device reaches the host.
type Route uint8

const (
	// RouteNone means: it stays with the terminal.
	RouteNone Route = iota
	// RouteInput means: as events of keyboards, mice, pads.
	RouteInput
	// RouteCamera means: as a video track.
	RouteCamera
	// RouteSound means: as sound.
	RouteSound
	// RouteRedirect means: the device itself, by USB/IP.
	RouteRedirect
)

// String names the route.
func (r Route) String() string {
	switch r {
	case RouteInput:
		return "input"
	case RouteCamera:
		return "camera"
	case RouteSound:
		return "sound"
	case RouteRedirect:
		return "redirect"
	default:
		return "none"
	}
}

// Decision is the route of a device.
type Decision struct {
	Route  Route
	Reason string
	// MayRedirect says that the person may give it away, even where that is
	// not its usual route: a wheel whose driver is the host's.
	MayRedirect bool
}

// Surroundings is what a decision needs beyond USB.
type Surroundings struct {
	// OtherKeyboards is how many keyboards there are that are not on USB.
	OtherKeyboards int
	// BluetoothIdle says that nothing is connected by Bluetooth and nothing
	// shall be.
	BluetoothIdle bool
}

// Decide says how d reaches the host. all are the devices that there are, d
// among them.
func Decide(d *Device, all []Device, s Surroundings) Decision {
	if why := denied(d, all, s); why != "" {
		// A keyboard that must stay is still read.
		if d.Keyboard() {
			return Decision{Route: RouteInput, Reason: why}
		}
		return Decision{Route: RouteNone, Reason: why}
	}
	switch {
	case d.securityKey():
		return Decision{RouteRedirect, "security key or smart card reader", true}
	case d.has.camera || d.is(classVideo):
		return Decision{RouteCamera, "camera", true}
	case d.has.sound || d.is(classAudio):
		return Decision{RouteSound, "sound device", true}
	case d.has.input || d.is(classHID):
		return Decision{RouteInput, "input device", true}
	default:
		return Decision{RouteRedirect, "no route of its own", true}
	}
}

// denied says why a device is never given away, or "".
func denied(d *Device, all []Device, s Surroundings) string {
	switch {
	case d.is(classHub):
		return "a hub: its devices are given one by one"
	case d.InUse != "":
		return d.InUse
	case d.has.bluetooth && !s.BluetoothIdle:
		return "the Bluetooth adapter in use"
	case d.Keyboard() && s.OtherKeyboards <= 0 && !otherKeyboard(d, all):
		return "the last keyboard"
	}
	return ""
}

// otherKeyboard says whether there is a keyboard on USB beside d, which is not
// given away itself.
func otherKeyboard(d *Device, all []Device) bool {
	for i := range all {
		if o := &all[i]; o.BusID != d.BusID && o.Keyboard() && o.Driver != stubDriver {
			return true
		}
	}
	return false
}

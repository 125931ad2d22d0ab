package input

import "fmt"

// DeviceKind says what a device is for, as its capabilities tell.
type DeviceKind uint8

// Kinds of device. The numbers are on the wire (DEVICE_ADD).
const (
	DeviceOther DeviceKind = iota
	DeviceKeyboard
	DeviceMouse
	DeviceAbsolute // a pointer that is at a place: a tablet without a pen, a virtual machine's
	DeviceTouchscreen
	DeviceTouchpad
	DevicePen
	DevicePad
	DeviceWheel  // for steering
	DeviceSwitch // power key, lid
)

// String returns the kind for people.
func (k DeviceKind) String() string {
	switch k {
	case DeviceOther:
		return "other"
	case DeviceKeyboard:
		return "keyboard"
	case DeviceMouse:
		return "mouse"
	case DeviceAbsolute:
		return "absolute pointer"
	case DeviceTouchscreen:
		return "touch screen"
	case DeviceTouchpad:
		return "touchpad"
	case DevicePen:
		return "pen"
	case DevicePad:
		return "pad"
	case DeviceWheel:
		return "wheel"
	case DeviceSwitch:
		return "switch"
	}
	return fmt.Sprintf("device(%d)", uint8(k))
}

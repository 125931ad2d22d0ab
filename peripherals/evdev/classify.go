package evdev

import (
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
)

// Codes that tell what a device is (linux/input-event-codes.h).
const (
	keyEsc     = 1
	keyD       = 32
	keyPower   = 116
	keySleep   = 142
	keyWakeup  = 143
	keyPower2  = 0x164
	btnMisc    = 0x100
	btnLeft    = 0x110
	btnJoy     = 0x120
	btnGamepad = 0x130
	btnDigi    = 0x140
	btnPen     = 0x140 // BTN_TOOL_PEN
	btnFinger  = 0x145
	btnTouch   = 0x14a
	btnStylus  = 0x14b
	btnWheel   = 0x150
	keyOK      = 0x160
	btnHappy   = 0x2c0 // BTN_TRIGGER_HAPPY
	btnHappy40 = 0x2e7

	absX      = 0x00
	absY      = 0x01
	absZ      = 0x02
	absRX     = 0x03
	absHat3Y  = 0x17
	absWheel  = 0x08
	absMTX    = 0x35
	absMTY    = 0x36
	relX      = 0x00
	relY      = 0x01
	propPoint = 0x00 // INPUT_PROP_POINTER
	propTouch = 0x01 // INPUT_PROP_DIRECT
	propAccel = 0x06 // INPUT_PROP_ACCELEROMETER

	busBluetooth = 0x05
)

// leastKeys is how many of the keys from Esc to D a keyboard has: all of them,
// as udev wants it, but for one or two that small ones lack.
const leastKeys = keyD - 2

// Classify says what a node is for. It goes by what the node can do, as udev's
// input_id does, never by its name: names lie. What claims everything is a
// keyboard, which does no harm. why is for people.
func Classify(i *Info) (kind input.DeviceKind, why string) {
	c := &i.Caps
	switch {
	case isKeyboard(c):
		return input.DeviceKeyboard, "has the keys of a keyboard"
	case c.Props.Has(propAccel) || c.Keys.Len() == 0 && c.Abs.Has(absX) && c.Abs.Has(absY) && c.Abs.Has(absZ) && c.Abs.Len() <= 6 && c.Rel.Len() == 0 && isSensor(i):
		return input.DeviceOther, "senses motion"
	}
	point := c.Abs.Has(absX) && c.Abs.Has(absY)
	multi := c.Abs.Has(absMTX) && c.Abs.Has(absMTY)
	switch {
	case (point || multi) && (c.Keys.Has(btnStylus) || c.Keys.Has(btnPen)):
		return input.DevicePen, "has a pen"
	case (point || multi) && c.Keys.Has(btnFinger) && !c.Props.Has(propTouch):
		return input.DeviceTouchpad, "feels fingers beside the screen"
	case (point || multi) && !hasStick(c) && (c.Props.Has(propTouch) || c.Keys.Has(btnTouch) && !c.Keys.Has(btnLeft)):
		return input.DeviceTouchscreen, "feels fingers on the screen"
	case point && c.Keys.Has(btnLeft) && !hasStick(c):
		return input.DeviceAbsolute, "points at places"
	case c.Rel.Has(relX) && c.Rel.Has(relY) && c.Keys.Has(btnLeft):
		return input.DeviceMouse, "moves and has a left button"
	case isWheel(c):
		return input.DeviceWheel, "has one main axis and force feedback"
	case hasStick(c):
		return input.DevicePad, "has the buttons of a pad or joystick"
	case c.Rel.Has(relX) && c.Rel.Has(relY):
		return input.DeviceMouse, "moves"
	}
	return classifyKeys(c)
}

// classifyKeys tells those apart that have some keys or switches only.
func classifyKeys(c *Caps) (input.DeviceKind, string) {
	others := false
	power := false
	c.Keys.All(func(code uint16) bool {
		switch code {
		case keyPower, keySleep, keyWakeup, keyPower2:
			power = true
		default:
			others = true
		}
		return !others
	})
	switch {
	case others:
		return input.DeviceKeyboard, "has some keys"
	case power:
		return input.DeviceSwitch, "is a power key"
	case c.Switches.Len() > 0:
		return input.DeviceSwitch, "is a switch"
	case c.Rel.Len() > 0:
		return input.DeviceMouse, "turns a wheel"
	}
	return input.DeviceOther, "has nothing that is used"
}

func isKeyboard(c *Caps) bool {
	n := 0
	for code := uint16(keyEsc); code <= keyD; code++ {
		if c.Keys.Has(code) {
			n++
		}
	}
	return n >= leastKeys
}

// hasStick reports whether there are buttons that only joysticks and pads have.
func hasStick(c *Caps) bool {
	for code := uint16(btnJoy); code < btnDigi; code++ {
		if c.Keys.Has(code) {
			return true
		}
	}
	for code := uint16(btnHappy); code <= btnHappy40; code++ {
		if c.Keys.Has(code) {
			return true
		}
	}
	// Pedals and throttles have axes and no button at all.
	return c.Keys.Len() == 0 && c.Rel.Len() == 0 && !c.Abs.Has(absMTX) && c.Abs.Has(absX) && c.Abs.Len() >= 2 && !c.Props.Has(propPoint)
}

// isSensor tells motion sensors of old kernels, which give them no property.
func isSensor(i *Info) bool {
	name := strings.ToLower(i.Name)
	return strings.Contains(name, "motion sensor") || strings.Contains(name, "accelerometer") || strings.Contains(name, "imu")
}

// isWheel tells steering wheels from pads: one that pushes back has constant
// force and a spring, no rumble, and no second stick.
func isWheel(c *Caps) bool {
	if !hasStick(c) || !c.Abs.Has(absX) {
		return false
	}
	if c.Abs.Has(absWheel) || c.Keys.Has(btnWheel) {
		return true
	}
	return c.Feedback.Has(ffConstant) && c.Feedback.Has(ffSpring) && !c.Feedback.Has(ffRumble) && !c.Abs.Has(absRX)
}

// Group names the plug that a node belongs to: all nodes of one device have
// the same, also after it was unplugged and plugged into the same port. Where
// nothing tells, each node is a device.
func (i *Info) Group() string {
	port, _, _ := strings.Cut(i.Phys, "/input")
	switch {
	case i.Bus == busBluetooth && i.Uniq != "":
		return "bluetooth " + i.Uniq // its Phys is the adapter
	case port != "":
		return port
	case i.Uniq != "":
		return "serial " + i.Uniq
	}
	return i.Path
}

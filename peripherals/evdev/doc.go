// Package evdev reads input devices from the kernel (/dev/input/event*,
// Documentation/input/input.rst) and drives what they have to feel and see:
// lamps, rumble, force feedback. It gives out the kernel's own events; what
// they mean is for peripherals/keymouse, touch, touchpad and gamepad.
//
// [Open] asks a device what it is and can do ([Info]). [Device.Run] reads it
// on the caller's goroutine, through Go's poller, so that a dozen of devices
// cost no thread; a device that reports more than a thousand times a second
// gets a locked thread of real-time priority for as long as it does, because
// the kernel keeps only some five milliseconds of an 8 kHz mouse. When the
// kernel had to drop events, the device's state is read again and what has
// changed is given out as events, so that no key sticks. [Watch] says which
// devices there are, as they come and go.
//
// Failure modes: a device that is unplugged ends Run with ENODEV, Close ends it
// at once with os.ErrClosed; errors keep their errno. Devices are hostile:
// what they claim is bounded, and one that floods is slowed down at its own
// expense.
package evdev

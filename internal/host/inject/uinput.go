package inject

import (
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
)

// uinputPath is the kernel's door for input devices of user space.
const uinputPath = "/dev/uinput"

// Names of the devices, as X and libinput list them.
const (
	keyboardName = "Shadow Terminal keyboard"
	mouseName    = "Shadow Terminal mouse"
	pointerName  = "Shadow Terminal pointer"
)

// Event types and codes of linux/input-event-codes.h.
const (
	evSyn = 0x00
	evKey = 0x01
	evRel = 0x02
	evAbs = 0x03
	evLED = 0x11
	evRep = 0x14

	relX           = 0x00
	relY           = 0x01
	relHWheel      = 0x06
	relWheel       = 0x08
	relWheelHiRes  = 0x0b
	relHWheelHiRes = 0x0c

	absX = 0x00
	absY = 0x01

	ledKana = 0x04

	btnLeft = 0x110
	btnTask = 0x117 // the last that is a mouse's
)

// UInput injects through three devices that it makes in the kernel: a
// keyboard, a mouse and an absolute pointer; game pads come on top as the
// terminal has them. The pointers are two so that programs
// that read relative motion get it unscaled. The methods of [Injector] belong
// to one goroutine.
type UInput struct {
	codes *keycode.Table
	places
	keyboard *node
	mouse    *node
	pointer  *node

	wheelV, wheelH int32 // below one detent
	pads           uinputPads
	surfaces       uinputSurfaces
}

// names returns what an X server must list for the devices to work there.
func (u *UInput) names() []string { return []string{keyboardName, mouseName, pointerName} }

// Name returns "uinput".
func (u *UInput) Name() string { return string(ModeUInput) }

// Key presses or releases a key or a button.
func (u *UInput) Key(usage input.Usage, down bool) error {
	code := u.codes.Code(usage)
	to := u.keyboard
	if usage.Page() == input.PageButton {
		to = u.mouse
	}
	if code == 0 || to == u.mouse && code > btnTask {
		return nil
	}
	value := int32(0)
	if down {
		value = 1
	}
	to.add(evKey, code, value)
	return nil
}

// Motion moves the mouse.
func (u *UInput) Motion(dx, dy int32) error {
	if dx != 0 {
		u.mouse.add(evRel, relX, dx)
	}
	if dy != 0 {
		u.mouse.add(evRel, relY, dy)
	}
	return nil
}

// Wheel turns the mouse's wheels: finely, and in whole detents for programs
// that know no other.
func (u *UInput) Wheel(v, h int32) error {
	u.turn(v, &u.wheelV, relWheelHiRes, relWheel)
	u.turn(h, &u.wheelH, relHWheelHiRes, relHWheel)
	return nil
}

func (u *UInput) turn(by int32, sum *int32, fine, coarse uint16) {
	if by == 0 {
		return
	}
	u.mouse.add(evRel, fine, by)
	*sum += by
	if n := *sum / detent; n != 0 {
		u.mouse.add(evRel, coarse, n)
		*sum -= n * detent
	}
}

// Absolute puts the pointer over a screen. The device spans the desktop.
func (u *UInput) Absolute(screen uint8, x, y uint16) error {
	if at, ok := u.now.Load().placer(screen); ok {
		x, y := at.place(x, y)
		u.pointer.add(evAbs, absX, x)
		u.pointer.add(evAbs, absY, y)
	}
	return nil
}

// axis returns the middle of pixel at of n as 0..65535.
func axis(at, n int) uint16 {
	return uint16(min(max((2*at+1)<<15/max(n, 1), 0), 0xffff))
}

// around returns the smallest region that has all of rs in it.
func around(rs []Region) (all Region) {
	for i, r := range rs {
		if i == 0 {
			all = r
			continue
		}
		right, bottom := max(all.X+all.Width, r.X+r.Width), max(all.Y+all.Height, r.Y+r.Height)
		all.X, all.Y = min(all.X, r.X), min(all.Y, r.Y)
		all.Width, all.Height = right-all.X, bottom-all.Y
	}
	return all
}

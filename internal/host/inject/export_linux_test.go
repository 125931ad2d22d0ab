package inject

import (
	"os"

	"github.com/blade-shadow/terminal/internal/input/keycode"
)

// UInputOn returns devices that write to files instead of the kernel.
func UInputOn(keyboard, mouse, pointer *os.File, regions ...Region) (*UInput, error) {
	codes, err := keycode.New()
	u := &UInput{
		codes:    codes,
		keyboard: &node{file: keyboard}, mouse: &node{file: mouse}, pointer: &node{file: pointer},
	}
	u.SetRegions(regions)
	return u, err
}

// Requests gives the ioctl requests that depend on the size of a struct.
func Requests() (devSetup, absSetup uintptr) { return uiDevSetup, uiAbsSetup }

// TouchOn makes device's touch screen one that writes to a file instead of the
// kernel, PenOn a pen.
func (u *UInput) TouchOn(device uint8, f *os.File) { u.surfaces.screens[device].node = &node{file: f} }

// PenOn is TouchOn for a pen.
func (u *UInput) PenOn(device uint8, f *os.File) { u.surfaces.pens[device].node = &node{file: f} }

// Sizes gives the sizes of the structs of force feedback.
func Sizes() (upload, erase uintptr) {
	return uiBeginFFUpload >> 16 & 0x3fff, uiBeginFFErase >> 16 & 0x3fff
}

package inject

import "os"

// UInputOn returns devices that write to files instead of the kernel.
func UInputOn(keyboard, mouse, pointer *os.File, regions ...Region) (*UInput, error) {
	codes, err := newKeycodes()
	u := &UInput{
		codes:    codes,
		keyboard: &node{file: keyboard}, mouse: &node{file: mouse}, pointer: &node{file: pointer},
	}
	u.SetRegions(regions)
	return u, err
}

// Requests gives the ioctl requests that depend on the size of a struct.
func Requests() (devSetup, absSetup uintptr) { return uiDevSetup, uiAbsSetup }

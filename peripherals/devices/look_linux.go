package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/blade-shadow/terminal/peripherals/evdev"
)

// Look says which input devices there are in dir ("" is /dev/input) and where
// a terminal without a window system sends them. What cannot be opened is on
// the list as well, with why; the error is that of the folder.
func Look(dir string) ([]Device, error) {
	if dir == "" {
		dir = "/dev/input"
	}
	paths, err := filepath.Glob(filepath.Join(dir, "event*"))
	if err == nil && len(paths) == 0 {
		_, err = os.Stat(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no input device is plugged in, or the kernel module evdev is not loaded", err)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(paths, compareNumbers)
	m := Manager{}
	numbers := map[string]uint8{}
	var all []Device
	for _, path := range paths {
		dev, err := evdev.Open(path)
		if err != nil {
			all = append(all, Device{Path: path, Kind: "unknown", Route: RouteNone, RouteWhy: words(err)})
			continue
		}
		n := node{dev: dev}
		m.describe(&n)
		if _, known := numbers[n.about.Plug]; !known {
			numbers[n.about.Plug] = uint8(min(len(numbers)+1, 255))
		}
		n.about.Number = numbers[n.about.Plug]
		all = append(all, n.about)
		if err := dev.Close(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// words says what to do about a device that cannot be opened.
func words(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "no permission: run as root, or give this user the group input"
	}
	return err.Error()
}

// String is the device in one line for people.
func (d Device) String() string {
	name := d.Name
	if name == "" {
		name = "?"
	}
	return fmt.Sprintf("%s\t%d\t%s\t%s\t%s: %s", filepath.Base(d.Path), d.Number, d.Kind, name, d.Route, d.RouteWhy)
}

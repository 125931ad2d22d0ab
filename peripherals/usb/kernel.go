package usb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// stubDriver is the kernel's driver that gives devices away (module
// usbip-host).
const stubDriver = "usbip-host"

const (
	driversDir = "bus/usb/drivers"
	stubDir    = driversDir + "/" + stubDriver
)

// What usbip_status says (enum usbip_device_status, uapi/linux/usbip.h).
const stubUsed = "2"

// How long the kernel may take to let go of a socket that is closed, and how
// often it is asked: sysfs tells nobody of that change.
const (
	statusPatience = 2 * time.Second
	statusEvery    = 10 * time.Millisecond
)

// kernel is what sysfs lets be done with usbip-host. Each step is one write.
type kernel struct {
	tree  tree
	write func(name, value string) error // in one write(2)
}

// writeFile writes an attribute, which must be there.
func writeFile(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// put writes to an attribute.
func (k *kernel) put(value string, parts ...string) error {
	name := path.Join(parts...)
	if err := k.write(k.tree.path(name), value); err != nil {
		return fmt.Errorf("write %q to %s: %w", value, name, err)
	}
	return nil
}

// available says whether there is a usbip-host, and what to do if not.
func (k *kernel) available() error {
	if _, err := os.Stat(k.tree.path(stubDir)); err != nil {
		return fmt.Errorf("the kernel needs its module usbip-host: %w", errors.ErrUnsupported)
	}
	return nil
}

// driver is what a device is bound to, "" for nothing.
func (k *kernel) driver(busID string) string {
	return linkBase(k.tree.path(devicesDir, busID, "driver"))
}

// plugged says whether there is a device at that port.
func (k *kernel) plugged(busID string) bool {
	_, err := os.Stat(k.tree.path(devicesDir, busID))
	return err == nil
}

// take binds a device to usbip-host. Where it fails half way, giveBack undoes
// what was done.
func (k *kernel) take(busID string) error {
	if d := k.driver(busID); d != "" && d != stubDriver {
		if err := k.put(busID, driversDir, d, "unbind"); err != nil {
			return fmt.Errorf("take from driver %s: %w", d, err)
		}
	}
	if err := k.put("add "+busID, stubDir, "match_busid"); err != nil {
		return err
	}
	return k.put(busID, stubDir, "bind")
}

// giveBack returns a device to its driver, from whatever state. It goes on
// after what fails, since the steps after it may not.
func (k *kernel) giveBack(ctx context.Context, busID string) error {
	var failed error
	keep := func(err error) {
		// Unplugged meanwhile: there is nothing to give back.
		if err != nil && k.plugged(busID) {
			failed = errors.Join(failed, err)
		}
	}
	if k.driver(busID) == stubDriver {
		keep(k.released(ctx, busID))
		keep(k.put(busID, stubDir, "unbind"))
	}
	// Even when it was unplugged: or else usbip-host takes what is plugged in
	// there next. It knows no port that was never added, or was forgotten.
	err := k.put("del "+busID, stubDir, "match_busid")
	if err != nil && slices.Contains(k.matched(), busID) {
		keep(err)
	}
	if k.plugged(busID) && k.driver(busID) == "" {
		if err := k.put(busID, stubDir, "rebind"); err != nil {
			keep(k.put(busID, "bus/usb/drivers_probe"))
		}
	}
	if failed != nil {
		return fmt.Errorf("give back USB device %s: %w", busID, failed)
	}
	return nil
}

// released waits until usbip-host has let go of its socket, which it does by
// itself when the other end is closed.
func (k *kernel) released(ctx context.Context, busID string) error {
	if k.idle(ctx, busID, statusPatience) {
		return nil
	}
	// The other end may live in a child of a dead agent, say.
	if err := k.put("-1\n", devicesDir, busID, "usbip_sockfd"); err != nil {
		return err
	}
	if !k.idle(ctx, busID, statusPatience) {
		return fmt.Errorf("usbip-host does not let go: %w", errors.Join(os.ErrDeadlineExceeded, ctx.Err()))
	}
	return nil
}

// idle waits until usbip-host has no socket; false when it still has.
func (k *kernel) idle(ctx context.Context, busID string, patience time.Duration) bool {
	used := func() bool { return k.tree.text(devicesDir, busID, "usbip_status") == stubUsed }
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for used() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return !used()
		}
	}
	return true
}

// matched lists the ports that usbip-host takes devices from.
func (k *kernel) matched() []string {
	list := strings.Fields(k.tree.text(stubDir, "match_busid"))
	return slices.DeleteFunc(list, func(s string) bool { return !validBusID(s) })
}

// held lists the devices that usbip-host has, or would take.
func (k *kernel) held() []string {
	list := k.matched()
	for _, name := range names(k.tree.path(stubDir), maxEntries) {
		if i, err := os.Lstat(k.tree.path(stubDir, name)); err == nil && i.Mode()&fs.ModeSymlink != 0 && validBusID(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

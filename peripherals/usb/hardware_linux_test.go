package usb_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	hostusb "github.com/blade-shadow/terminal/internal/host/usb"
	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/vmtest"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

const stickSize = 4 << 20 // bytes

// stickBytes is what is on the stick: every word is its own place.
func stickBytes() []byte {
	b := make([]byte, stickSize)
	for i := 0; i < len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], uint32(i))
	}
	return b
}

// TestVM runs the tests of real kernels in a virtual terminal with a stick.
func TestVM(t *testing.T) {
	if !needs.Required("vm") {
		t.Skip("a virtual terminal was not asked for")
	}
	image := filepath.Join(t.TempDir(), "stick.img")
	if err := os.WriteFile(image, stickBytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	vm := vmtest.Start(t, vmtest.Config{
		Modules: []string{"vhci-hcd", "usbip-host"},
		Devices: []vmtest.Device{vmtest.USBKeyboard("keyboard"), vmtest.USBStorage("stick", image)},
	})
	vm.RunTests(t, "./peripherals/usb", vmtest.TestOptions{Require: []string{"usbip"}, Run: "^TestHardware"})
}

// until waits for a condition of the kernel's, within a minute.
func until(t *testing.T, what string, done func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// block finds the disk below a pattern of sysfs.
func block(pattern string) (string, error) {
	const disk = "*:*/host*/target*/*/block/sd*"
	m, err := filepath.Glob(filepath.Join(pattern, disk))
	if err == nil && len(m) == 0 {
		err = errors.New("no disk")
	}
	if err != nil {
		return "", err
	}
	return filepath.Join("/dev", filepath.Base(m[0])), nil
}

// TestHardwareStick gives a stick to a host that is the same machine, by two
// kernel drivers that know nothing of it, reads it there, and gets it back. A
// keyboard that is the last one stays.
func TestHardwareStick(t *testing.T) {
	if !needs.Required("usbip") {
		t.Skip("takes a stick from its driver; only a machine made for that has one to spare")
	}
	r := usb.New(usb.Config{Consent: &yes{}})
	if err := r.GiveBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was given back can be given again
		var stick, keyboard *usb.Listed
		until(t, "stick and keyboard are there", func() error {
			l, err := r.List()
			stick, keyboard = nil, nil
			for i := range l {
				switch l[i].Decision.Route {
				case usb.RouteRedirect:
					stick = &l[i]
				case usb.RouteInput:
					keyboard = &l[i]
				}
			}
			if err == nil && (stick == nil || keyboard == nil) {
				err = fmt.Errorf("there is %+v", l)
			}
			if err == nil {
				_, err = block("/sys/bus/usb/devices/" + stick.Device.BusID)
			}
			return err
		})
		if keyboard.Decision.MayRedirect {
			t.Errorf("the last keyboard may go: %+v", keyboard.Decision)
		}
		redirect(t, r, &stick.Device)
	}
}

// redirect gives the stick away once.
func redirect(t *testing.T, r *usb.Redirector, d *usb.Device) {
	t.Helper()
	terminal, host, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	shared, attached := make(chan error, 1), make(chan error, 1)
	go func() {
		shared <- r.Share(ctx, d.BusID, func(context.Context, usb.Device) (io.ReadWriteCloser, error) { return terminal, nil })
	}()
	go func() {
		// The host hears of an end by the channel, not by this context.
		attached <- hostusb.New(hostusb.Config{}).Attach(t.Context(), d.Offer(1), host)
	}()
	var node string
	until(t, "the host has the stick", func() (err error) {
		node, err = block("/sys/devices/platform/vhci_hcd.0/usb*/*-*")
		return err
	})
	until(t, "the host reads the stick", func() error {
		b, err := os.ReadFile(node)
		if err == nil && string(b) != string(stickBytes()) {
			err = fmt.Errorf("%d bytes, which are others", len(b))
		}
		return err
	})
	cancel()
	for who, ended := range map[string]chan error{"Share": shared, "Attach": attached} {
		select {
		case err := <-ended:
			if who == "Share" && err != nil {
				t.Errorf("Share() = %v; want nil", err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s goes on", who)
		}
	}
	until(t, "the terminal has the stick again", func() error {
		_, err := block("/sys/bus/usb/devices/" + d.BusID)
		return err
	})
}

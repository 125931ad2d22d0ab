package vmtest

import (
	"fmt"
	"maps"
)

// Device is something to plug into the machine.
type Device struct {
	ID         string         // by which it is unplugged; unique in the machine
	Driver     string         // QEMU's name of it
	Properties map[string]any // of the driver, besides id
	Block      string         // the file behind a disk, raw; changes to it are kept
	Wave       string         // the file that a sound device's output goes to
}

// USBKeyboard is a keyboard with the usual keys and LEDs.
func USBKeyboard(id string) Device { return usb(id, "usb-kbd") }

// USBMouse is a mouse with three buttons and a wheel.
func USBMouse(id string) Device { return usb(id, "usb-mouse") }

// USBTablet is a pointer with absolute positions, for [VM.MoveTo].
func USBTablet(id string) Device { return usb(id, "usb-tablet") }

// USBStorage is a stick that holds a raw image.
func USBStorage(id, path string) Device {
	device := usb(id, "usb-storage")
	device.Block = path
	return device
}

// USBAudio is a headset without microphone. What is played goes into a file
// of type WAV, where wave names one; such a device must be there at boot.
func USBAudio(id, wave string) Device {
	device := usb(id, "usb-audio")
	device.Wave = wave
	return device
}

// HDAudio is the sound of a main board: a card with one output and one input.
// It must be there at boot.
func HDAudio(id, wave string) Device {
	return Device{ID: id, Driver: "hda-duplex", Wave: wave}
}

func usb(id, driver string) Device {
	return Device{ID: id, Driver: driver, Properties: map[string]any{"bus": usbBus}}
}

// desk is what stands before a terminal.
func desk() []Device {
	return []Device{USBKeyboard("keyboard"), USBMouse("mouse"), USBTablet("tablet")}
}

// blockNode names the file behind a device, for QMP.
func (d Device) blockNode() string { return d.ID + "-block" }

// sound reports whether the device needs a place for its sound.
func (d Device) sound() bool { return d.Driver == "usb-audio" || d.Driver == "hda-duplex" }

// properties are QMP's arguments of device_add.
func (d Device) properties() map[string]any {
	all := map[string]any{"driver": d.Driver, "id": d.ID}
	maps.Copy(all, d.Properties)
	if d.Block != "" {
		all["drive"] = d.blockNode()
	}
	if d.sound() {
		all["audiodev"] = soundID
		if d.Wave != "" {
			all["audiodev"] = d.ID + "-sound"
		}
	}
	return all
}

// block is QMP's argument of blockdev-add.
func (d Device) block() map[string]any {
	return map[string]any{
		"driver": "raw", "node-name": d.blockNode(),
		"file": map[string]any{"driver": "file", "filename": d.Block},
	}
}

// arguments are QEMU's, for a device that is there at boot.
func (d Device) arguments() []string {
	var args []string
	if d.Block != "" {
		args = append(args, "-blockdev", asJSON(d.block()))
	}
	if d.Wave != "" {
		args = append(args, "-audiodev", asJSON(map[string]any{"driver": "wav", "id": d.ID + "-sound", "path": d.Wave}))
	}
	if d.Driver == "hda-duplex" {
		args = append(args, "-device", "intel-hda,id="+d.ID+"-bus")
	}
	return append(args, "-device", asJSON(d.properties()))
}

// Plug plugs a device in. The guest sees it a moment later.
func (vm *VM) Plug(d Device) error {
	if d.Wave != "" || d.Driver == "hda-duplex" {
		return fmt.Errorf("plug %s: sound of its own is given at boot", d.ID)
	}
	if d.Block != "" {
		if err := vm.qmp.run("blockdev-add", d.block(), nil); err != nil {
			return fmt.Errorf("plug %s: %w", d.ID, err)
		}
	}
	if err := vm.qmp.run("device_add", d.properties(), nil); err != nil {
		return fmt.Errorf("plug %s: %w", d.ID, err)
	}
	vm.mu.Lock()
	vm.plugged[d.ID] = d
	vm.mu.Unlock()
	return nil
}

// Unplug pulls a device out and returns when it has left the machine.
func (vm *VM) Unplug(id string) error {
	gone := vm.qmp.await("DEVICE_DELETED", func(data map[string]any) bool { return data["device"] == id })
	defer gone.stop()
	if err := vm.qmp.run("device_del", map[string]any{"id": id}, nil); err != nil {
		return fmt.Errorf("unplug %s: %w", id, err)
	}
	if err := gone.wait(); err != nil {
		return fmt.Errorf("unplug %s: %w", id, err)
	}
	vm.mu.Lock()
	device := vm.plugged[id]
	delete(vm.plugged, id)
	vm.mu.Unlock()
	if device.Block == "" {
		return nil
	}
	if err := vm.qmp.run("blockdev-del", map[string]any{"node-name": device.blockNode()}, nil); err != nil {
		return fmt.Errorf("unplug %s: %w", id, err)
	}
	return nil
}

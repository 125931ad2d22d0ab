package vmtest

import (
	"fmt"
	"image"
	"time"
)

// screen is the client of an output's VNC server, made when first needed.
func (vm *VM) screen(output int) (*rfb, error) {
	if output < 0 || output >= vm.cfg.Outputs {
		return nil, fmt.Errorf("output %d of %d", output, vm.cfg.Outputs)
	}
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.screens[output] != nil {
		return vm.screens[output], nil
	}
	client, err := dialRFB(vm.files.vnc(output))
	if err != nil {
		return nil, err
	}
	vm.screens[output] = client
	vm.closers = append(vm.closers, func() { _ = client.conn.Close() })
	return client, nil
}

// Connect plugs a monitor into an output, or changes the monitor's size. The
// guest finds out a moment later, by an event of its kernel's. The machine
// must have been booted with HotPlug.
func (vm *VM) Connect(output, width, height int) error {
	if width < 1 || height < 1 || width > maxPicture || height > maxPicture {
		return fmt.Errorf("connect output %d: %dx%d", output, width, height)
	}
	return vm.plugMonitor("connect", output, width, height)
}

// Disconnect pulls the monitor out of an output.
func (vm *VM) Disconnect(output int) error { return vm.plugMonitor("disconnect", output, 0, 0) }

func (vm *VM) plugMonitor(verb string, output, width, height int) error {
	if !vm.cfg.HotPlug {
		return fmt.Errorf("%s output %d: the machine was booted without HotPlug", verb, output)
	}
	screen, err := vm.screen(output)
	if err == nil {
		err = screen.resize(width, height)
	}
	if err != nil {
		return fmt.Errorf("%s output %d: %w", verb, output, err)
	}
	return nil
}

// connectAtBoot plugs in what the configuration wants, before the guest looks.
func (vm *VM) connectAtBoot() error {
	for output := range vm.cfg.Connected {
		if err := vm.Connect(output, vm.cfg.Width, vm.cfg.Height); err != nil {
			return err
		}
	}
	return nil
}

// Cursor is the shape that the guest has put into an output's cursor plane,
// with premultiplied alpha, and its hot-spot; the first after the guest's boot
// is waited for. A plane that is switched off keeps its last shape here, and
// where it is on the screen is not known outside the guest.
func (vm *VM) Cursor(output int) (*image.RGBA, image.Point, error) {
	screen, err := vm.screen(output)
	if err != nil {
		return nil, image.Point{}, fmt.Errorf("cursor of output %d: %w", output, err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		shape, hot, changed, err := screen.shape()
		if err != nil {
			return nil, hot, fmt.Errorf("cursor of output %d: %w", output, err)
		}
		if shape != nil {
			return shape, hot, nil
		}
		select {
		case <-changed:
		case <-late.C:
			return nil, hot, fmt.Errorf("cursor of output %d: none in %v", output, patience)
		}
	}
}

package lab

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// SetMonitors divides the display into n monitors of a size beside each other,
// as programs see them through RandR 1.5, named lab-1 and so on.
func (d *Display) SetMonitors(size image.Point, n int) error {
	if _, err := randr.QueryVersion(d.conn, 1, 5).Reply(); err != nil {
		return fmt.Errorf("monitors of %s: %w", d.name, err)
	}
	resources, err := randr.GetScreenResources(d.conn, d.screen.Root).Reply()
	if err != nil {
		return fmt.Errorf("monitors of %s: %w", d.name, err)
	}
	if len(resources.Outputs) == 0 {
		return fmt.Errorf("monitors of %s: it has no output: %w", d.name, errors.ErrUnsupported)
	}
	// The first monitor takes the server's only output, or that output would
	// count as a monitor of its own; the others are made of nothing.
	outputs := resources.Outputs[:1]
	for i := range n {
		at := image.Rectangle{Max: size}.Add(image.Pt(i*size.X, 0))
		if err := d.setMonitor(fmt.Sprintf("lab-%d", i+1), at, i == 0, outputs); err != nil {
			return fmt.Errorf("monitor %d of %s: %w", i+1, d.name, err)
		}
		outputs = nil
	}
	return nil
}

func (d *Display) setMonitor(name string, at image.Rectangle, primary bool, outputs []randr.Output) error {
	atom, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	return randr.SetMonitorChecked(d.conn, d.screen.Root, randr.MonitorInfo{
		Name: atom.Atom, Primary: primary, NOutput: uint16(len(outputs)), Outputs: outputs,
		X: int16(at.Min.X), Y: int16(at.Min.Y), Width: uint16(at.Dx()), Height: uint16(at.Dy()),
		// A nominal 96 dots an inch, in millimetres.
		WidthInMillimeters: uint32(at.Dx()) * 254 / 960, HeightInMillimeters: uint32(at.Dy()) * 254 / 960,
	}).Check()
}

// Monitors returns where the display's monitors are, the first first.
func (d *Display) Monitors() ([]image.Rectangle, error) {
	reply, err := randr.GetMonitors(d.conn, d.screen.Root, true).Reply()
	if err != nil {
		return nil, fmt.Errorf("monitors of %s: %w", d.name, err)
	}
	var monitors []image.Rectangle
	for _, m := range reply.Monitors {
		at := image.Pt(int(m.X), int(m.Y))
		monitors = append(monitors, image.Rectangle{Min: at, Max: at.Add(image.Pt(int(m.Width), int(m.Height)))})
	}
	return monitors, nil
}

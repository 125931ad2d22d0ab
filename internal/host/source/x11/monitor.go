package x11

import (
	"fmt"
	"image"
	"sort"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// Monitor is one rectangle of the display that a person sees as a screen.
type Monitor struct {
	Name    string // the connector's, or the display's where there is none
	Bounds  image.Rectangle
	primary bool
}

// Monitors returns what there is now, the primary first, then from left to
// right: RandR 1.5 monitors, 1.2 CRTCs, or the whole display.
func (d *Display) Monitors() ([]Monitor, error) {
	whole, err := d.size()
	if err != nil {
		return nil, err
	}
	monitors, err := d.randrMonitors()
	if err != nil {
		return nil, err
	}
	monitors = visible(monitors, whole)
	if len(monitors) == 0 {
		monitors = []Monitor{{Name: d.name, Bounds: whole}}
	}
	sort.SliceStable(monitors, func(i, j int) bool {
		a, b := monitors[i], monitors[j]
		if a.primary != b.primary {
			return a.primary
		}
		return a.Bounds.Min.X < b.Bounds.Min.X
	})
	return monitors, nil
}

// visible cuts monitors to the display and drops those that show nothing.
func visible(monitors []Monitor, whole image.Rectangle) []Monitor {
	kept := monitors[:0]
	for _, m := range monitors {
		if m.Bounds = m.Bounds.Intersect(whole); !m.Bounds.Empty() {
			kept = append(kept, m)
		}
	}
	return kept
}

func (d *Display) randrMonitors() ([]Monitor, error) {
	switch {
	case d.randr.atLeast(1, 5):
		return d.monitors15()
	case d.randr.atLeast(1, 2):
		return d.monitors12()
	}
	return nil, nil
}

func (d *Display) monitors15() ([]Monitor, error) {
	reply, err := randr.GetMonitors(d.conn, d.root, true).Reply()
	if err != nil {
		return nil, fmt.Errorf("ask for the monitors: %w", replyError(err))
	}
	monitors := make([]Monitor, 0, len(reply.Monitors))
	for _, m := range reply.Monitors {
		name, err := xproto.GetAtomName(d.conn, m.Name).Reply()
		if err != nil {
			return nil, fmt.Errorf("ask for a monitor's name: %w", replyError(err))
		}
		monitors = append(monitors, Monitor{
			Name: name.Name, Bounds: rectangle(m.X, m.Y, m.Width, m.Height), primary: m.Primary,
		})
	}
	return monitors, nil
}

// monitors12 takes each CRTC that is on, by the name of its first output.
// Mirrored CRTCs are one monitor.
func (d *Display) monitors12() ([]Monitor, error) {
	res, err := randr.GetScreenResources(d.conn, d.root).Reply()
	if err != nil {
		return nil, fmt.Errorf("ask for the CRTCs: %w", replyError(err))
	}
	var monitors []Monitor
	seen := map[image.Rectangle]bool{}
	for _, crtc := range res.Crtcs {
		info, err := randr.GetCrtcInfo(d.conn, crtc, res.ConfigTimestamp).Reply()
		if err != nil {
			return nil, fmt.Errorf("ask for CRTC %d: %w", crtc, replyError(err))
		}
		bounds := rectangle(info.X, info.Y, info.Width, info.Height)
		if bounds.Empty() || len(info.Outputs) == 0 || seen[bounds] {
			continue
		}
		seen[bounds] = true
		output, err := randr.GetOutputInfo(d.conn, info.Outputs[0], res.ConfigTimestamp).Reply()
		if err != nil {
			return nil, fmt.Errorf("ask for output %d: %w", info.Outputs[0], replyError(err))
		}
		monitors = append(monitors, Monitor{Name: string(output.Name), Bounds: bounds})
	}
	return monitors, nil
}

func rectangle(x, y int16, width, height uint16) image.Rectangle {
	return image.Rect(int(x), int(y), int(x)+int(width), int(y)+int(height))
}

// watch asks for an event whenever the display's layout changes.
func (d *Display) watch() error {
	if !d.randr.atLeast(1, 2) {
		return nil
	}
	const what = randr.NotifyMaskScreenChange | randr.NotifyMaskCrtcChange | randr.NotifyMaskOutputChange
	if err := randr.SelectInputChecked(d.conn, d.root, what).Check(); err != nil {
		return fmt.Errorf("ask for changes of the layout: %w", replyError(err))
	}
	return nil
}

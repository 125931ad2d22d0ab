package devices

import (
	"cmp"
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/keymouse"
	"github.com/blade-shadow/terminal/peripherals/touch"
)

// Codes of linux/input-event-codes.h.
const (
	relWheelHiRes  = 0x0b
	relHWheelHiRes = 0x0c
	absX           = 0x00
	absY           = 0x01
)

// describe says what a node is and where it goes.
func (m *Manager) describe(n *node) input.DeviceKind {
	i := n.dev.Info()
	d := &n.about
	*d = Device{Path: i.Path, Name: i.Name, Plug: i.Group(), Bus: i.Bus, Vendor: i.Vendor, Product: i.Product}
	kind, why := evdev.Classify(i)
	d.Kind, d.KindWhy = kind.String(), why
	d.Route, d.RouteWhy = route(kind)
	if m.cfg.Kinds != nil && !m.cfg.Kinds(kind) {
		d.Route, d.RouteWhy = RouteNone, "the window system reads it"
	}
	if i.Caps.LEDs.Len() > 0 {
		d.Feedback = append(d.Feedback, "lamps")
	}
	if i.Caps.CanRumble() {
		d.Feedback = append(d.Feedback, "rumble")
	}
	if i.Caps.EffectKinds() != 0 {
		d.Feedback = append(d.Feedback, "force")
	}
	return kind
}

// route says where a kind of device goes, and why.
func route(kind input.DeviceKind) (to, why string) {
	switch kind {
	case input.DeviceTouchpad:
		return RouteHost, "it is a mouse for the host"
	case input.DeviceTouchscreen, input.DevicePen:
		return RouteHost, "all that touches goes to the host"
	case input.DeviceKeyboard, input.DeviceMouse, input.DeviceAbsolute:
		return RouteHost, "keys and motion go to the host"
	case input.DevicePad:
		return RouteHost, "the host gets a pad like it"
	case input.DeviceSwitch:
		return RouteNone, "power keys and switches are this machine's"
	case input.DeviceOther:
		return RouteNone, "nothing in it is a person's input"
	}
	return RouteNone, "this version does not understand it yet"
}

// translateLocked gives a node what understands it.
func (m *Manager) translateLocked(n *node) error {
	i := n.dev.Info()
	switch n.kind {
	case input.DevicePad:
		p, err := m.padLocked(n)
		if err != nil {
			return err
		}
		n.events, n.about.Pad = p, &p.slot
		return nil
	case input.DeviceTouchscreen:
		n.events = &touchScreen{touch.NewScreen(n.about.Number, surface(i)), n.about.Number, m.cfg.Sink.Touch}
		return nil
	case input.DevicePen:
		n.events = &pen{touch.NewStylus(n.about.Number, surface(i)), n.about.Number, m.cfg.Sink.Pen}
		return nil
	case input.DeviceTouchpad:
		n.events = m.touchpadLocked(n)
		return nil
	}
	x, _ := i.Axis(absX)
	y, _ := i.Axis(absY)
	n.events = keymouse.New(keymouse.Config{
		Device:     n.about.Number,
		HiResWheel: i.Caps.Rel.Has(relWheelHiRes), HiResHWheel: i.Caps.Rel.Has(relHWheelHiRes),
		X: keymouse.Range{Min: x.Min, Max: x.Max}, Y: keymouse.Range{Min: y.Min, Max: y.Max},
		Keys: m.keys, Place: m.cfg.Place, Emit: m.cfg.Sink.Handle,
	})
	return nil
}

// compareNumbers orders event2 before event10.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

package devices

import (
	"slices"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/touch"
	"github.com/blade-shadow/terminal/peripherals/touchpad"
)

// surface says what a node can do, in package touch's words.
func surface(i *evdev.Info) touch.Device {
	var d touch.Device
	i.Caps.Keys.All(func(code uint16) bool {
		d.Keys = append(d.Keys, code)
		return true
	})
	for _, a := range i.Axes {
		d.Axes = append(d.Axes, touch.Axis{Code: a.Code, Min: a.Min, Max: a.Max, Resolution: a.Resolution})
	}
	return d
}

// touchScreen is the translator of a touch screen.
type touchScreen struct {
	screen *touch.Screen
	number uint8
	emit   func(*input.Touch)
}

func (s *touchScreen) Event(kind, code uint16, value int32, at time.Time) {
	if t := s.screen.Event(kind, code, value, at); t != nil {
		s.emit(t)
	}
}

// Release lifts all fingers.
func (s *touchScreen) Release(at time.Time) { s.emit(&input.Touch{Device: s.number, Time: at}) }

// pen is the translator of a pen.
type pen struct {
	stylus *touch.Stylus
	number uint8
	emit   func(*input.Pen)
}

func (p *pen) Event(kind, code uint16, value int32, at time.Time) {
	if s := p.stylus.Event(kind, code, value, at); s != nil {
		p.emit(s)
	}
}

// Release takes the pen away.
func (p *pen) Release(at time.Time) { p.emit(&input.Pen{Device: p.number, Time: at}) }

// touchpadLocked makes the translator of a touchpad, which is told when somebody
// types.
func (m *Manager) touchpadLocked(n *node) *touchpad.Pad {
	p := touchpad.New(touchpad.Config{Number: n.about.Number, Device: surface(n.dev.Info()), Emit: m.cfg.Sink.Handle})
	m.setTouchpadsLocked(append(m.touchpadsLocked(), p))
	return p
}

// touchpadsLocked are those of the nodes that are open.
func (m *Manager) touchpadsLocked() (all []*touchpad.Pad) {
	for _, o := range m.openLocked() {
		if p, ok := o.events.(*touchpad.Pad); ok {
			all = append(all, p)
		}
	}
	return all
}

// setTouchpadsLocked is for typed, which takes no lock.
func (m *Manager) setTouchpadsLocked(all []*touchpad.Pad) {
	all = slices.Clip(all)
	m.touchpads.Store(&all)
}

// typed tells touchpads of a key.
func (m *Manager) typed(at time.Time) {
	if all := m.touchpads.Load(); all != nil {
		for _, p := range *all {
			p.Typed(at)
		}
	}
}

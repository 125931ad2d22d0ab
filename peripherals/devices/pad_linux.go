package devices

import (
	"errors"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/gamepad"
)

// MaxPads is how many pads are read at once.
const MaxPads = 8

// pad is the translator of a pad: its state goes to the sink once per report. It
// is a mouse for as long as the person wants that.
type pad struct {
	slot    uint8
	mapper  *gamepad.Mapper
	changed bool
	emit    func(input.Pad)

	mu    sync.Mutex // guards below, and is held over the sink: a timer moves the mouse
	mouse *gamepad.Mouse
	state input.Pad // of the pad
	told  input.Pad
	tick  *time.Timer // nil before it is needed
	gone  bool
}

// padLocked makes the translator of a pad and gives it its slot.
func (m *Manager) padLocked(n *node) (*pad, error) {
	i := n.dev.Info()
	d := gamepad.Device{Name: i.Name, Bus: i.Bus, Vendor: i.Vendor, Product: i.Product, Version: i.Version}
	i.Caps.Keys.All(func(code uint16) bool {
		d.Keys = append(d.Keys, code)
		return true
	})
	for _, a := range i.Axes {
		d.Axes = append(d.Axes, gamepad.Axis{Code: a.Code, Min: a.Min, Max: a.Max, Flat: a.Flat})
	}
	if _, err := gamepad.NewMapper(0, d, m.cfg.Pads); err != nil {
		return nil, err
	}
	slot := m.placeLocked(m.pads[:], n.about.Plug)
	for _, o := range m.openLocked() {
		// A plug with two pads, an adapter, has a slot for each.
		if p, ok := o.events.(*pad); ok && slot >= 0 && int(p.slot) == slot {
			slot = m.placeLocked(m.pads[:], n.about.Plug+" "+n.about.Path)
		}
	}
	if slot < 0 {
		return nil, errors.New("there are 8 pads already")
	}
	mapper, err := gamepad.NewMapper(uint8(slot), d, m.cfg.Pads)
	if err != nil {
		return nil, err
	}
	for _, a := range i.Axes { // where sticks and throttles stand
		mapper.Event(evdev.Abs, a.Code, a.Value, time.Time{})
	}
	return &pad{slot: uint8(slot), mapper: mapper, emit: m.cfg.Sink.Pad, mouse: gamepad.NewMouse(n.about.Number, m.cfg.Sink.Handle)}, nil
}

// Begin says that the pad is there.
func (p *pad) Begin() { p.report() }

func (p *pad) Event(kind, code uint16, value int32, at time.Time) {
	if kind == evdev.Syn {
		if p.changed {
			p.changed = false
			p.report()
		}
		return
	}
	if p.mapper.Event(kind, code, value, at) {
		p.changed = true
	}
}

// report tells what the pad is now.
func (p *pad) report() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = p.mapper.Pad()
	p.tell(p.mouse.Pad(p.state))
	p.wait()
}

// tell tells the sink of another state; p.mu is held.
func (p *pad) tell(now input.Pad) {
	was := p.told
	p.told = now
	now.Time, was.Time = time.Time{}, time.Time{}
	if now != was {
		p.emit(p.told)
	}
}

// wait has the mouse ticked when it is to be; p.mu is held.
func (p *pad) wait() {
	d := gamepad.Tick
	if !p.mouse.On() {
		due := p.mouse.Holding()
		if due.IsZero() || p.gone {
			return
		}
		d = max(time.Until(due), time.Millisecond)
	}
	if p.tick == nil {
		p.tick = time.AfterFunc(d, p.pass)
		return
	}
	p.tick.Reset(d)
}

// pass lets time pass for the mouse; the timer's goroutine.
func (p *pad) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return
	}
	if p.mouse.Tick(time.Now()) {
		p.tell(p.mouse.Pad(p.state))
	}
	p.wait()
}

// Release says that the pad is gone.
func (p *pad) Release(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.tick != nil {
		p.tick.Stop()
	}
	p.tell(p.mouse.Pad(input.Pad{Slot: p.slot, Time: at}))
}

// Rumble shakes the pad of a slot for at most ttl; 0, 0 ends it. A slot without
// a pad that can is nobody's.
func (m *Manager) Rumble(slot uint8, low, high uint16, ttl time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.openLocked() {
		if p, ok := n.events.(*pad); ok && p.slot == slot {
			n.dev.Rumble(low, high, ttl)
		}
	}
}

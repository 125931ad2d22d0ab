package kms

import (
	"cmp"
	"maps"
	"slices"

	"github.com/blade-shadow/terminal/display"
)

// SetLayout gives the screens to the monitors anew, in the order of these
// connectors from the left.
func (d *Display) SetLayout(connectors []string) {
	d.mu.Lock()
	d.order = slices.Clone(connectors)
	clear(d.homes)
	d.mu.Unlock()
	d.settle(true)
}

// report calls OnOutputs with every connector, those with monitors in the
// order of the layout.
func (d *Display) report() {
	d.mu.Lock()
	outputs := slices.Clone(d.outputs)
	heads := maps.Clone(d.heads)
	d.mu.Unlock()
	var list []display.Output
	for _, o := range outputs {
		list = append(list, o.describe())
		delete(heads, o.name)
	}
	for _, name := range slices.Sorted(maps.Keys(heads)) {
		list = append(list, display.Output{Screen: -1, Connector: name, Connected: heads[name].Connected})
	}
	d.cfg.OnOutputs(list)
}

// settle gives each output in the order of the layout its screen. One that
// shows a screen keeps it, unless all are dealt anew; one that comes back gets
// the screen it had, if that is free, and else the first free one.
func (d *Display) settle(anew bool) {
	d.mu.Lock()
	d.outputs = d.sortedLocked()
	outputs := slices.Clone(d.outputs)
	wants, free := d.dealLocked(anew)
	for i, o := range outputs {
		o.want.Store(wants[i])
	}
	for _, s := range free {
		s.output.Store(nil)
	}
	for i, o := range outputs {
		if s := wants[i]; s != nil {
			d.homes[o.name] = s.index
			s.output.Store(o)
		}
	}
	d.mu.Unlock()
	for _, o := range outputs {
		o.signal()
	}
	d.tell()
}

// dealLocked returns each output's screen and the screens left.
func (d *Display) dealLocked(anew bool) (wants, free []*screen) {
	wants, free = make([]*screen, len(d.outputs)), slices.Clone(d.screens)
	take := func(i int, which func(*screen) bool) {
		if at := slices.IndexFunc(free, which); at >= 0 && wants[i] == nil {
			wants[i] = free[at]
			free = slices.Delete(free, at, at+1)
		}
	}
	if !anew {
		for i, o := range d.outputs {
			now := o.want.Load()
			take(i, func(s *screen) bool { return s == now })
		}
	}
	for i, o := range d.outputs {
		if home, ok := d.homes[o.name]; ok {
			take(i, func(s *screen) bool { return s.index == home })
		}
	}
	for i := range d.outputs {
		take(i, func(*screen) bool { return true })
	}
	return wants, free
}

// sortedLocked returns the outputs from the left.
func (d *Display) sortedLocked() []*output {
	place := func(o *output) int {
		if i := slices.Index(d.order, o.name); i >= 0 {
			return i
		}
		if n := o.found.Load().choice.Order; n > 0 {
			return len(d.order) + n
		}
		return len(d.order) + 1000
	}
	out := slices.Clone(d.outputs)
	slices.SortStableFunc(out, func(a, b *output) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.name, b.name))
	})
	return out
}

package kms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// manager is Run's side of a display: it finds monitors, starts and ends their
// outputs and owns every goroutine.
type manager struct {
	d        *Display
	topology topology
	found    *snapshot
	running  sync.WaitGroup // outputs
	failed   chan error     // capacity 1: of the goroutine that reads flips
	stops    map[*output]context.CancelFunc
}

const (
	// settleTime is how long monitors have to be quiet before they are asked:
	// one that is plugged in bounces and wakes up. settleMost is the longest
	// that a monitor that goes on chattering can put that off.
	settleTime = 250 * time.Millisecond
	settleMost = time.Second
)

func (m *manager) run(ctx context.Context) error {
	d := m.d
	m.failed = make(chan error, 1)
	m.stops = make(map[*output]context.CancelFunc)
	var err error
	if m.topology, err = d.dev.Topology(); err != nil {
		return fmt.Errorf("display: run: %w", err)
	}
	if m.found, err = takeSnapshot(d.dev, m.topology); err != nil {
		return fmt.Errorf("display: run: %w", err)
	}
	stop := make(chan struct{})
	var serving sync.WaitGroup
	m.start(&serving, stop)
	m.probe(ctx)
	err = m.serve(ctx)
	err = errors.Join(err, m.end())
	close(stop)
	d.dev.Interrupt()
	serving.Wait()
	return err
}

// start begins what serves all outputs.
func (m *manager) start(serving *sync.WaitGroup, stop <-chan struct{}) {
	d := m.d
	serving.Go(func() {
		if err := m.readFlips(); err != nil {
			m.failed <- fmt.Errorf("display: read events: %w", err)
		}
	})
	serving.Go(func() { m.warn("watch monitors", d.dev.Hotplug(stop, func() { offer(d.changed) })) })
	serving.Go(func() { m.warn("watch console", d.dev.Console(stop, m.leave, m.enter)) })
}

// warn logs what the display can do without.
func (m *manager) warn(what string, err error) {
	if err != nil {
		m.d.cfg.Logger.Warn(what, "component", "display", "err", err)
	}
}

// serve waits for what happens.
func (m *manager) serve(ctx context.Context) error {
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	var noisy time.Time // since when monitors change, zero: they do not
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-m.failed:
			return err
		case <-m.d.news:
			m.d.report()
		case <-m.d.changed:
			now := time.Now()
			if noisy.IsZero() {
				noisy = now
			}
			quiet.Reset(min(settleTime, max(0, settleMost-now.Sub(noisy))))
		case <-quiet.C:
			noisy = time.Time{}
			m.probe(ctx)
		}
	}
}

// readFlips hands every flip to its output until it is interrupted.
func (m *manager) readFlips() error {
	d := m.d
	var flips [16]flip
	for {
		n, err := d.dev.ReadFlips(flips[:])
		if n == 0 || err != nil {
			return err
		}
		for _, f := range flips[:n] {
			d.mu.Lock()
			o := d.byCRTC[f.CRTC]
			d.mu.Unlock()
			if o == nil {
				continue // of an output that is gone
			}
			select {
			case o.flips <- f:
			default:
				d.cfg.Logger.Error("more flips than commits", "component", "display", "crtc", f.CRTC)
			}
		}
	}
}

// leave gives the card to whoever has the console now, as it was found: the
// kernel does not draw its text again for a terminal that was in text mode.
func (m *manager) leave() {
	d := m.d
	d.cfg.OnFocus(false)
	d.away.Store(true) // first: an output that begins now has to see it
	outputs := m.list()
	for _, o := range outputs {
		select {
		case <-o.rested: // perhaps of the last time; it says so again
		default:
		}
		o.signal()
	}
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	for _, o := range outputs {
		select {
		case <-o.rested:
		case <-o.parked:
		case <-patience.C:
			d.cfg.Logger.Warn("a flip is late", "component", "display", "connector", o.name)
			patience.Reset(0)
		}
	}
	m.warn("give the card away", errors.Join(m.found.restore(d.dev), d.dev.DropMaster()))
}

// enter takes it back and sets all modes again.
func (m *manager) enter() {
	if err := m.d.dev.TakeMaster(); err != nil {
		m.warn("take the card back", err)
	}
	m.d.away.Store(false)
	offer(m.d.changed)
	m.wake()
	m.d.cfg.OnFocus(true)
}

func (m *manager) wake() {
	for _, o := range m.list() {
		o.signal()
	}
}

// probe asks every connector what is on it, and starts, changes and ends
// outputs as that wants.
func (m *manager) probe(ctx context.Context) {
	d := m.d
	t, err := d.dev.Topology()
	if err != nil {
		d.cfg.Logger.Warn("list connectors", "component", "display", "err", err)
		return
	}
	m.topology = t
	heads := make(map[string]*head)
	for _, id := range t.Connectors {
		h, err := m.look(id)
		if err != nil {
			d.cfg.Logger.Warn("ask connector", "component", "display", "connector", id, "err", err)
			continue
		}
		heads[h.Name] = h
	}
	d.mu.Lock()
	d.heads = heads
	d.mu.Unlock()
	m.endGone(heads)
	fresh := m.begin(maps.Clone(heads))
	d.settle(false)
	for _, o := range fresh { // they know their screens by now
		m.launch(ctx, o)
	}
}

func (m *manager) look(id uint32) (*head, error) {
	c, err := m.d.dev.Connector(id)
	if err != nil {
		return nil, err
	}
	return sees(m.d.dev, c)
}

// endGone ends the outputs whose monitors are gone and tells the others what
// is on their connectors now.
func (m *manager) endGone(heads map[string]*head) {
	for _, o := range m.list() {
		h := heads[o.name]
		if h == nil || !h.Connected || h.ID != o.connector.id { // a hub's ports come back as others
			m.unplug(o)
			continue
		}
		m.d.mu.Lock()
		news := m.d.findLocked(o, h)
		m.d.mu.Unlock()
		if news {
			o.signal()
		}
	}
}

func (m *manager) list() []*output {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	return slices.Clone(m.d.outputs)
}

// unplug ends an output and waits for it: its CRTC may be given to another.
func (m *manager) unplug(o *output) {
	d := m.d
	o.unplugged.Store(true)
	if s := o.want.Load(); s != nil {
		s.output.Store(nil)
	}
	m.stops[o]()
	<-o.ended
	delete(m.stops, o)
	d.mu.Lock()
	delete(d.byCRTC, o.pipe.crtc)
	d.outputs = slices.DeleteFunc(d.outputs, func(x *output) bool { return x == o })
	d.mu.Unlock()
	o.log.Info("monitor gone")
}

// begin makes outputs for monitors that have none. It uses heads up.
func (m *manager) begin(heads map[string]*head) (made []*output) {
	var fresh []connector
	var used []pipe
	for _, o := range m.list() {
		used = append(used, o.pipe)
		delete(heads, o.name)
	}
	for _, h := range heads {
		if h.Connected {
			fresh = append(fresh, h.connector)
		}
	}
	slices.SortFunc(fresh, func(a, b connector) int { return int(a.ID) - int(b.ID) })
	pipes := assign(m.topology, fresh, used)
	for _, c := range fresh {
		p, ok := pipes[c.ID]
		if !ok {
			m.d.cfg.Logger.Warn("no CRTC or plane is left for a monitor", "component", "display", "connector", c.Name)
			continue
		}
		o, err := newOutput(m.d, heads[c.Name], p)
		if err != nil {
			m.d.cfg.Logger.Warn("start output", "component", "display", "connector", c.Name, "err", err)
			continue
		}
		made = append(made, o)
	}
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	for _, o := range made {
		m.d.findLocked(o, o.found.Load())
		m.d.outputs = append(m.d.outputs, o)
		m.d.byCRTC[o.pipe.crtc] = o
	}
	return made
}

// launch starts an output. It ends when unplug or end says so, not with ctx:
// flips are read until the last output has ended.
func (m *manager) launch(ctx context.Context, o *output) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.stops[o] = cancel
	m.running.Go(func() { o.run(own) })
	o.log.Info("monitor found", "monitor", o.found.Load().label, "crtc", o.pipe.crtc)
}

// end stops all outputs, sets back what was found and lets go.
func (m *manager) end() error {
	outputs := m.list()
	for _, o := range outputs {
		m.stops[o]()
	}
	for _, o := range outputs {
		<-o.parked
	}
	var err error
	if !m.d.away.Load() { // else the card is another's, who has set it as he likes
		err = m.found.restore(m.d.dev)
	}
	close(m.d.restored)
	m.running.Wait()
	for _, s := range m.d.screens {
		s.output.Store(nil)
	}
	m.d.mu.Lock()
	m.d.outputs = nil
	clear(m.d.byCRTC)
	m.d.mu.Unlock()
	return err
}

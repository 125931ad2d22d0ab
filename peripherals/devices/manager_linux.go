package devices

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
	"github.com/blade-shadow/terminal/peripherals/chord"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/gamepad"
	"github.com/blade-shadow/terminal/peripherals/touchpad"
)

// hangs is how long a sink may take for what was read at once; after that the
// device is read for the chord alone.
const hangs = 500 * time.Millisecond

// Sink takes what the person does. Its methods are called by the goroutines of
// the devices.
type Sink interface {
	Handle(input.Event)
	// Pad is a pad's whole state, with each of its reports that changes it.
	Pad(input.Pad)
	// Touch is all that touches a touch screen, with each report that changes
	// it; Pen is a pen's whole state. They are lent for the call.
	Touch(*input.Touch)
	Pen(*input.Pen)
	// Unplugged says that what a device held is let go: it is gone.
	Unplugged(device uint8)
}

// Config is what a Manager needs.
type Config struct {
	Dir  string                                   // "": /dev/input
	Open func(path string) (*evdev.Device, error) // nil: evdev.Open
	Sink Sink
	// Kinds says which kinds are read; nil: all that are understood. A window's
	// keyboard and mouse are the window system's.
	Kinds func(input.DeviceKind) bool
	// Chord hears every key before anybody else; nil: nobody does.
	Chord *chord.Watcher
	// Pads explains pads that number their buttons; nil: those that the program
	// knows. It is not changed any more.
	Pads *gamepad.Database
	// Place is given to absolute pointers; see keymouse.Config.
	Place func(x, y uint16) (screen uint8, sx, sy uint16)
	// Tap is given every event before anybody else, on the goroutine of its
	// device; nil: nobody looks.
	Tap func(d *Device, ev evdev.Event, at time.Time)
	// OnChange is called by Run when the list is another; it returns soon.
	OnChange func()
	Logger   *slog.Logger // nil: discard
}

// Device is one node, for people and their programs.
type Device struct {
	Path     string      `json:"path"`
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`
	KindWhy  string      `json:"kind_why"`
	Number   uint8       `json:"number"` // of its plug; nodes of one plug share it
	Plug     string      `json:"plug"`
	Pad      *uint8      `json:"pad,omitempty"` // the slot of a pad, from 0
	Route    string      `json:"route"`
	RouteWhy string      `json:"route_why"`
	Grabbed  bool        `json:"grabbed"`
	Bus      uint16      `json:"bus"`
	Vendor   uint16      `json:"vendor"`
	Product  uint16      `json:"product"`
	Feedback []string    `json:"feedback,omitempty"`
	Stats    evdev.Stats `json:"stats"`
}

// Routes of a device.
const (
	RouteHost = "host" // to the session
	RouteNone = "none"
)

// Manager reads the devices. New, then Run; the other methods are for any
// goroutine.
type Manager struct {
	cfg     Config
	keys    *keycode.Table
	rescan  chan struct{} // capacity 1, never closed
	reading sync.WaitGroup

	touchpads atomic.Pointer[[]*touchpad.Pad] // never changed once stored

	mu      sync.Mutex // guards the rest
	nodes   map[string]*node
	numbers [256]string     // plugs by number, also those that have gone
	pads    [MaxPads]string // plugs by the pad's slot, likewise
	grab    bool
	leds    uint8
}

// node is one open device.
type node struct {
	dev    *evdev.Device
	kind   input.DeviceKind
	about  Device // but Grabbed and Stats
	slot   int    // for the chord
	events translator
	busy   atomic.Int64 // since when the sink has been called, in Unix nanoseconds; 0: it is not
	saved  atomic.Bool  // the device is read for the chord alone

	grabbed atomic.Bool
	cancel  context.CancelFunc // nil: it is not read
}

// translator makes events of a kind of device.
type translator interface {
	Event(kind, code uint16, value int32, at time.Time)
	Release(at time.Time)
}

// New checks cfg. It opens nothing.
func New(cfg Config) (*Manager, error) {
	if cfg.Sink == nil {
		return nil, errors.New("input devices: Config.Sink is nil")
	}
	if cfg.Open == nil {
		cfg.Open = evdev.Open
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func() {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Pads == nil {
		var err error
		if cfg.Pads, err = gamepad.Shipped(); err != nil {
			return nil, err
		}
	}
	keys, err := keycode.New()
	if err != nil {
		return nil, err
	}
	return &Manager{
		cfg: cfg, keys: keys, rescan: make(chan struct{}, 1),
		nodes: map[string]*node{},
	}, nil
}

// Run reads the devices until ctx ends, which returns nil.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		m.rescue(ctx)
	}()
	err := evdev.Watch(ctx, evdev.WatchConfig{
		Dir: m.cfg.Dir, Rescan: m.rescan, Logger: m.cfg.Logger,
		Add:    func(path string) error { return m.add(ctx, path) },
		Remove: m.remove,
	})
	cancel()
	<-watching
	m.reading.Wait()
	return err
}

// Rescan looks which devices there are: after the machine slept.
func (m *Manager) Rescan() {
	select {
	case m.rescan <- struct{}{}:
	default:
	}
}

// add opens a node and reads it. One that is not read is known all the same.
func (m *Manager) add(ctx context.Context, path string) error {
	dev, err := m.cfg.Open(path)
	if err != nil {
		return err
	}
	n := &node{dev: dev}
	n.kind = m.describe(n)
	run := m.admit(ctx, n)
	if run == nil {
		m.cfg.OnChange()
		return dev.Close()
	}
	m.mu.Lock()
	grab, leds := m.grab, m.leds
	m.mu.Unlock()
	if grab {
		m.hold(n, true)
	}
	if n.kind == input.DeviceKeyboard {
		dev.SetLEDs(leds)
	}
	m.reading.Go(func() { m.read(run, n) })
	m.cfg.Logger.Info("input device", "path", path, "name", n.about.Name, "kind", n.kind)
	m.cfg.OnChange()
	return nil
}

// admit puts a node on the list. It returns nil if it is not to be read.
func (m *Manager) admit(ctx context.Context, n *node) (run context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[n.about.Path] = n
	if n.about.Route == RouteNone {
		return nil
	}
	var used [chord.MaxDevices]bool
	for _, o := range m.openLocked() {
		used[o.slot] = true
	}
	if n.slot = slices.Index(used[:], false); n.slot < 0 {
		n.about.Route, n.about.RouteWhy = RouteNone, "there are too many devices"
		return nil
	}
	n.about.Number = m.numberLocked(n.about.Plug)
	if err := m.translateLocked(n); err != nil {
		n.about.Route, n.about.RouteWhy = RouteNone, err.Error()
		return nil
	}
	run, n.cancel = context.WithCancel(ctx)
	return run
}

// numberLocked gives a plug the number that it had, else one that no plug has
// had, else one whose plug is gone. 0 is nobody's: it means that devices are
// not told apart.
func (m *Manager) numberLocked(plug string) uint8 {
	return uint8(m.placeLocked(m.numbers[1:], plug) + 1) // there are more numbers than devices are opened
}

// placeLocked puts a plug on a list: where it was before, else where none was,
// else where one was that is gone, else nowhere, which is -1.
func (m *Manager) placeLocked(list []string, plug string) int {
	open := map[string]bool{}
	for _, o := range m.openLocked() {
		open[o.about.Plug] = true
	}
	for _, free := range []func(string) bool{
		func(p string) bool { return p == plug },
		func(p string) bool { return p == "" },
		func(p string) bool { return !open[p] },
	} {
		if n := slices.IndexFunc(list, free); n >= 0 {
			list[n] = plug
			return n
		}
	}
	return -1
}

// remove ends a node that has gone. It waits for nobody: the sink may hang.
func (m *Manager) remove(path string) {
	m.mu.Lock()
	n := m.nodes[path]
	delete(m.nodes, path)
	m.mu.Unlock()
	if n == nil {
		return
	}
	if n.cancel != nil {
		n.cancel()
	}
	m.cfg.Logger.Info("input device is gone", "path", path, "name", n.about.Name)
	m.cfg.OnChange()
}

// read reads a node until it is unplugged, or ctx ends.
func (m *Manager) read(ctx context.Context, n *node) {
	var feedback sync.WaitGroup
	feedback.Go(func() {
		if err := n.dev.RunFeedback(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) && ctx.Err() == nil {
			m.cfg.Logger.Debug("feedback", "err", err)
		}
	})
	if b, ok := n.events.(interface{ Begin() }); ok {
		b.Begin()
	}
	err := n.dev.Run(ctx, func(events []evdev.Event) { m.handle(n, events) })
	if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, os.ErrClosed) {
		m.cfg.Logger.Warn("input device failed", "err", err)
	}
	m.cfg.Logger.Debug("input device ended", "path", n.about.Path, "stats", fmt.Sprintf("%+v", n.dev.Stats()))
	n.cancel()
	if c := m.cfg.Chord; c != nil {
		c.Unplugged(n.slot)
	}
	n.events.Release(time.Now())
	m.mu.Lock()
	m.setTouchpadsLocked(m.touchpadsLocked())
	m.mu.Unlock()
	m.cfg.Sink.Unplugged(n.about.Number)
	feedback.Wait()
	if err := n.dev.Close(); err != nil {
		m.cfg.Logger.Debug("close input device", "err", err)
	}
}

// handle gives events to the chord, then to the sink.
func (m *Manager) handle(n *node, events []evdev.Event) {
	n.busy.Store(time.Now().UnixNano())
	for i := range events {
		e := &events[i]
		if m.cfg.Tap != nil {
			m.cfg.Tap(&n.about, *e, n.dev.Time(e.Time))
		}
		if m.listen(n, e) && e.Value != 0 {
			continue // not the session's; that it is up always is
		}
		if e.Type == evdev.Key && e.Value == 1 && n.kind == input.DeviceKeyboard {
			m.typed(n.dev.Time(e.Time))
		}
		n.events.Event(e.Type, e.Code, e.Value, n.dev.Time(e.Time))
	}
	n.busy.Store(0)
}

// listen gives a key to the chord and reports whether it is kept.
func (m *Manager) listen(n *node, e *evdev.Event) (kept bool) {
	return e.Type == evdev.Key && e.Value != autorepeat && m.cfg.Chord != nil && m.cfg.Chord.Key(n.slot, e.Code, e.Value != 0)
}

// autorepeat is the value of a key that the kernel repeats.
const autorepeat = 2

// rescue reads devices for the chord whose sink hangs.
func (m *Manager) rescue(ctx context.Context) {
	if m.cfg.Chord == nil {
		return
	}
	var saving sync.WaitGroup
	defer saving.Wait()
	tick := time.NewTicker(hangs / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.mu.Lock()
		for _, n := range m.nodes {
			since := n.busy.Load()
			if since == 0 || time.Since(time.Unix(0, since)) < hangs || n.saved.Swap(true) {
				continue
			}
			m.cfg.Logger.Error("the session does not take input any more; only the panic chord is heard", "path", n.about.Path)
			saving.Go(func() {
				defer n.saved.Store(false)
				needed := func() bool { return n.busy.Load() == since && ctx.Err() == nil }
				if err := n.dev.Steal(needed, func(events []evdev.Event) {
					for i := range events {
						m.listen(n, &events[i])
					}
				}); err != nil {
					m.cfg.Logger.Debug("read for the chord", "err", err)
				}
			})
		}
		m.mu.Unlock()
	}
}

// Grab keeps the devices from everybody else on the machine, or gives them
// back: while the session has the person's focus.
func (m *Manager) Grab(on bool) {
	m.mu.Lock()
	m.grab = on
	all := m.openLocked()
	m.mu.Unlock()
	for _, n := range all {
		m.hold(n, on)
	}
}

// openLocked are the nodes that are read.
func (m *Manager) openLocked() (all []*node) {
	for _, n := range m.nodes {
		if n.cancel != nil {
			all = append(all, n)
		}
	}
	return all
}

// hold grabs one node or lets it go.
func (m *Manager) hold(n *node, on bool) {
	if n.grabbed.Load() == on {
		return
	}
	err := n.dev.Ungrab()
	if on {
		err = n.dev.Grab()
	}
	if err != nil {
		if !errors.Is(err, fs.ErrClosed) && !errors.Is(err, unix.ENODEV) {
			m.cfg.Logger.Warn("what is typed may reach others on this machine, too", "err", err)
		}
		return
	}
	n.grabbed.Store(on)
}

// SetLEDs lights the lamps of all keyboards (wire.LEDNum and so on).
func (m *Manager) SetLEDs(lit uint8) {
	m.mu.Lock()
	m.leds = lit
	all := m.openLocked()
	m.mu.Unlock()
	for _, n := range all {
		if n.kind == input.DeviceKeyboard {
			n.dev.SetLEDs(lit)
		}
	}
}

// List returns the devices, by path.
func (m *Manager) List() []Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Device, 0, len(m.nodes))
	for _, n := range m.nodes {
		d := n.about
		d.Grabbed, d.Stats = n.grabbed.Load(), n.dev.Stats()
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Device) int {
		return compareNumbers(a.Path, b.Path)
	})
	return all
}

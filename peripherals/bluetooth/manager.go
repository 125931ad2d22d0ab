package bluetooth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Bounds of time.
const (
	// PairTime is how long a device may take to pair, questions included.
	PairTime = 60 * time.Second
	// AskTime is how long a question stands at most. BlueZ gives up on an
	// agent after 60 s.
	AskTime = 55 * time.Second
	// MaxSearch is how long Search lasts at most: a radio that searches does
	// little else.
	MaxSearch = 3 * time.Minute
	// ChangeTime is the least time between two calls of Config.OnChange: the
	// strength of every device changes all the time.
	ChangeTime = 200 * time.Millisecond

	callTime = 10 * time.Second // of a call that needs no device
	linkTime = 30 * time.Second // of connecting to a device
)

// Config is what a Manager needs.
type Config struct {
	Dial sysbus.Dialer // nil: the system bus
	// OnChange is told the state after it has changed, from one goroutine of
	// Run, not more often than every ChangeTime. nil: nobody wants to know.
	OnChange func(State)
	// Ask shows a question and returns the person's answer; false is a
	// refusal. It is called from a goroutine of its own, and returns soon
	// after ctx has ended: the question is not of interest any more. nil:
	// nobody is there.
	Ask    func(ctx context.Context, q Question) (answer string, yes bool)
	Logger *slog.Logger // nil: discard
}

// Manager speaks with BlueZ. New, then Run; the other methods are for any
// goroutine and wait for an answer until their context ends.
type Manager struct {
	cfg   Config
	link  *sysbus.Link
	dirty chan struct{} // holds one while OnChange is to be called

	mu       sync.Mutex // guards the rest
	store    *store     // nil while there is no BlueZ
	epoch    int        // counts the times it has gone
	changed  chan struct{}
	pairing  *pairing // nil: none
	searches map[dbus.ObjectPath]*search
}

// New returns a manager. It starts nothing and needs no bus yet.
func New(cfg Config) *Manager {
	if cfg.OnChange == nil {
		cfg.OnChange = func(State) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg, dirty: make(chan struct{}, 1), changed: make(chan struct{}), searches: map[dbus.ObjectPath]*search{}}
	from := func(iface string, more ...dbus.MatchOption) []dbus.MatchOption {
		return append([]dbus.MatchOption{dbus.WithMatchSender(service), dbus.WithMatchInterface(iface)}, more...)
	}
	m.link = sysbus.New(sysbus.Config{
		Dial:     cfg.Dial,
		Services: []string{service},
		Signals: [][]dbus.MatchOption{
			from(ifaceObjects),
			from(ifaceProps, dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, ifaceAdapter)),
			from(ifaceProps, dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, ifaceDevice)),
			from(ifaceProps, dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, ifaceBattery)),
		},
		Attend: m.follow,
		Logger: cfg.Logger,
	})
	return m
}

// Run keeps a connection until ctx ends, then returns nil. A machine without a
// bus is asked again, less and less often.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { m.tell(ctx) })
	err := m.link.Run(ctx)
	cancel()
	wg.Wait()
	return err
}

// State returns what is known now.
func (m *Manager) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return State{}
	}
	s := m.store.state()
	if p := m.pairing; p != nil {
		s.Pairing = ID(p.device)
		if p.shown != nil {
			shown := *p.shown
			s.Shown = &shown
		}
	}
	return s
}

// tell calls OnChange, but not all the time.
func (m *Manager) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.dirty:
		}
		m.cfg.OnChange(m.State())
		select {
		case <-ctx.Done():
			return
		case <-time.After(ChangeTime):
		}
	}
}

// touched says that the state has changed. m.mu is held.
func (m *Manager) touched() {
	close(m.changed)
	m.changed = make(chan struct{})
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// lose forgets everything: BlueZ has gone.
func (m *Manager) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return
	}
	m.store = nil
	m.epoch++
	if m.pairing != nil {
		m.pairing.cancel()
	}
	m.touched()
}

// follow hears BlueZ, as one of its agents.
func (m *Manager) follow(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	a := newAgent(m)
	defer a.close()
	defer m.lose()
	if err := conn.Export(a, agentPath, ifaceAgent); err != nil {
		return fmt.Errorf("export the pairing agent: %w", err)
	}
	var owner string
	switched := func(now string) error {
		if now == owner {
			return nil
		}
		owner = now
		a.serve(ctx, owner)
		m.lose()
		if owner == "" {
			return nil
		}
		return m.begin(ctx, conn)
	}
	now, err := nameOwner(ctx, conn)
	if err == nil {
		err = switched(now)
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case s, open := <-signals:
			if !open {
				return errors.New("the system bus has gone")
			}
			if _, now, ok := sysbus.OwnerChange(s); ok {
				err = switched(now)
			} else if s.Sender == owner {
				err = m.hear(ctx, conn, s)
			}
		}
	}
	return err
}

// nameOwner returns who is BlueZ now; "": nobody. It does not start it, as a
// call would.
func nameOwner(ctx context.Context, conn *dbus.Conn) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var owner string
	err := sysbus.Call(ctx, conn, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner", []any{service}, &owner)
	if errors.Is(err, errors.ErrUnsupported) {
		return "", nil
	}
	return owner, err
}

// begin registers the agent and reads everything.
func (m *Manager) begin(ctx context.Context, conn *dbus.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := sysbus.Call(ctx, conn, service, managerPath, ifaceAgents+".RegisterAgent", []any{agentPath, capability})
	if err == nil || is(err, errorExists) {
		// Pads at a cable are asked about with the default agent.
		err = sysbus.Call(ctx, conn, service, managerPath, ifaceAgents+".RequestDefaultAgent", []any{agentPath})
	}
	if err != nil {
		m.cfg.Logger.Warn("Bluetooth devices that ask something cannot be paired", "err", err)
	}
	return m.read(ctx, conn)
}

// read reads everything.
func (m *Manager) read(ctx context.Context, conn *dbus.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var all objects
	if err := sysbus.Call(ctx, conn, service, rootPath, ifaceObjects+".GetManagedObjects", nil, &all); err != nil {
		if errors.Is(err, errors.ErrUnsupported) || is(err, errorNoReply) {
			return nil // gone again, of which the bus tells
		}
		return err
	}
	s := newStore()
	s.fill(all)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store = s
	m.touched()
	return nil
}

// hear takes a signal of BlueZ's.
func (m *Manager) hear(ctx context.Context, conn *dbus.Conn, sig *dbus.Signal) error {
	m.mu.Lock()
	if m.store == nil {
		m.mu.Unlock()
		return nil
	}
	changed, missed := m.store.signal(sig)
	if changed {
		m.touched()
	}
	m.mu.Unlock()
	if missed {
		return m.read(ctx, conn)
	}
	return nil
}

// call has BlueZ carry out a method within limit.
func (m *Manager) call(ctx context.Context, limit time.Duration, path dbus.ObjectPath, method string, args []any, results ...any) error {
	conn, err := m.link.Conn()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	m.mu.Lock()
	epoch, here := m.epoch, m.store != nil
	m.mu.Unlock()
	if !here {
		return fmt.Errorf("%s: %w", method, errNone())
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return m.explain(ctx, path, epoch, sysbus.Call(limited, conn, service, path, method, args, results...))
}

// set sets a property.
func (m *Manager) set(ctx context.Context, path dbus.ObjectPath, iface, property string, value bool) error {
	return m.call(ctx, callTime, path, ifaceProps+".Set", []any{iface, property, dbus.MakeVariant(value)})
}

func errNone() error {
	return fmt.Errorf("no BlueZ: %w: it needs bluetoothd", errors.ErrUnsupported)
}

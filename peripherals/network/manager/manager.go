package manager

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
	// JoinTime is how long Join and Activate last at most, questions included.
	JoinTime = 5 * time.Minute
	// AskTime is how long a question stands at most. NetworkManager gives up
	// on an agent after 120 s.
	AskTime = 110 * time.Second
	// ScanTime is how long Scan lasts at most; ScanPause is between two.
	ScanTime  = 15 * time.Second
	ScanPause = 5 * time.Second
	// ChangeTime is the least time between two calls of Config.OnChange: the
	// strength of every access point changes all the time.
	ChangeTime = 200 * time.Millisecond

	callTime  = 30 * time.Second       // of one call
	causeTime = 500 * time.Millisecond // how far a device's reason may be behind the end
)

// Config is what a Manager needs.
type Config struct {
	Dial sysbus.Dialer // nil: the system bus
	// OnChange is told the state after it has changed, from one goroutine of
	// Run, not more often than every ChangeTime. nil: nobody wants to know.
	OnChange func(State)
	// Ask shows a question and returns what the person typed; false is a
	// refusal. It is called from a goroutine of its own, for several questions
	// at once where several devices ask, and returns soon after ctx has ended:
	// the question is not of interest any more. nil: nobody is there.
	Ask    func(ctx context.Context, q Question) (Secret, bool)
	Logger *slog.Logger // nil: discard
}

// Manager speaks with NetworkManager. New, then Run; the other methods are for
// any goroutine and wait for an answer until their context ends.
type Manager struct {
	cfg   Config
	link  *sysbus.Link
	dirty chan struct{} // holds one while OnChange is to be called

	mu      sync.Mutex // guards the rest
	store   *store     // nil while there is no NetworkManager
	epoch   int        // counts the times it has gone
	changed chan struct{}
	scans   map[dbus.ObjectPath]time.Time // the last one asked of each device
}

// New returns a manager. It starts nothing and needs no bus yet.
func New(cfg Config) *Manager {
	if cfg.OnChange == nil {
		cfg.OnChange = func(State) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg, dirty: make(chan struct{}, 1), changed: make(chan struct{}), scans: map[dbus.ObjectPath]time.Time{}}
	from := func(iface string, more ...dbus.MatchOption) []dbus.MatchOption {
		return append([]dbus.MatchOption{
			dbus.WithMatchSender(service), dbus.WithMatchInterface(iface), dbus.WithMatchPathNamespace(rootPath),
		}, more...)
	}
	m.link = sysbus.New(sysbus.Config{
		Dial:     cfg.Dial,
		Services: []string{service},
		Signals: [][]dbus.MatchOption{
			from(ifaceObjects), from(ifaceProps, dbus.WithMatchMember("PropertiesChanged")),
			from(ifaceDevice, dbus.WithMatchMember("StateChanged")), from(ifaceActive, dbus.WithMatchMember("StateChanged")),
			from(ifaceProfile, dbus.WithMatchMember("Updated")),
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
	return m.store.state()
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

// lose forgets everything: NetworkManager has gone.
func (m *Manager) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return
	}
	m.store = nil
	m.epoch++
	clear(m.scans)
	m.touched()
}

// follow hears NetworkManager, as one of its agents.
func (m *Manager) follow(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	a := newAgent(m.cfg.Ask)
	defer a.close()
	defer m.lose()
	if err := conn.Export(a, agentPath, ifaceAgent); err != nil {
		return fmt.Errorf("export the secrets agent: %w", err)
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
				m.hear(ctx, conn, s)
			}
		}
	}
	return err
}

// nameOwner returns who is NetworkManager now; "": nobody. It does not start
// it, as a call would.
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
	// The name has to be one of a kind on this machine.
	if err := sysbus.Call(ctx, conn, service, agentsPath, ifaceAgents+".Register", []any{"com.shadow.terminal"}); err != nil {
		m.cfg.Logger.Warn("passwords of networks will not be asked for", "err", err)
	}
	var all objects
	if err := sysbus.Call(ctx, conn, service, rootPath, ifaceObjects+".GetManagedObjects", nil, &all); err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			return nil // gone again, of which the bus tells
		}
		return err
	}
	s := newStore()
	for path, in := range all {
		if s.add(path, in) {
			m.readProfile(ctx, conn, s, path)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store = s
	m.touched()
	return nil
}

// maxProfiles bounds how many profiles are kept.
const maxProfiles = 256

// readProfile reads a profile into s, which nobody else uses.
func (m *Manager) readProfile(ctx context.Context, conn *dbus.Conn, s *store, path dbus.ObjectPath) {
	if p, ok := m.getProfile(ctx, conn, path); ok && len(s.profiles) < maxProfiles {
		s.profiles[path] = p
	}
}

func (m *Manager) getProfile(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath) (Profile, bool) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var set settings
	if err := sysbus.Call(ctx, conn, service, path, ifaceProfile+".GetSettings", nil, &set); err != nil {
		m.cfg.Logger.Debug("a profile is not known", "profile", path, "err", err)
		return Profile{}, false
	}
	return profileOf(path, set), true
}

// hear takes a signal of NetworkManager's.
func (m *Manager) hear(ctx context.Context, conn *dbus.Conn, sig *dbus.Signal) {
	m.mu.Lock()
	if m.store == nil {
		m.mu.Unlock()
		return
	}
	changed, read := m.store.signal(sig)
	if changed {
		m.touched()
	}
	m.mu.Unlock()
	if read == "" {
		return
	}
	p, ok := m.getProfile(ctx, conn, read)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, old := m.store.profiles[read]
	if ok && (old || len(m.store.profiles) < maxProfiles) {
		m.store.profiles[read] = p
		m.touched()
	}
}

// call has NetworkManager carry out a method.
func (m *Manager) call(ctx context.Context, path dbus.ObjectPath, method string, args []any, results ...any) error {
	conn, err := m.link.Conn()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return sysbus.Call(ctx, conn, service, path, method, args, results...)
}

package power

import (
	"context"
	"errors"
	"log/slog"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Names on the bus.
const (
	loginName    = "org.freedesktop.login1"
	loginPath    = dbus.ObjectPath("/org/freedesktop/login1")
	loginManager = loginName + ".Manager"
	prepareSleep = loginManager + ".PrepareForSleep"
	timeName     = "org.freedesktop.timedate1"
	timePath     = dbus.ObjectPath("/org/freedesktop/timedate1")
)

// Config is what a Manager needs.
type Config struct {
	Dial sysbus.Dialer // nil: the system bus
	// OnSleep is called from Run when the machine is about to sleep (asleep)
	// and when it is awake again. The machine sleeps once it has returned, or
	// after logind's patience. nil: nobody wants to know.
	OnSleep func(asleep bool)
	Logger  *slog.Logger // nil: discard
}

// Manager speaks with logind. New, then Run; the other methods are for any
// goroutine and wait for an answer until their context ends. While there is no
// bus they fail with errors.ErrUnsupported.
type Manager struct {
	cfg  Config
	link *sysbus.Link
}

// New returns a manager. It starts nothing and needs no bus yet.
func New(cfg Config) *Manager {
	if cfg.OnSleep == nil {
		cfg.OnSleep = func(bool) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg}
	m.link = sysbus.New(sysbus.Config{
		Dial:     cfg.Dial,
		Services: []string{loginName},
		Signals: [][]dbus.MatchOption{{
			dbus.WithMatchSender(loginName), dbus.WithMatchObjectPath(loginPath),
			dbus.WithMatchInterface(loginManager), dbus.WithMatchMember("PrepareForSleep"),
		}},
		Attend: m.follow,
		Logger: cfg.Logger,
	})
	return m
}

// Run keeps a connection until ctx ends, then returns nil. A machine without a
// bus is asked again, less and less often.
func (m *Manager) Run(ctx context.Context) error { return m.link.Run(ctx) }

// follow hears logind, and holds the lock that makes it wait for us.
func (m *Manager) follow(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	var lock *Lock
	defer func() { lock.Release() }()
	take := func() {
		lock.Release()
		var err error
		if lock, err = inhibit(ctx, conn, "sleep", "delay", "keys are let go before sleep"); err != nil {
			m.cfg.Logger.Debug("sleep is not waited for", "err", err)
		}
	}
	take()
	asleep := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case s, open := <-signals:
			if !open {
				return errors.New("the system bus has gone")
			}
			switch before, ok := sleeping(s); {
			case ok && before != asleep:
				asleep = before
				m.cfg.OnSleep(asleep)
				if asleep {
					lock.Release()
				} else {
					take()
				}
			default:
				if _, owner, ok := sysbus.OwnerChange(s); ok && owner != "" {
					take() // the lock of the one before is gone with it
				}
			}
		}
	}
}

// sleeping reads PrepareForSleep.
func sleeping(s *dbus.Signal) (before, ok bool) {
	if s.Name != prepareSleep || s.Path != loginPath || len(s.Body) < 1 {
		return false, false
	}
	before, ok = s.Body[0].(bool)
	return before, ok
}

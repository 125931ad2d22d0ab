// Package sysbus keeps a connection to the system's message bus (D-Bus) for
// the parts that speak with the services of a terminal: logind, BlueZ,
// NetworkManager. A [Link] connects, asks for signals, hands both to its
// owner and begins again when the bus goes away. It knows none of the
// services.
//
// Run owns the connection and calls Attend on its own goroutine; [Link.Conn]
// is for any. Failure modes: a machine without a bus is asked again, less and
// less often; meanwhile Conn fails with [errors.ErrUnsupported].
package sysbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names of the bus itself (D-Bus Specification 0.43, "Message Bus Messages").
const (
	busName       = "org.freedesktop.DBus"
	ownerChanged  = busName + ".NameOwnerChanged"
	getProperty   = busName + ".Properties.Get"
	errorUnknown  = busName + ".Error.ServiceUnknown"
	errorNoOwner  = busName + ".Error.NameHasNoOwner"
	errorNoMethod = busName + ".Error.UnknownMethod"
)

// signalQueue is how many signals may wait for Attend; godbus keeps what is
// over that, in order.
const signalQueue = 16

// Retries of the bus.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// Dialer connects to a bus with these options.
type Dialer func(opts ...dbus.ConnOption) (*dbus.Conn, error)

// Config is what a Link needs.
type Config struct {
	// Dial connects; nil: dbus.ConnectSystemBus, which heeds
	// DBUS_SYSTEM_BUS_ADDRESS.
	Dial Dialer
	// Services are the names whose comings and goings Attend hears; see
	// [OwnerChange].
	Services []string
	// Signals are the signals that it hears besides.
	Signals [][]dbus.MatchOption
	// Attend is called by Run with each new connection, and returns when ctx
	// has ended or signals is closed, which means that the bus has gone. The
	// link closes the connection and dials again.
	Attend func(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error
	Logger *slog.Logger // nil: discard
}

// Link is a connection that comes back.
type Link struct {
	cfg Config

	mu   sync.Mutex // guards conn
	conn *dbus.Conn // nil while there is none
}

// New returns a link. It starts nothing and needs no bus yet.
func New(cfg Config) *Link {
	if cfg.Dial == nil {
		cfg.Dial = dbus.ConnectSystemBus
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Link{cfg: cfg}
}

// Run keeps a connection until ctx ends, then returns nil.
func (l *Link) Run(ctx context.Context) error {
	retry := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		if err := l.attend(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Logger.Debug("no system bus", "err", err, "retry", retry)
		}
		if time.Since(began) > retryMost {
			retry = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry/2 + rand.N(retry/2+1)):
		}
		retry = min(2*retry, retryMost)
	}
	return nil
}

// attend serves one connection until it or ctx ends.
func (l *Link) attend(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := l.cfg.Dial(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return fmt.Errorf("connect to the system bus: %w", err)
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, signalQueue)
	conn.Signal(signals)
	matches := l.cfg.Signals
	for _, name := range l.cfg.Services {
		matches = append(matches[:len(matches):len(matches)], []dbus.MatchOption{
			dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name),
		})
	}
	for _, match := range matches {
		if err := conn.AddMatchSignalContext(ctx, match...); err != nil {
			return fmt.Errorf("ask the system bus for signals: %w", err)
		}
	}
	l.set(conn)
	defer l.set(nil)
	return l.cfg.Attend(ctx, conn, signals)
}

func (l *Link) set(conn *dbus.Conn) {
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
}

// Conn returns the connection that Run holds.
func (l *Link) Conn() (*dbus.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, fmt.Errorf("no system bus: %w: it needs D-Bus", errors.ErrUnsupported)
	}
	return l.conn, nil
}

// OwnerChange reads what the bus says of a service: one that has come has an
// owner, one that has gone has none. ok is false for other signals.
func OwnerChange(s *dbus.Signal) (service, owner string, ok bool) {
	if s.Name != ownerChanged || s.Sender != busName || len(s.Body) < 3 {
		return "", "", false
	}
	service, ok = s.Body[0].(string)
	owner, _ = s.Body[2].(string)
	return service, owner, ok
}

// Call has a service carry out method and reads its answer into results. A
// service or method that is not there wraps errors.ErrUnsupported.
func Call(ctx context.Context, conn *dbus.Conn, service string, path dbus.ObjectPath, method string, args []any, results ...any) error {
	c := conn.Object(service, path).CallWithContext(ctx, method, 0, args...)
	if err := c.Err; err != nil {
		var answer dbus.Error
		if errors.As(err, &answer) && (answer.Name == errorUnknown || answer.Name == errorNoOwner || answer.Name == errorNoMethod) {
			return fmt.Errorf("%s: %w: %w", method, errors.ErrUnsupported, err)
		}
		return fmt.Errorf("%s: %w", method, err)
	}
	if err := c.Store(results...); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Get reads one property of an object.
func Get[T any](ctx context.Context, conn *dbus.Conn, service string, path dbus.ObjectPath, iface, property string) (value T, err error) {
	var v dbus.Variant
	if err := Call(ctx, conn, service, path, getProperty, []any{iface, property}, &v); err != nil {
		return value, fmt.Errorf("%s.%s: %w", iface, property, err)
	}
	value, ok := v.Value().(T)
	if !ok {
		return value, fmt.Errorf("%s.%s is a %s, not a %T", iface, property, v.Signature(), value)
	}
	return value, nil
}

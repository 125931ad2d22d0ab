package sysbus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
)

// patience bounds every wait.
const patience = 20 * time.Second

// next waits for a message.
func next[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
	}
	return v
}

// The connection comes back after the bus has gone, and hears services come
// and go on both.
func TestLinkComesBack(t *testing.T) {
	const name = "org.example.Service"
	dial, _ := bustest.Start(t)
	conns := make(chan *dbus.Conn, 4)
	heard := make(chan string, 16)
	link := sysbus.New(sysbus.Config{
		Dial: func(opts ...dbus.ConnOption) (*dbus.Conn, error) {
			conn, err := dial(opts...)
			if err == nil {
				conns <- conn
			}
			return conn, err
		},
		Services: []string{name},
		Attend: func(_ context.Context, _ *dbus.Conn, signals <-chan *dbus.Signal) error {
			heard <- "up"
			for s := range signals {
				if service, owner, ok := sysbus.OwnerChange(s); ok {
					heard <- fmt.Sprintf("%s %v", service, owner != "")
				}
			}
			heard <- "down"
			return errors.New("the bus has gone")
		},
	})
	if _, err := link.Conn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Conn before Run = %v; want %v", err, errors.ErrUnsupported)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()

	service, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	for range 2 {
		var script []string
		script = append(script, next(t, "a connection", heard))
		conn := next(t, "the dialled connection", conns)
		if c, err := link.Conn(); c != conn || err != nil {
			t.Errorf("Conn() = %p, %v; want %p", c, err, conn)
		}
		if _, err := service.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
		script = append(script, next(t, "the service's coming", heard))
		if _, err := service.ReleaseName(name); err != nil {
			t.Fatal(err)
		}
		script = append(script, next(t, "the service's going", heard))
		_ = conn.Close()
		script = append(script, next(t, "the connection's end", heard))
		if got, want := fmt.Sprint(script), "[up "+name+" true "+name+" false down]"; got != want {
			t.Errorf("Attend heard %v; want %v", got, want)
		}
	}
	cancel()
	if err := next(t, "Run's end", ended); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
}

// What a service lacks is told from what it refuses, and a property of another
// type is an error.
func TestCallAndGet(t *testing.T) {
	dial, _ := bustest.Start(t)
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	bus := dbus.ObjectPath("/org/freedesktop/DBus")
	if err := sysbus.Call(ctx, conn, "org.example.Nobody", "/", "org.example.Method", nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Call of a service that is not there = %v; want %v", err, errors.ErrUnsupported)
	}
	if err := sysbus.Call(ctx, conn, "org.freedesktop.DBus", bus, "org.freedesktop.DBus.GetNameOwner", []any{7}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Call with an argument of the wrong type = %v; want another error than %v", err, errors.ErrUnsupported)
	}
	features, err := sysbus.Get[[]string](ctx, conn, "org.freedesktop.DBus", bus, "org.freedesktop.DBus", "Features")
	if err != nil || len(features) == 0 {
		t.Errorf("Get(Features) = %q, %v; want some", features, err)
	}
	if n, err := sysbus.Get[uint32](ctx, conn, "org.freedesktop.DBus", bus, "org.freedesktop.DBus", "Features"); err == nil {
		t.Errorf("Get of a list as a number = %d, nil; want an error", n)
	}
}

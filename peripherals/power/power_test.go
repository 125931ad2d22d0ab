package power_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
	"github.com/blade-shadow/terminal/peripherals/power"
)

// patience bounds every wait.
const patience = 20 * time.Second

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logind is a login1.Manager and a timedate1 that remember what they were
// asked.
type logind struct {
	conn *dbus.Conn

	mu    sync.Mutex // guards the rest
	can   string
	asked []string
	locks []*os.File // the read ends: end of file means released
}

func (l *logind) did(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, what)
}

func (l *logind) said() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

func (l *logind) CanPowerOff() (string, *dbus.Error) { return l.can, nil }
func (l *logind) CanReboot() (string, *dbus.Error)   { return l.can, nil }
func (l *logind) CanSuspend() (string, *dbus.Error)  { return "na", nil }

func (l *logind) PowerOff(bool) *dbus.Error { l.did("off"); return nil }
func (l *logind) Reboot(bool) *dbus.Error   { l.did("restart"); return nil }

func (l *logind) Inhibit(what, _, _, mode string) (dbus.UnixFD, *dbus.Error) {
	r, w, err := os.Pipe()
	if err != nil {
		return -1, dbus.MakeFailedError(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, mode+" "+what)
	l.locks = append(l.locks, r)
	fd := dbus.UnixFD(w.Fd())
	time.AfterFunc(time.Second, func() { _ = w.Close() }) // the answer has been sent; the caller holds its own
	return fd, nil
}

func (l *logind) SetTimezone(zone string, _ bool) *dbus.Error { l.did("zone " + zone); return nil }
func (l *logind) SetNTP(bool, bool) *dbus.Error               { l.did("ntp"); return nil }

func (l *logind) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant("Europe/Paris"), nil
}

// newLogind puts a logind on the bus.
func newLogind(t *testing.T, dial sysbus.Dialer) *logind {
	t.Helper()
	conn, err := dial()
	ok(t, err)
	l := &logind{conn: conn, can: "yes"}
	ok(t, conn.Export(l, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"))
	ok(t, conn.Export(l, "/org/freedesktop/timedate1", "org.freedesktop.timedate1"))
	ok(t, conn.Export(l, "/org/freedesktop/timedate1", "org.freedesktop.DBus.Properties"))
	for _, name := range []string{"org.freedesktop.login1", "org.freedesktop.timedate1"} {
		_, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
		ok(t, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return l
}

func (l *logind) sleep(t *testing.T, before bool) {
	t.Helper()
	ok(t, l.conn.Emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", before))
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// released waits for the end of a lock.
func (l *logind) released(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	f := l.locks[n]
	l.mu.Unlock()
	ok(t, f.SetReadDeadline(time.Now().Add(patience)))
	if _, err := f.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("lock %d is held; want it released", n)
	}
}

// held says that a lock is not released, for as long as it takes to see.
func (l *logind) held(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	f := l.locks[n]
	l.mu.Unlock()
	ok(t, f.SetReadDeadline(time.Now().Add(1500*time.Millisecond))) // longer than the fake holds it
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("lock %d: %v; want it held", n, err)
	}
}

// start runs a manager and returns it with what OnSleep was told.
func start(t *testing.T, dial sysbus.Dialer) (m *power.Manager, slept chan bool) {
	t.Helper()
	slept = make(chan bool, 16)
	m = power.New(power.Config{Dial: dial, OnSleep: func(asleep bool) { slept <- asleep }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run() = %v; want nil", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	return m, slept
}

func TestActions(t *testing.T) {
	dial, _ := bustest.Start(t)
	l := newLogind(t, dial)
	m, _ := start(t, dial)
	ctx := t.Context()
	until(t, "the connection", func() bool { can, err := m.Can(ctx, power.PowerOff); return err == nil && can })
	until(t, "the lock before sleep", func() bool { return slices.Contains(l.said(), "delay sleep") })
	ok(t, m.Do(ctx, power.PowerOff))
	ok(t, m.Do(ctx, power.Restart))
	if err := m.Do(ctx, power.Suspend); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Do(Suspend) = %v; want %v", err, errors.ErrUnsupported)
	}
	lock, err := m.Inhibit(ctx, "an update is written")
	ok(t, err)
	l.held(t, 1)
	lock.Release()
	lock.Release()
	l.released(t, 1)
	if zone, err := m.TimeZone(ctx); err != nil || zone != "Europe/Paris" {
		t.Errorf("TimeZone() = %q, %v; want Europe/Paris", zone, err)
	}
	ok(t, m.SetTimeZone(ctx, "America/Argentina/Buenos_Aires"))
	ok(t, m.SetClockSync(ctx, true))
	for _, zone := range []string{"", "../../etc/passwd", "Europe/Paris\n", strings.Repeat("x", 65), "Zürich"} {
		if err := m.SetTimeZone(ctx, zone); err == nil {
			t.Errorf("SetTimeZone(%q) = nil; want an error", zone)
		}
	}
	want := []string{"delay sleep", "off", "restart", "block shutdown:sleep:idle", "zone America/Argentina/Buenos_Aires", "ntp"}
	if got := l.said(); !slices.Equal(got, want) {
		t.Errorf("logind was asked %q; want %q", got, want)
	}
}

// Sleep waits for OnSleep, and the lock is taken anew afterwards.
func TestSleep(t *testing.T) {
	dial, _ := bustest.Start(t)
	l := newLogind(t, dial)
	_, slept := start(t, dial)
	locks := func(n int) func() bool {
		return func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.locks) == n }
	}
	until(t, "the first lock", locks(1))
	l.sleep(t, true)
	l.sleep(t, true) // said twice: told once
	l.released(t, 0)
	l.sleep(t, false)
	until(t, "the second lock", locks(2))
	if a, b := <-slept, <-slept; !a || b || len(slept) > 0 {
		t.Errorf("OnSleep(%v), OnSleep(%v), %d more; want true, false", a, b, len(slept))
	}
	l.held(t, 1)
}

// A logind that is started again is given another lock.
func TestRestartOfLogind(t *testing.T) {
	dial, _ := bustest.Start(t)
	first := newLogind(t, dial)
	m, slept := start(t, dial)
	until(t, "the first lock", func() bool { return len(first.said()) == 1 })
	ok(t, first.conn.Close())
	until(t, "the end of the first", func() bool {
		_, err := m.Can(t.Context(), power.PowerOff)
		return errors.Is(err, errors.ErrUnsupported)
	})
	second := newLogind(t, dial)
	until(t, "the second lock", func() bool { return len(second.said()) == 1 })
	second.sleep(t, true)
	select {
	case asleep := <-slept:
		if !asleep {
			t.Error("OnSleep(false); want true")
		}
	case <-time.After(patience):
		t.Error("the second logind is not heard")
	}
}

func TestNoBus(t *testing.T) {
	gone := errors.New("no bus here")
	m, _ := start(t, func(...dbus.ConnOption) (*dbus.Conn, error) { return nil, gone })
	if err := m.Do(t.Context(), power.PowerOff); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Do(PowerOff) = %v; want %v", err, errors.ErrUnsupported)
	}
	if _, err := m.Inhibit(t.Context(), "x"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Inhibit() = %v; want %v", err, errors.ErrUnsupported)
	}
}

package power

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Action is what can be done to the machine.
type Action string

// The actions, by the names of logind's methods.
const (
	PowerOff Action = "PowerOff"
	Restart  Action = "Reboot"
	Suspend  Action = "Suspend"
)

// Do has logind carry out a. It returns when logind has agreed; the machine
// goes down after that. Where the machine cannot do a, the error wraps
// errors.ErrUnsupported.
func (m *Manager) Do(ctx context.Context, a Action) error {
	can, err := m.Can(ctx, a)
	if err != nil {
		return err
	}
	if !can {
		return fmt.Errorf("%s: this machine cannot, or may not: %w", a, errors.ErrUnsupported)
	}
	conn, err := m.link.Conn()
	if err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	return sysbus.Call(ctx, conn, loginName, loginPath, loginManager+"."+string(a), []any{false}) // false: nobody is there to type a password
}

// Can reports whether the machine can do a and this program may ask for it.
func (m *Manager) Can(ctx context.Context, a Action) (bool, error) {
	conn, err := m.link.Conn()
	if err != nil {
		return false, fmt.Errorf("%s: %w", a, err)
	}
	var answer string // yes, no, na, challenge
	if err := sysbus.Call(ctx, conn, loginName, loginPath, loginManager+".Can"+string(a), nil, &answer); err != nil {
		return false, err
	}
	return answer == "yes", nil
}

// Lock keeps the machine from something until it is released.
type Lock struct {
	file *os.File
	once sync.Once
}

// Release ends the lock; again, or on nil, it does nothing.
func (l *Lock) Release() {
	if l == nil {
		return
	}
	l.once.Do(func() { _ = l.file.Close() })
}

// Inhibit keeps the machine from powering off, restarting and sleeping, for
// as long as an update is written, say. why is told to whoever asks logind.
// The lock ends with the process at the latest.
func (m *Manager) Inhibit(ctx context.Context, why string) (*Lock, error) {
	conn, err := m.link.Conn()
	if err != nil {
		return nil, fmt.Errorf("inhibit: %w", err)
	}
	return inhibit(ctx, conn, "shutdown:sleep:idle", "block", why)
}

func inhibit(ctx context.Context, conn *dbus.Conn, what, mode, why string) (*Lock, error) {
	if !conn.SupportsUnixFDs() {
		return nil, fmt.Errorf("inhibit: the bus passes no files: %w", errors.ErrUnsupported)
	}
	var fd dbus.UnixFD
	args := []any{what, "Shadow Terminal", why, mode}
	if err := sysbus.Call(ctx, conn, loginName, loginPath, loginManager+".Inhibit", args, &fd); err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, errors.New("inhibit: logind gave no lock")
	}
	return &Lock{file: os.NewFile(uintptr(fd), "inhibitor")}, nil
}

// TimeZone returns the name of the machine's time zone, such as Europe/Paris.
func (m *Manager) TimeZone(ctx context.Context) (string, error) {
	conn, err := m.link.Conn()
	if err != nil {
		return "", fmt.Errorf("time zone: %w", err)
	}
	return sysbus.Get[string](ctx, conn, timeName, timePath, timeName, "Timezone")
}

// maxZone bounds the name of a time zone in bytes; the longest there is has
// 32.
const maxZone = 64

// SetTimeZone sets the time zone by its name in the IANA database.
func (m *Manager) SetTimeZone(ctx context.Context, zone string) error {
	if zone == "" || len(zone) > maxZone || strings.ContainsFunc(zone, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/_+-", r)
	}) {
		return fmt.Errorf("time zone %.64q is none: use a name such as Europe/Paris", zone)
	}
	conn, err := m.link.Conn()
	if err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	return sysbus.Call(ctx, conn, timeName, timePath, timeName+".SetTimezone", []any{zone, false})
}

// SetClockSync says whether the clock follows time servers.
func (m *Manager) SetClockSync(ctx context.Context, on bool) error {
	conn, err := m.link.Conn()
	if err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return sysbus.Call(ctx, conn, timeName, timePath, timeName+".SetNTP", []any{on, false})
}

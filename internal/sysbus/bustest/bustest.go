// Package bustest starts message buses for tests: a real dbus-daemon, on which
// a test puts services of its own.
package bustest

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Start starts a bus that ends with the test, and returns how to connect to it
// and its address. Without dbus-daemon the test is skipped, or fails where
// REQUIRE_HW says dbus.
func Start(t testing.TB) (dial sysbus.Dialer, address string) {
	t.Helper()
	name, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if needs.Required("dbus") {
			t.Fatal(err)
		}
		t.Skipf("%v: %v", errors.ErrUnsupported, err)
	}
	dial, address, stop, err := start(name, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return dial, address
}

func start(name, dir string) (dial sysbus.Dialer, address string, stop func(), err error) {
	cmd := exec.Command(name, "--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:dir="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, "", nil, err
	}
	address = strings.TrimSpace(line)
	return func(opts ...dbus.ConnOption) (*dbus.Conn, error) { return dbus.Connect(address, opts...) }, address, stop, nil
}

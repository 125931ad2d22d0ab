package bluetooth_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// python finds one that has dbusmock; the distribution's package is for its
// own Python.
func python(t *testing.T) string {
	t.Helper()
	var last error
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if last = exec.Command(name, "-c", "import dbusmock").Run(); last == nil {
			return name
		}
	}
	if needs.Required("dbusmock") {
		t.Fatalf("python3-dbusmock: %v", last)
	}
	t.Skipf("python3-dbusmock: %v: %v", errors.ErrUnsupported, last)
	return ""
}

// Somebody else's idea of BlueZ, python-dbusmock's template, is understood,
// too. Its Pair asks no agent.
func TestDBusMock(t *testing.T) {
	name := python(t)
	dial, address := bustest.Start(t)
	mock := exec.Command(name, "-m", "dbusmock", "--system", "--template", "bluez5")
	mock.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+address)
	mock.Stderr = os.Stderr
	ok(t, mock.Start())
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	b := &bench{t: t, dial: dial, Manager: bluetooth.New(bluetooth.Config{Dial: dial})}
	b.run()
	b.until("the mock", func(s bluetooth.State) bool { return s.Service })

	conn, err := dial()
	ok(t, err)
	defer conn.Close()
	call := func(path dbus.ObjectPath, method string, result any, args ...any) {
		t.Helper()
		ok(t, conn.Object(bluez, path).Call("org.bluez.Mock."+method, 0, args...).Store(result))
	}
	var adapter, pad string
	call("/", "AddAdapter", &adapter, "hci0", "terminal")
	s := b.until("the adapter", func(s bluetooth.State) bool { return len(s.Adapters) == 1 })
	if a := s.Adapters[0]; a.Name != "terminal" || a.Address == "" {
		t.Errorf("adapter = %+v; want terminal, with an address", a)
	}
	ok(t, b.SetPower(t.Context(), "", true))
	b.until("power", func(s bluetooth.State) bool { return s.Adapters[0].Powered })
	call("/", "AddDevice", &pad, "hci0", "11:22:33:44:55:66", "My Gamepad")
	s = b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
	id := s.Devices[0].ID
	if d := s.Devices[0]; string(id) != pad || d.Name != "My Gamepad" || d.Address != "11:22:33:44:55:66" || d.Paired {
		t.Errorf("device = %+v; want the pad, not paired", d)
	}
	ok(t, b.Pair(t.Context(), id))
	b.until("the connection", func(s bluetooth.State) bool {
		d := device(s, id)
		return d.Paired && d.Trusted && d.Connected
	})
	ok(t, b.Disconnect(t.Context(), id))
	b.until("its end", func(s bluetooth.State) bool { return !device(s, id).Connected })
	ok(t, b.Forget(t.Context(), id))
	b.until("nothing", func(s bluetooth.State) bool { return len(s.Devices) == 0 })
}

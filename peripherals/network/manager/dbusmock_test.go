package manager_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
	"github.com/blade-shadow/terminal/peripherals/network/manager"
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

// Somebody else's idea of NetworkManager, python-dbusmock's template, is
// understood, too. It has no agents and no AddAndActivateConnection2.
func TestDBusMock(t *testing.T) {
	name := python(t)
	dial, address := bustest.Start(t)
	mock := exec.Command(name, "-m", "dbusmock", "--system", "--template", "networkmanager")
	mock.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+address)
	mock.Stderr = os.Stderr
	ok(t, mock.Start())
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	b := &bench{t: t, dial: dial, Manager: manager.New(manager.Config{Dial: dial})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	b.until("the mock", func(s manager.State) bool { return s.Service })

	conn, err := dial()
	ok(t, err)
	defer conn.Close()
	call := func(path dbus.ObjectPath, method string, result any, args ...any) {
		t.Helper()
		c := conn.Object(nm, path).Call("org.freedesktop.DBus.Mock."+method, 0, args...)
		if result == nil {
			ok(t, c.Err)
			return
		}
		ok(t, c.Store(result))
	}
	const root = dbus.ObjectPath("/org/freedesktop")
	var wlan, point, home string
	call(root, "AddWiFiDevice", &wlan, "wlan0", "wlan0", int32(30))
	call(root, "AddAccessPoint", &point, wlan, "AP1", "home", "00:11:22:33:44:55", uint32(2), uint32(5180), uint32(5400), byte(82), uint32(0x100))
	call(root, "AddAccessPoint", &point, wlan, "AP2", "home", "00:11:22:33:44:56", uint32(2), uint32(2412), uint32(5400), byte(90), uint32(0x100))
	call(root, "AddWiFiConnection", &home, wlan, "1", "home", "wpa-psk")
	s := b.until("the network and its profile", func(s manager.State) bool {
		return len(s.Nearby) == 1 && s.Nearby[0].Points == 2 && s.Nearby[0].Profile != "" && len(s.Devices) == 1
	})
	n, d := s.Nearby[0], s.Devices[0]
	if n.SSID != "home" || n.Security != manager.WPA2 || n.Signal != 90 || n.Best != manager.Band5 || n.Profile != manager.ID(home) {
		t.Errorf("network = %+v; want home, WPA2, 90 %%, best at 5 GHz, with %s", n, home)
	}
	if d.Kind != manager.KindWiFi || d.Phase != manager.PhaseDisconnected || d.Driver != "dbusmock" {
		t.Errorf("device = %+v; want Wi-Fi, disconnected", d)
	}
	ok(t, b.Activate(ctx, d.ID, n.Profile))
	b.until("the connection", func(s manager.State) bool {
		return s.Devices[0].Phase == manager.PhaseConnected && s.Devices[0].Profile == n.Profile
	})
	call(root, "SetConnectivity", nil, uint32(2))
	b.until("the portal", func(s manager.State) bool { return s.Connectivity == manager.ConnectivityPortal })
	low := -3
	ok(t, b.Tune(ctx, n.Profile, manager.Tuning{Priority: &low}))
	b.until("the priority", func(s manager.State) bool { return len(s.Profiles) == 1 && s.Profiles[0].Priority == low })
	ok(t, b.Forget(ctx, n.Profile))
	b.until("no profile", func(s manager.State) bool { return len(s.Profiles) == 0 })
	if _, err := b.Join(ctx, d.ID, manager.Network{Kind: manager.KindWiFi, SSID: "home", Security: manager.WPA2}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Join with a NetworkManager before 1.16 = %v; want %v", err, errors.ErrUnsupported)
	}
}

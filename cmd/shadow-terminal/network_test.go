package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
)

// mockNetworks runs a pretended NetworkManager with one Wi-Fi network and makes
// its bus the system's for this process.
func mockNetworks(t *testing.T) {
	t.Helper()
	const python = "/usr/bin/python3" // the distribution's, whose package dbusmock is
	if err := exec.Command(python, "-c", "import dbusmock").Run(); err != nil {
		if needs.Required("dbusmock") {
			t.Fatalf("python3-dbusmock: %v", err)
		}
		t.Skipf("python3-dbusmock: %v: %v", errors.ErrUnsupported, err)
	}
	dial, address := bustest.Start(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	mock := exec.Command(python, "-m", "dbusmock", "--system", "--template", "networkmanager")
	mock.Stderr = os.Stderr
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	call := func(method string, args ...any) (path string) {
		t.Helper()
		var err error
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			c := conn.Object("org.freedesktop.NetworkManager", dbus.ObjectPath("/org/freedesktop")).Call("org.freedesktop.DBus.Mock."+method, 0, args...)
			if err = c.Store(&path); err == nil {
				return path
			}
		}
		t.Fatalf("%s: %v", method, err)
		return ""
	}
	wlan := call("AddWiFiDevice", "wlan0", "wlan0", int32(30))
	call("AddAccessPoint", wlan, "AP1", "home", "00:11:22:33:44:55", uint32(2), uint32(5180), uint32(5400), byte(82), uint32(0x100))
	call("AddWiFiConnection", wlan, "1", "home", "wpa-psk")
}

// shadowTerminal runs a command line in this process.
func shadowTerminal(args ...string) (out string, err error) {
	root := newRoot()
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetErr(&b)
	root.SetArgs(args)
	err = root.Execute()
	return b.String(), err
}

func TestNetwork(t *testing.T) {
	mockNetworks(t)
	out, err := shadowTerminal("network")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NetworkManager 0.9.6.0; the Internet:", "wlan0", "Wi-Fi", "home", "WPA2", "82 %", "5 GHz", "known"} {
		if !strings.Contains(out, want) {
			t.Errorf("network printed\n%s; want %q in it", out, want)
		}
	}
	out, err = shadowTerminal("network", "--json")
	var all struct {
		Nearby []struct{ SSID string }
		Advice []any
	}
	if err != nil || json.Unmarshal([]byte(out), &all) != nil || len(all.Nearby) != 1 || all.Nearby[0].SSID != "home" || all.Advice == nil {
		t.Errorf("network --json printed %s, %v", out, err)
	}
	if _, err := shadowTerminal("network", "join", "home", "--device", "wlan7"); err == nil || !strings.Contains(err.Error(), "called wlan7") {
		t.Errorf("join by a device that is not there = %v", err)
	}
	if _, err := shadowTerminal("network", "forget", "home"); err != nil {
		t.Errorf("forget = %v", err)
	}
	if _, err := shadowTerminal("network", "forget", "home"); err == nil || !strings.Contains(err.Error(), `no network called "home"`) {
		t.Errorf("forget what is forgotten = %v", err)
	}
}

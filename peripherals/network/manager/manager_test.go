package manager_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

// After a restart of NetworkManager the agent is registered again and the
// state is the new one's; what was under way has failed.
func TestRestart(t *testing.T) {
	b := start(t)
	b.nm.mu.Lock()
	b.nm.silent = true
	b.nm.mu.Unlock()
	b.nm.network("home", air{})
	ended := make(chan error, 1)
	go func() {
		_, err := b.Join(t.Context(), manager.ID(wlan), home("correct horse"))
		ended <- err
	}()
	b.until("the activation", func(s manager.State) bool { return device(s, "wlan0").Phase == manager.PhaseConnecting })
	ok(t, b.nm.conn.Close())
	if err := <-ended; !errors.Is(err, manager.ErrGone) {
		t.Errorf("Join() = %v; want %v", err, manager.ErrGone)
	}
	b.until("its end", func(s manager.State) bool { return !s.Service })
	if _, err := b.Join(t.Context(), manager.ID(wlan), home("correct horse")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Join without NetworkManager = %v; want %v", err, errors.ErrUnsupported)
	}
	b.nm = newFake(t, b.dial)
	b.nm.network("home", air{psk: "correct horse"})
	b.person.will("correct horse")
	b.until("the other", func(s manager.State) bool { return s.Service && b.nm.used("register com.shadow.terminal") })
	_, err := b.Join(t.Context(), manager.ID(wlan), home(""))
	ok(t, err)
}

func TestPortal(t *testing.T) {
	b := start(t)
	if s := b.State(); s.Connectivity != manager.ConnectivityFull || s.Portal != "" {
		t.Errorf("connectivity = %q, portal %q; want full, none", s.Connectivity, s.Portal)
	}
	b.nm.set(nmPath, nm, "Connectivity", uint32(2))
	s := b.until("the portal", func(s manager.State) bool { return s.Connectivity == manager.ConnectivityPortal })
	if s.Portal != "http://check.example/" {
		t.Errorf("Portal = %q; want the page that is checked", s.Portal)
	}
	b.nm.set(nmPath, nm, "Connectivity", uint32(4))
	c, err := b.CheckConnectivity(t.Context())
	ok(t, err)
	if c != manager.ConnectivityFull {
		t.Errorf("CheckConnectivity() = %q; want full", c)
	}
	b.until("that OnChange was told of both", func(manager.State) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.states, func(s manager.State) bool { return s.Service }) &&
			b.states[len(b.states)-1].Connectivity == manager.ConnectivityFull
	})
}

func TestScan(t *testing.T) {
	b := start(t)
	b.nm.point("home", 40, 5180, 1, 0x100)
	b.nm.point("home", 90, 2412, 1, 0x100|0x400)
	b.nm.point("home", 95, 2437, 0, 0) // another network of that name
	b.nm.point("", 99, 2412, 1, 0x100)
	ok(t, b.Scan(t.Context(), "secret lair"))
	ok(t, b.Scan(t.Context())) // too soon: not asked
	var scans []string
	for _, s := range b.nm.said() {
		if strings.HasPrefix(s, "scan") {
			scans = append(scans, s)
		}
	}
	if got := fmt.Sprint(scans); got != `[scan ["secret lair"]]` {
		t.Errorf("scans = %s; want one that asks for the hidden network", got)
	}
	s := b.until("both networks", func(s manager.State) bool { return len(s.Nearby) == 2 && s.Nearby[1].Points == 2 })
	if n := s.Nearby[1]; n.Security != manager.Mixed || n.Signal != 90 || len(n.Bands) != 2 {
		t.Errorf("network = %+v; want WPA2/WPA3, 90 %%, both bands", n)
	}
	ok(t, b.SetWiFi(t.Context(), false))
	b.until("Wi-Fi off", func(s manager.State) bool { return !s.WiFi.On })
	b.nm.move(wlan, 20, 0)
	b.until("the device off", func(s manager.State) bool { return device(s, "wlan0").Phase == manager.PhaseUnavailable })
	if err := b.Scan(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Scan without a device = %v; want %v", err, errors.ErrUnsupported)
	}
}

// Devices come, are plugged and go; a phone at a USB socket is no cable.
func TestDevices(t *testing.T) {
	b := start(t)
	ip := nmPath + "/IP4Config/1"
	b.nm.add(ip, map[string]props{nm + ".IP4Config": {
		"AddressData": variant([]props{{"address": variant("192.0.2.9"), "prefix": variant(uint32(24))}, {"address": variant("x"), "prefix": variant(uint32(999))}}),
		"Gateway":     variant("192.0.2.1"),
	}})
	b.nm.set(eth, nm+".Device", "Ip4Config", ip)
	b.nm.set(eth, nm+".Device.Wired", "Carrier", true)
	b.nm.set(eth, nm+".Device.Wired", "Speed", uint32(1000))
	phone := nmPath + "/Devices/9"
	b.nm.add(phone, map[string]props{nm + ".Device": {"Interface": variant("usb0\u202e"), "DeviceType": variant(uint32(1)), "State": variant(uint32(100)), "Driver": variant("rndis_host"), "Metered": variant(uint32(3))}})
	s := b.until("the devices", func(s manager.State) bool { return len(s.Devices) == 3 && device(s, "eth0").Mbps == 1000 })
	if d := device(s, "eth0"); !d.Carrier || fmt.Sprint(d.Addresses, d.Gateways) != "[192.0.2.9/24] [192.0.2.1]" || d.Kind != manager.KindCable {
		t.Errorf("eth0 = %+v; want a cable of 192.0.2.9/24 with its gateway", d)
	}
	if d := device(s, "usb0"); d.Kind != manager.KindPhone || !d.Metered || d.Phase != manager.PhaseConnected {
		t.Errorf("usb0 = %+v; want a metered phone", d)
	}
	b.nm.remove(phone, nm+".Device")
	b.until("the phone's end", func(s manager.State) bool { return len(s.Devices) == 2 })
	if _, err := b.Join(t.Context(), manager.ID(phone), home("correct horse")); !errors.Is(err, manager.ErrUnknown) {
		t.Errorf("Join by a device that has gone = %v; want %v", err, manager.ErrUnknown)
	}
	profile, err := b.Join(t.Context(), manager.ID(eth), manager.Network{Kind: manager.KindCable})
	ok(t, err)
	b.until("the cable's profile", func(s manager.State) bool { return device(s, "eth0").Profile == profile && len(s.Profiles) == 1 })
	again, err := b.Join(t.Context(), manager.ID(eth), manager.Network{Kind: manager.KindCable, IPv6: manager.Addresses{Off: true}})
	ok(t, err)
	if again != profile || b.nm.kept() != 1 {
		t.Errorf("Join of the cable again = %s, %d kept; want %s, 1", again, b.nm.kept(), profile)
	}
	ok(t, b.Disconnect(t.Context(), manager.ID(eth)))
	ok(t, b.SetMobile(t.Context(), false))
	if !b.nm.used("disconnect") || !b.nm.used("set WwanEnabled false") {
		t.Errorf("NetworkManager was asked %q", b.nm.said())
	}
}

// A flood of access points costs no more than its bounds.
func TestFloodOfAccessPoints(t *testing.T) {
	b := start(t)
	for i := range 2000 {
		b.nm.point(fmt.Sprintf("net%04d", i), byte(i%90), 2412, 0, 0)
	}
	b.nm.point("best", 100, 5180, 0, 0)
	s := b.until("the strongest", func(s manager.State) bool { return len(s.Nearby) > 0 && s.Nearby[0].SSID == "best" })
	if len(s.Nearby) > 128 || s.Nearby[len(s.Nearby)-1].Signal < 80 {
		t.Errorf("%d networks, the weakest of %d %%; want the 128 strongest", len(s.Nearby), s.Nearby[len(s.Nearby)-1].Signal)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := 1; i < len(b.times); i++ {
		if pause := b.times[i].Sub(b.times[i-1]); pause < manager.ChangeTime {
			t.Errorf("OnChange was called again after %v; want %v", pause, manager.ChangeTime)
		}
	}
}

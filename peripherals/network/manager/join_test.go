package manager_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

func TestJoin(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	profile, err := b.Join(t.Context(), manager.ID(wlan), home("correct horse"))
	ok(t, err)
	s := b.until("the profile", func(s manager.State) bool {
		return len(s.Profiles) == 1 && device(s, "wlan0").Phase == manager.PhaseConnected && device(s, "wlan0").Primary
	})
	if p := s.Profiles[0]; p.ID != profile || p.SSID != "home" || p.Security != manager.WPA2 || !p.Auto {
		t.Errorf("profile = %+v; want %s, home, WPA2", p, profile)
	}
	if d := device(s, "wlan0"); d.Profile != profile || d.Kind != manager.KindWiFi {
		t.Errorf("device = %+v; want it connected with %s", d, profile)
	}
	if d := s.Devices[0]; d.Name != "wlan0" {
		t.Errorf("first device = %s; want wlan0, which is in use", d.Name)
	}
	if q := b.person.asked(); len(q) != 0 {
		t.Errorf("asked %v; want nothing", q)
	}
	if !b.nm.used("add disk") || !b.nm.used("register com.shadow.terminal") {
		t.Errorf("NetworkManager was asked %q; want a registered agent and a kept profile", b.nm.said())
	}
}

// A wrong password is asked for again and again, and the right one is joined
// with.
func TestWrongPasswordTwice(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	b.person.will("also wrong", "short", "correct horse") // short is not even sent
	profile, err := b.Join(t.Context(), manager.ID(wlan), home("wrong horse"))
	ok(t, err)
	q := b.person.asked()
	if len(q) != 3 {
		t.Fatalf("asked %d times; want 3: %+v", len(q), q)
	}
	for i, q := range q {
		if !q.Again || !q.Requested || q.SSID != "home" || q.Want != manager.WantPassword || q.Profile != profile {
			t.Errorf("question %d = %+v; want the password of home again", i, q)
		}
	}
	if b.nm.used("answer short") {
		t.Error("a password that cannot be right was sent")
	}
	if got := b.nm.profile(dbus.ObjectPath(profile))["802-11-wireless-security"]["psk"].Value(); got != "correct horse" {
		t.Errorf("kept password = %v; want the right one", got)
	}
}

// A network without a password said is asked for one; a refusal leaves nothing
// behind.
func TestPasswordRefused(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	_, err := b.Join(t.Context(), manager.ID(wlan), home(""))
	if !errors.Is(err, manager.ReasonPassword) {
		t.Errorf("Join() = %v; want %v", err, manager.ReasonPassword)
	}
	if q := b.person.asked(); len(q) != 1 || q[0].Again {
		t.Errorf("asked %+v; want once, for the first time", q)
	}
	if n := b.nm.kept(); n != 0 {
		t.Errorf("%d profiles are kept; want none", n)
	}
	if !b.nm.used("no secrets: refused") {
		t.Errorf("NetworkManager was told %q; want a refusal", b.nm.said())
	}
	s := b.until("the reason", func(s manager.State) bool { return device(s, "wlan0").Reason != "" })
	if d := device(s, "wlan0"); d.Reason != manager.ReasonPassword {
		t.Errorf("reason = %q; want %q", d.Reason, manager.ReasonPassword)
	}
}

func TestHidden(t *testing.T) {
	b := start(t)
	b.nm.network("secret lair", air{psk: "correct horse", hidden: true})
	n := home("correct horse")
	n.SSID = "secret lair"
	if _, err := b.Join(t.Context(), manager.ID(wlan), n); !errors.Is(err, manager.ReasonNotFound) {
		t.Errorf("Join of a hidden network as any = %v; want %v", err, manager.ReasonNotFound)
	}
	n.Hidden = true
	_, err := b.Join(t.Context(), manager.ID(wlan), n)
	ok(t, err)
}

// Why a network was not joined comes from the device, whichever end is said
// first.
func TestReasons(t *testing.T) {
	b := start(t)
	for reason, want := range map[uint32]manager.Reason{17: manager.ReasonAddress, 35: manager.ReasonFirmware, 10: manager.ReasonLogin, 999: manager.ReasonOther} {
		ssid := fmt.Sprint("x", reason)
		b.nm.network(ssid, air{fails: reason})
		n := manager.Network{Kind: manager.KindWiFi, SSID: manager.SSID(ssid), Security: manager.Open}
		if _, err := b.Join(t.Context(), manager.ID(wlan), n); !errors.Is(err, want) {
			t.Errorf("Join with reason %d = %v; want %v", reason, err, want)
		}
	}
}

// A second join changes the profile and keeps what it does not say.
func TestJoinAgainChangesTheProfile(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	first, err := b.Join(t.Context(), manager.ID(wlan), home("correct horse"))
	ok(t, err)
	b.until("the profile", func(s manager.State) bool { return len(s.Profiles) == 1 })
	n := home("")
	n.IPv4 = manager.Addresses{Static: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}
	n.Proxy.Address = "proxy.lan:3128"
	second, err := b.Join(t.Context(), manager.ID(wlan), n)
	ok(t, err)
	if first != second || b.nm.kept() != 1 {
		t.Errorf("Join again made %s of %s, %d kept; want the same, 1", second, first, b.nm.kept())
	}
	p := b.nm.profile(dbus.ObjectPath(second))
	if p["802-11-wireless-security"]["psk"].Value() != "correct horse" || p["ipv4"]["method"].Value() != "manual" || p["connection"]["uuid"].Value() == nil {
		t.Errorf("the profile is %v; want addresses by hand, the password and the UUID", public(p))
	}
	b.until("the proxy", func(s manager.State) bool { return s.Profiles[0].Proxy == "proxy.lan:3128" })
	yes, low, metered := false, -7, manager.Yes
	ok(t, b.Tune(t.Context(), second, manager.Tuning{Auto: &yes, Priority: &low, Metered: &metered}))
	s := b.until("the tuning", func(s manager.State) bool { return s.Profiles[0].Priority == low })
	if p := s.Profiles[0]; p.Auto || p.Metered != manager.Yes || p.Proxy == "" {
		t.Errorf("profile = %+v; want it metered and not automatic, with its proxy", p)
	}
	ok(t, b.Activate(t.Context(), manager.ID(wlan), second))
	_, err = b.Join(t.Context(), manager.ID(wlan), home(""))
	ok(t, err)
	s = b.until("no proxy any more", func(s manager.State) bool { return s.Profiles[0].Proxy == "" })
	p = b.nm.profile(dbus.ObjectPath(second))
	if p["ipv4"]["address-data"].Value() != nil || p["proxy"] != nil || p["802-11-wireless-security"]["psk"].Value() != "correct horse" {
		t.Errorf("the profile is %v; want neither addresses nor proxy, but the password", public(p))
	}
}

func TestForget(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	b.nm.point("home", 80, 5180, 1, 0x100)
	profile, err := b.Join(t.Context(), manager.ID(wlan), home("correct horse"))
	ok(t, err)
	b.until("the network as known", func(s manager.State) bool { return len(s.Nearby) == 1 && s.Nearby[0].Profile == profile })
	ok(t, b.Forget(t.Context(), profile))
	b.until("the network as a stranger", func(s manager.State) bool {
		return len(s.Profiles) == 0 && len(s.Nearby) == 1 && s.Nearby[0].Profile == ""
	})
	if err := b.Forget(t.Context(), profile); !errors.Is(err, manager.ErrUnknown) {
		t.Errorf("Forget again = %v; want %v", err, manager.ErrUnknown)
	}
	if err := b.Forget(t.Context(), manager.ID(nmPath)); !errors.Is(err, manager.ErrUnknown) {
		t.Errorf("Forget of what is no profile = %v; want %v", err, manager.ErrUnknown)
	}
}

// A join that its caller gives up leaves neither connection nor profile, and
// withdraws the question.
func TestJoinGivenUp(t *testing.T) {
	b := start(t)
	b.nm.network("home", air{psk: "correct horse"})
	b.person.mu.Lock()
	b.person.wait = true
	b.person.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.Join(ctx, manager.ID(wlan), home(""))
		ended <- err
	}()
	b.until("the question", func(manager.State) bool { return len(b.person.asked()) == 1 })
	b.until("that it shows", func(s manager.State) bool { return device(s, "wlan0").Phase == manager.PhaseAsking })
	q := b.person.asked()[0]
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Join() = %v; want %v", err, context.Canceled)
	}
	if n := b.nm.kept(); n != 0 {
		t.Errorf("%d profiles are kept; want none", n)
	}
	b.nm.mu.Lock()
	agent := b.nm.agent
	b.nm.mu.Unlock()
	object := b.nm.conn.Object(string(agent), "/org/freedesktop/NetworkManager/SecretAgent")
	ok(t, object.Call(nm+".SecretAgent.CancelGetSecrets", 0, dbus.ObjectPath(q.Profile), "802-11-wireless-security").Err)
	b.until("the withdrawal", func(manager.State) bool {
		b.person.mu.Lock()
		defer b.person.mu.Unlock()
		return b.person.withdrawn == 1
	})
}

package manager

import (
	"fmt"
	"testing"

	"github.com/godbus/dbus/v5"
)

func signal(path dbus.ObjectPath, name string, body ...any) *dbus.Signal {
	return &dbus.Signal{Path: path, Name: name, Body: body}
}

func object(iface string, pairs ...any) interfaces {
	p := props{}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i].(string)] = dbus.MakeVariant(pairs[i+1])
	}
	return interfaces{iface: p}
}

// A profile that was removed by us does not come back with a signal that was
// sent before.
func TestForgottenProfile(t *testing.T) {
	const path = managerPath + "/Settings/1"
	s := newStore()
	in := object(ifaceProfile, "Unsaved", false)
	s.forget(path)
	if _, read := s.signal(signal(rootPath, signalAdded, path, in)); read != "" || s.objects[path] != nil {
		t.Errorf("a forgotten profile is there again: %v", s.objects)
	}
	s.signal(signal(rootPath, signalRemoved, path, []string{ifaceProfile}))
	if len(s.deleted) != 0 {
		t.Errorf("%d profiles are remembered as forgotten; want none", len(s.deleted))
	}
	for i := range 1000 {
		s.forget(dbus.ObjectPath(fmt.Sprint(path, i)))
	}
	if len(s.deleted) > maxEndings {
		t.Errorf("%d profiles are remembered as forgotten; want at most %d", len(s.deleted), maxEndings)
	}
}

// The strongest access points are kept, and no more than the bounds allow of
// anything.
func TestBounds(t *testing.T) {
	s := newStore()
	point := func(i int) dbus.ObjectPath { return dbus.ObjectPath(fmt.Sprint("/point/", i)) }
	for i := range 2 * maxPoints {
		s.add(point(i), object(ifacePoint, "Strength", byte(i/16)))
	}
	if s.points != maxPoints || len(s.objects) != maxPoints {
		t.Fatalf("%d access points of %d objects; want %d", s.points, len(s.objects), maxPoints)
	}
	if s.objects[point(0)] != nil || s.objects[point(2*maxPoints-1)] == nil {
		t.Error("the weakest access point is kept, or the strongest is not")
	}
	for i := range 2 * maxObjects {
		path := dbus.ObjectPath(fmt.Sprint("/device/", i))
		s.add(path, object(ifaceDevice, "State", uint32(30)))
		s.signal(signal(path, signalState, uint32(deviceFailed), uint32(100), uint32(7)))
		s.add(point(-i), object("org.example.Other", "x", 1))
	}
	if n := len(s.objects) - s.points; n != maxObjects || len(s.failures) != maxObjects {
		t.Errorf("%d other objects, %d failures; want %d", n, len(s.failures), maxObjects)
	}
	for i := range 2 * maxPoints {
		s.remove(point(i), []string{ifacePoint})
	}
	if s.points != 0 {
		t.Errorf("%d access points after all have gone; want 0", s.points)
	}
	s.add("/active", object(ifaceActive, "State", uint32(1)))
	for i := range 4 * maxEndings {
		path := dbus.ObjectPath(fmt.Sprint("/active/", i))
		s.objects[path] = object(ifaceActive, "State", uint32(1))
		s.remove(path, []string{ifaceActive})
	}
	if len(s.endings) != maxEndings {
		t.Errorf("%d endings are kept; want %d", len(s.endings), maxEndings)
	}
}

// Signals of another shape than documented say nothing.
func TestOddSignals(t *testing.T) {
	s := newStore()
	s.add("/d", object(ifaceDevice, "State", "a text", "Driver", 7, "ActiveConnection", uint32(1)))
	s.add("/p", object(ifacePoint, "Ssid", "a text", "Strength", int16(-1), "Frequency", "x"))
	s.add(managerPath, object(ifaceManager, "Connectivity", "x", "PrimaryConnection", 3))
	before := fmt.Sprintf("%+v", s.state())
	for _, name := range []string{signalAdded, signalRemoved, signalChanged, signalState, signalActive, signalUpdated, "x"} {
		for _, body := range [][]any{nil, {1}, {"x", "y", "z"}, {dbus.ObjectPath("/d")}, {ifaceDevice, props{}}, {ifaceWired, props{"Speed": dbus.MakeVariant(1)}, 7}} {
			for _, path := range []dbus.ObjectPath{"/d", "/nobody", ""} {
				s.signal(signal(path, name, body...))
			}
		}
	}
	if after := fmt.Sprintf("%+v", s.state()); before != after {
		t.Errorf("state = %s; want %s", after, before)
	}
}

// What GetSettings leaves out is the default.
func TestProfileOf(t *testing.T) {
	c := props{"id": dbus.MakeVariant("x\x1b"), "type": dbus.MakeVariant("802-3-ethernet")}
	if p := profileOf("/1", settings{sectionProfile: c}); !p.Auto || p.Kind != KindCable || p.Name != "x" || !p.LastUsed.IsZero() {
		t.Errorf("profile = %+v; want an automatic cable that was never used", p)
	}
	for key, want := range map[string]Security{"": Open, "owe": Enhanced, "sae": WPA3, "wpa-psk": WPA2, "wpa-eap": Enterprise, "wpa-eap-suite-b-192": Suite192, "none": WEP, "ieee8021x": WEP} {
		s := settings{sectionProfile: {"type": dbus.MakeVariant(sectionWiFi)}, sectionSecurity: {"key-mgmt": dbus.MakeVariant(key)}}
		if p := profileOf("/1", s); p.Security != want || p.Kind != KindWiFi {
			t.Errorf("profile with key-mgmt %q = %+v; want %q", key, p, want)
		}
	}
	if p := profileOf("/1", nil); p.Kind != KindOther {
		t.Errorf("profile of nothing = %+v", p)
	}
}

// A question names what is missing.
func TestQuestionOf(t *testing.T) {
	login := func(eap string) settings {
		return settings{sectionLogin: {"eap": dbus.MakeVariant([]string{eap}), "identity": dbus.MakeVariant("ann\n")}}
	}
	wifi := func(key string) settings {
		return settings{sectionProfile: {"type": dbus.MakeVariant(sectionWiFi)}, sectionSecurity: {"key-mgmt": dbus.MakeVariant(key)}}
	}
	tests := []struct {
		in      settings
		section string
		hints   []string
		want    Want
		key     string
	}{
		{wifi("wpa-psk"), sectionSecurity, nil, WantPassword, "psk"},
		{wifi("sae"), sectionSecurity, nil, WantPassword, "psk"},
		{wifi("none"), sectionSecurity, nil, "", ""}, // WEP
		{login("peap"), sectionLogin, nil, WantLogin, "password"},
		{login("tls"), sectionLogin, nil, WantKeyPassword, "private-key-password"},
		{nil, sectionMobile, []string{"pin"}, WantPIN, "pin"},
		{nil, sectionMobile, []string{"password"}, WantMobile, "password"},
		{nil, "vpn", nil, "", ""},
	}
	for _, tt := range tests {
		q, key := questionOf(tt.in, "/1", tt.section, tt.hints)
		if q.Want != tt.want || key != tt.key || q.User != "" && q.User != "ann" {
			t.Errorf("questionOf(%v, %s, %v) = %+v, %q; want %q, %q", tt.in, tt.section, tt.hints, q, key, tt.want, tt.key)
		}
	}
	for text, ok := range map[string]bool{"": false, "1234": true, "123": false, "123456789": false, "12e4": false} {
		if err := (Question{Want: WantPIN}).Check(NewSecret(text)); (err == nil) != ok {
			t.Errorf("Check(PIN %q) = %v; want it good: %v", text, err, ok)
		}
	}
}

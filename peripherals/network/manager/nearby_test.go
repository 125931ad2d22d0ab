package manager_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

func TestSecurityOf(t *testing.T) {
	const (
		privacy         = 0x1
		ccmp            = 0x88
		tkip            = 0x44
		psk, eap        = 0x100, 0x200
		sae, owe, oweTM = 0x400, 0x800, 0x1000
		suiteB          = 0x2000
	)
	tests := []struct {
		name            string
		flags, wpa, rsn uint32
		want            manager.Security
	}{
		{"open", 0, 0, 0, manager.Open},
		{"WEP", privacy, 0, 0, manager.WEP},
		{"WPA", privacy, psk | tkip, 0, manager.WPA},
		{"WPA and WPA2", privacy, psk | tkip, psk | ccmp, manager.WPA2},
		{"WPA2", privacy, 0, psk | ccmp, manager.WPA2},
		{"transition to WPA3", privacy, 0, psk | sae | ccmp, manager.Mixed},
		{"WPA3", privacy, 0, sae | ccmp, manager.WPA3},
		{"OWE", privacy, 0, owe | ccmp, manager.Enhanced},
		{"transition to OWE", 0, 0, oweTM, manager.Enhanced},
		{"802.1X", privacy, 0, eap | ccmp, manager.Enterprise},
		{"802.1X of WPA", privacy, eap | tkip, 0, manager.Enterprise},
		{"192 bits", privacy, 0, suiteB, manager.Suite192},
		{"192 bits or 802.1X", privacy, 0, suiteB | eap | ccmp, manager.Enterprise},
	}
	for _, tt := range tests {
		if got := manager.SecurityOf(tt.flags, tt.wpa, tt.rsn); got != tt.want {
			t.Errorf("security of %s = %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestMerge(t *testing.T) {
	type p = manager.Point
	tests := []struct {
		name string
		in   []p
		want string
	}{
		{"none", nil, "[]"},
		{
			"two bands, the higher strong enough",
			[]p{{"home", manager.WPA2, 90, 2412, false}, {"home", manager.WPA2, 60, 5180, false}},
			"[home WPA2 90 [2.4 GHz 5 GHz] 5 GHz 2]",
		},
		{
			"two bands, the higher too weak",
			[]p{{"home", manager.WPA2, 90, 2412, false}, {"home", manager.WPA2, 40, 5180, false}},
			"[home WPA2 90 [2.4 GHz 5 GHz] 2.4 GHz 2]",
		},
		{
			"both weak",
			[]p{{"home", manager.WPA2, 20, 2412, false}, {"home", manager.WPA2, 30, 5955, false}},
			"[home WPA2 30 [2.4 GHz 6 GHz] 6 GHz 2]",
		},
		{
			"WPA2 here, WPA3 there",
			[]p{{"home", manager.WPA3, 50, 5180, false}, {"home", manager.WPA2, 70, 2412, false}, {"home", manager.Mixed, 10, 2412, false}},
			"[home WPA2/WPA3 70 [2.4 GHz 5 GHz] 5 GHz 3]",
		},
		{
			"an open twin is another network, the connected comes first",
			[]p{{"home", manager.Open, 99, 2412, false}, {"home", manager.WPA2, 50, 2412, true}},
			"[home WPA2 50 [2.4 GHz] 2.4 GHz 1 connected] [home open 99 [2.4 GHz] 2.4 GHz 1]",
		},
		{
			"names that are alike, or none",
			[]p{{"", manager.WPA2, 99, 2412, false}, {"\x00\x00", manager.WPA2, 99, 2412, false}, {manager.SSID(strings.Repeat("x", 33)), manager.Open, 9, 2412, false}, {"home ", manager.Open, 8, 1, false}, {"home", manager.Open, 9, 2484, false}},
			"[home open 9 [2.4 GHz] 2.4 GHz 1] [home  open 8 []  1]",
		},
	}
	for _, tt := range tests {
		var got []string
		for _, n := range manager.Merge(tt.in) {
			text := fmt.Sprintf("[%s %s %d %v %s %d", string(n.SSID), n.Security, n.Signal, n.Bands, n.Best, n.Points)
			if n.Active {
				text += " connected"
			}
			got = append(got, text+"]")
		}
		text := strings.Join(got, " ")
		if text == "" {
			text = "[]"
		}
		if text != tt.want {
			t.Errorf("merge of %s = %s; want %s", tt.name, text, tt.want)
		}
	}
}

func TestSanitise(t *testing.T) {
	for in, want := range map[string]string{
		"home":                             "home",
		"  two   words\t":                  "two words",
		"line\nbreak":                      "line break",
		"\x1b[31mred":                      "[31mred",
		"right\u202eto left":               "rightto left",
		"zero\u200bwidth":                  "zerowidth",
		"Café ☕":                           "Café ☕",
		"\xff\xfe":                         "\ufffd\ufffd",
		"e" + strings.Repeat("\u0301", 50): "e\u0301\u0301",
		strings.Repeat("x", 100):           strings.Repeat("x", 64),
		strings.Repeat("y ", 100):          strings.Repeat("y ", 32)[:63],
	} {
		if got := manager.Sanitise(in); got != want {
			t.Errorf("sanitise(%q) = %q; want %q", in, got, want)
		}
	}
}

// Whatever a stranger broadcasts, the list holds its bounds and what is shown
// is one clean line.
func FuzzNearby(f *testing.F) {
	f.Add([]byte("home"), uint32(1), uint32(0), uint32(0x100), 5180, 70)
	f.Add([]byte("\x00\x00"), uint32(0), uint32(0), uint32(0), 0, 0)
	f.Add([]byte("\u202e\xff\x1b]0;x\a"), uint32(1), uint32(0xffffffff), uint32(0xffffffff), -1, -5)
	f.Add([]byte(strings.Repeat("\u0301", 30)), uint32(1), uint32(0x244), uint32(0x2000), 1<<30, 1<<30)
	f.Fuzz(func(t *testing.T, ssid []byte, flags, wpa, rsn uint32, frequency, signal int) {
		s := manager.SecurityOf(flags, wpa, rsn)
		all := manager.Merge([]manager.Point{{SSID: manager.SSID(ssid), Security: s, Signal: signal, Frequency: frequency}, {SSID: "other", Security: manager.Open}})
		for _, n := range all {
			text := n.SSID.String()
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 64 || strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
			}) {
				t.Errorf("SSID %q shows as %q", ssid, text)
			}
			if _, err := manager.Settings(manager.Network{Kind: manager.KindWiFi, SSID: n.SSID, Security: n.Security}); err != nil &&
				n.Security != manager.WEP && n.Security != manager.Enterprise && n.Security != manager.Suite192 {
				t.Errorf("Settings of %+v: %v", n, err)
			}
		}
	})
}

// No address of a proxy gets out of the string that it is put in.
func FuzzProxy(f *testing.F) {
	f.Add("proxy.lan:3128")
	f.Add("[2001:db8::1]:80")
	f.Add("\";alert(1)//:80")
	f.Fuzz(func(t *testing.T, address string) {
		s, err := manager.Settings(manager.Network{Kind: manager.KindCable, Proxy: manager.Proxy{Address: address}})
		if err != nil || address == "" {
			return
		}
		script := s["proxy"]["pac-script"].Value().(string)
		if strings.Count(script, "\"") != 2 || strings.ContainsAny(script, "\\\n") {
			t.Errorf("the script for %q is %s", address, script)
		}
	})
}

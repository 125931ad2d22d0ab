package manager_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

// golden writes a profile as text, sorted.
func golden(s map[string]map[string]dbus.Variant) string {
	var b strings.Builder
	for _, section := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "[%s]\n", section)
		for _, key := range slices.Sorted(maps.Keys(s[section])) {
			v := s[section][key]
			switch bytes := v.Value().(type) {
			case []byte, [][]byte:
				fmt.Fprintf(&b, "%s: %s = b%q\n", key, v.Signature(), bytes)
			default:
				fmt.Fprintf(&b, "%s: %s = %v\n", key, v.Signature(), v)
			}
		}
	}
	return b.String()
}

// usual is what profiles have in common after the changes.
func usual(name, kind string, metric int, changes ...string) string {
	text := fmt.Sprintf(`[connection]
autoconnect: b = true
autoconnect-priority: i = 0
id: s = "%s"
metered: i = 0
type: s = "%s"
[ipv4]
method: s = "auto"
route-metric: x = @x %d
[ipv6]
method: s = "auto"
route-metric: x = @x %d
`, name, kind, metric, metric)
	return strings.NewReplacer(changes...).Replace(text)
}

const wifiSection = `[802-11-wireless]
hidden: b = false
mode: s = "infrastructure"
powersave: u = @u 2
ssid: ay = b"%s"
`

func wifi(ssid string) string { return fmt.Sprintf(wifiSection, ssid) }

func TestSettings(t *testing.T) {
	home := manager.Network{Kind: manager.KindWiFi, SSID: "home", Security: manager.WPA2, Password: manager.NewSecret("correct horse")}
	with := func(change func(n *manager.Network)) manager.Network { n := home; change(&n); return n }
	login := func(l manager.Login) manager.Network {
		return manager.Network{Kind: manager.KindWiFi, SSID: "work", Security: manager.Enterprise, Login: &l}
	}
	tests := []struct {
		name string
		in   manager.Network
		want string
	}{
		{"WPA2", home, wifi("home") + "[802-11-wireless-security]\nkey-mgmt: s = \"wpa-psk\"\npsk: s = \"correct horse\"\n" + usual("home", "802-11-wireless", 600)},
		{
			"WPA3, hidden, without a password",
			with(func(n *manager.Network) {
				n.Security, n.Password, n.Hidden, n.Band = manager.WPA3, manager.Secret{}, true, manager.Band5
			}),
			strings.NewReplacer("hidden: b = false", "band: s = \"a\"\nhidden: b = true").Replace(wifi("home")) +
				"[802-11-wireless-security]\nkey-mgmt: s = \"sae\"\npmf: i = 3\n" + usual("home", "802-11-wireless", 600),
		},
		{"open", manager.Network{Kind: manager.KindWiFi, SSID: "cafe", Security: manager.Open}, wifi("cafe") + usual("cafe", "802-11-wireless", 600)},
		{
			"enhanced open, metered, last",
			manager.Network{Kind: manager.KindWiFi, SSID: "cafe", Security: manager.Enhanced, Metered: manager.Yes, Priority: -5, Manual: true, Name: "Café", Device: "wlan1"},
			wifi("cafe") + "[802-11-wireless-security]\nkey-mgmt: s = \"owe\"\npmf: i = 3\n" +
				usual("Café", "802-11-wireless", 600, "metered: i = 0", "interface-name: s = \"wlan1\"\nmetered: i = 1", "priority: i = 0", "priority: i = -5", "autoconnect: b = true", "autoconnect: b = false"),
		},
		{
			"PEAP", login(manager.Login{Method: manager.PEAP, User: "ann", Anonymous: "anonymous", Password: manager.NewSecret("pw"), CA: "/etc/ssl/work.pem", Domain: "example.com"}),
			wifi("work") + "[802-11-wireless-security]\nkey-mgmt: s = \"wpa-eap\"\n" + `[802-1x]
anonymous-identity: s = "anonymous"
ca-cert: ay = b"file:///etc/ssl/work.pem\x00"
domain-suffix-match: s = "example.com"
eap: as = ["peap"]
identity: s = "ann"
password: s = "pw"
phase2-auth: s = "mschapv2"
` + usual("work", "802-11-wireless", 600),
		},
		{
			"TTLS, the machine's authorities", login(manager.Login{Method: manager.TTLS, User: "ann", SystemCA: true, Domain: "example.com"}),
			wifi("work") + "[802-11-wireless-security]\nkey-mgmt: s = \"wpa-eap\"\n" + `[802-1x]
domain-suffix-match: s = "example.com"
eap: as = ["ttls"]
identity: s = "ann"
phase2-auth: s = "pap"
system-ca-certs: b = true
` + usual("work", "802-11-wireless", 600),
		},
		{
			"TLS over a cable",
			manager.Network{Kind: manager.KindCable, Login: &manager.Login{Method: manager.TLS, User: "host", CA: "/a", Certificate: "/c", Key: "/k"}},
			`[802-1x]
ca-cert: ay = b"file:///a\x00"
client-cert: ay = b"file:///c\x00"
eap: as = ["tls"]
identity: s = "host"
private-key: ay = b"file:///k\x00"
private-key-password-flags: u = @u 4
[802-3-ethernet]
` + usual("cable", "802-3-ethernet", 100),
		},
		{
			"addresses by hand",
			manager.Network{
				Kind:   manager.KindCable,
				IPv4:   manager.Addresses{Static: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}, Gateway: netip.MustParseAddr("192.0.2.1")},
				IPv6:   manager.Addresses{Static: []netip.Prefix{netip.MustParsePrefix("2001:db8::7/64")}},
				DNS:    []netip.Addr{netip.MustParseAddr("1.0.0.1"), netip.MustParseAddr("2001:db8::1")},
				Search: []string{"lan"},
			},
			"[802-3-ethernet]\n" + usual(
				"cable", "802-3-ethernet", 100,
				"[ipv4]\nmethod: s = \"auto\"", `[ipv4]
address-data: aa{sv} = [{"address": <"192.0.2.7">, "prefix": <@u 24>}]
dns: au = @au [16777217]
dns-search: as = ["lan"]
gateway: s = "192.0.2.1"
ignore-auto-dns: b = true
method: s = "manual"`,
				"[ipv6]\nmethod: s = \"auto\"", `[ipv6]
address-data: aa{sv} = [{"address": <"2001:db8::7">, "prefix": <@u 64>}]
dns: aay = b[" \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"]
dns-search: as = ["lan"]
ignore-auto-dns: b = true
method: s = "manual"`,
			),
		},
		{
			"no IPv6, a proxy",
			manager.Network{Kind: manager.KindCable, IPv6: manager.Addresses{Off: true}, Proxy: manager.Proxy{Address: "proxy.lan:3128"}},
			"[802-3-ethernet]\n" + usual("cable", "802-3-ethernet", 100, "[ipv6]\nmethod: s = \"auto\"\nroute-metric: x = @x 100\n", `[ipv6]
method: s = "disabled"
[proxy]
method: i = 1
pac-script: s = "function FindProxyForURL(url, host) { return \"PROXY proxy.lan:3128\"; }"
[user]
data: a{ss} = {"com.shadow.terminal.proxy": "proxy.lan:3128"}
`),
		},
		{
			"modem",
			manager.Network{Kind: manager.KindMobile, Mobile: manager.Mobile{APN: "internet", User: "u", Password: manager.NewSecret("p"), PIN: manager.NewSecret("1234")}},
			usual("mobile", "gsm", 700, "metered: i = 0", "metered: i = 1", "[ipv4]", `[gsm]
apn: s = "internet"
home-only: b = true
password: s = "p"
pin: s = "1234"
username: s = "u"
[ipv4]`),
		},
		{"phone", manager.Network{Kind: manager.KindPhone}, "[802-3-ethernet]\n" + usual("phone", "802-3-ethernet", 650, "metered: i = 0", "metered: i = 1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := manager.Settings(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := golden(s); sorted(got) != sorted(tt.want) {
				t.Errorf("Settings() =\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// sorted orders a golden text's sections, which tests compose.
func sorted(text string) string {
	parts := strings.Split("\n"+text, "\n[")
	slices.Sort(parts)
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return strings.Join(parts, "\n[")
}

// What cannot work is refused before the bus, and no error tells a secret.
func TestSettingsRefuses(t *testing.T) {
	const secret = "s3cr3t" // too short for WPA2
	wifi := func(s manager.Security, l *manager.Login) manager.Network {
		return manager.Network{Kind: manager.KindWiFi, SSID: "x", Security: s, Password: manager.NewSecret(secret), Login: l}
	}
	cable := func(change func(n *manager.Network)) manager.Network {
		n := manager.Network{Kind: manager.KindCable}
		change(&n)
		return n
	}
	prefix := netip.MustParsePrefix
	tests := map[string]manager.Network{
		"no kind":               {},
		"another kind":          {Kind: manager.KindOther},
		"no SSID":               {Kind: manager.KindWiFi, Security: manager.Open},
		"long SSID":             {Kind: manager.KindWiFi, Security: manager.Open, SSID: manager.SSID(strings.Repeat("x", 33))},
		"short password":        wifi(manager.WPA2, nil),
		"password of open":      wifi(manager.Open, nil),
		"WEP":                   wifi(manager.WEP, nil),
		"login missing":         wifi(manager.Enterprise, nil),
		"login too much":        wifi(manager.WPA3, &manager.Login{Method: manager.PEAP, User: "x", Unverified: true}),
		"login by anybody":      wifi(manager.Enterprise, &manager.Login{Method: manager.PEAP, User: "x", Password: manager.NewSecret(secret)}),
		"login at any domain":   wifi(manager.Enterprise, &manager.Login{Method: manager.PEAP, User: "x", Password: manager.NewSecret(secret), SystemCA: true}),
		"TLS without a key":     wifi(manager.Enterprise, &manager.Login{Method: manager.TLS, User: "x", Unverified: true, KeyPassword: manager.NewSecret(secret)}),
		"192 bits by password":  wifi(manager.Suite192, &manager.Login{Method: manager.PEAP, User: "x", Unverified: true, Password: manager.NewSecret(secret)}),
		"relative certificate":  wifi(manager.Enterprise, &manager.Login{Method: manager.PEAP, User: "x", CA: "ca.pem"}),
		"certificate injection": wifi(manager.Enterprise, &manager.Login{Method: manager.PEAP, User: "x", CA: "/ca\x00.pem"}),
		"priority":              cable(func(n *manager.Network) { n.Priority = 1000 }),
		"name of two lines":     cable(func(n *manager.Network) { n.Name = "a\nb" }),
		"IPv6 as IPv4":          cable(func(n *manager.Network) { n.IPv4.Static = []netip.Prefix{prefix("2001:db8::1/64")} }),
		"multicast":             cable(func(n *manager.Network) { n.IPv4.Static = []netip.Prefix{prefix("224.0.0.1/24")} }),
		"gateway alone":         cable(func(n *manager.Network) { n.IPv4.Gateway = netip.MustParseAddr("192.0.2.1") }),
		"nothing on":            cable(func(n *manager.Network) { n.IPv4.Off, n.IPv6.Off = true, true }),
		"two proxies":           cable(func(n *manager.Network) { n.Proxy = manager.Proxy{Address: "a:1", Auto: true} }),
		"proxy with a script":   cable(func(n *manager.Network) { n.Proxy.Address = "a\";alert(1)//:80" }),
		"proxy without a port":  cable(func(n *manager.Network) { n.Proxy.Address = "a:0" }),
		"script from a file":    cable(func(n *manager.Network) { n.Proxy.Script = "file:///etc/passwd" }),
	}
	for name, n := range tests {
		if s, err := manager.Settings(n); err == nil {
			t.Errorf("Settings(%s) = %v; want an error", name, golden(s))
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("Settings(%s) = %v, which tells the secret", name, err)
		}
	}
	if _, err := manager.Settings(wifi(manager.WEP, nil)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Settings(WEP) = %v; want %v", err, errors.ErrUnsupported)
	}
}

// However a secret is printed, it does not show.
func TestSecretRedacts(t *testing.T) {
	n := manager.Network{Kind: manager.KindWiFi, SSID: "x", Password: manager.NewSecret("hunter2hunter2"), Login: &manager.Login{Password: manager.NewSecret("hunter2hunter2"), KeyPassword: manager.NewSecret("hunter2hunter2")}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "network", n, "password", n.Password, "login", *n.Login)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "network", n, "password", n.Password)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.2s"} {
		fmt.Fprintf(&log, format, n)
		fmt.Fprintf(&log, format, n.Password)
		fmt.Fprintf(&log, format, *n.Login)
	}
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	log.Write(b)
	for _, secret := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q shows in %s", secret, log.String())
		}
	}
}

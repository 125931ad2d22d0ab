package manager

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/godbus/dbus/v5"
)

// Sections and values of nm-settings-dbus(5).
const (
	sectionProfile  = "connection"
	sectionWiFi     = "802-11-wireless"
	sectionSecurity = "802-11-wireless-security"
	sectionCable    = "802-3-ethernet"
	sectionLogin    = "802-1x"
	sectionMobile   = "gsm"
	sectionPhone    = "bluetooth"
	sectionProxy    = "proxy"
	sectionUser     = "user"

	powersaveOff = uint32(2) // NM_SETTING_WIRELESS_POWERSAVE_DISABLE
	pmfRequired  = int32(3)  // NM_SETTING_WIRELESS_SECURITY_PMF_REQUIRED
	notRequired  = uint32(4) // NM_SETTING_SECRET_FLAG_NOT_REQUIRED

	// proxyKey is where the proxy's address is kept for the terminal itself;
	// NetworkManager has no place for one.
	proxyKey = "com.shadow.terminal.proxy"
)

// settings is a profile as NetworkManager takes it: properties by section. It
// holds secrets in the clear and is never printed.
type settings = map[string]map[string]dbus.Variant

// Settings returns the profile that is n in NetworkManager's words. It holds
// the secrets in the clear: it is for the bus alone. Secrets carry no flags,
// so that NetworkManager keeps them itself.
func Settings(n Network) (map[string]map[string]dbus.Variant, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	s := settings{
		sectionProfile: n.profile(),
		"ipv4":         n.addresses(n.IPv4, true),
		"ipv6":         n.addresses(n.IPv6, false),
	}
	switch n.Kind {
	case KindWiFi:
		s[sectionWiFi] = n.wifi()
		if sec := n.security(); sec != nil {
			s[sectionSecurity] = sec
		}
	case KindCable, KindPhone:
		s[sectionCable] = section{}
	case KindMobile:
		s[sectionMobile] = n.Mobile.settings()
	}
	if n.Login != nil {
		s[sectionLogin] = n.Login.settings()
	}
	n.Proxy.settings(s)
	return s, nil
}

// section is one of a profile's.
type section map[string]dbus.Variant

// set sets a property.
func (s section) set(key string, value any) { s[key] = dbus.MakeVariant(value) }

// text sets a property unless it is empty.
func (s section) text(key, value string) {
	if value != "" {
		s.set(key, value)
	}
}

func (n Network) profile() section {
	s := section{}
	name := n.Name
	if name == "" && n.Kind == KindWiFi {
		name = n.SSID.String()
	}
	if name == "" {
		name = string(n.Kind)
	}
	s.set("id", name)
	s.set("type", map[Kind]string{KindWiFi: sectionWiFi, KindCable: sectionCable, KindPhone: sectionCable, KindMobile: sectionMobile}[n.Kind])
	s.text("interface-name", n.Device)
	s.set("autoconnect", !n.Manual)
	s.set("autoconnect-priority", int32(n.Priority))
	metered := n.Metered
	if metered == Auto && (n.Kind == KindMobile || n.Kind == KindPhone) {
		metered = Yes
	}
	s.set("metered", metered.number())
	return s
}

// number is the choice as NMMetered.
func (c Choice) number() int32 {
	switch c {
	case Yes:
		return 1
	case No:
		return 2
	}
	return 0
}

func (n Network) wifi() section {
	s := section{}
	s.set("ssid", []byte(n.SSID))
	s.set("mode", "infrastructure")
	s.set("hidden", n.Hidden)
	// A radio that sleeps between beacons adds up to 100 ms to a packet.
	s.set("powersave", powersaveOff)
	switch n.Band {
	case Band24:
		s.set("band", "bg")
	case Band5:
		s.set("band", "a")
	}
	return s
}

// security is the section of that name; nil for open networks.
func (n Network) security() section {
	s := section{}
	switch n.Security {
	case Enhanced:
		s.set("key-mgmt", "owe")
		s.set("pmf", pmfRequired)
	case WPA, WPA2, Mixed: // NetworkManager adds SAE where the device can
		s.set("key-mgmt", "wpa-psk")
		s.text("psk", n.Password.reveal())
	case WPA3:
		s.set("key-mgmt", "sae")
		s.set("pmf", pmfRequired)
		s.text("psk", n.Password.reveal())
	case Enterprise:
		s.set("key-mgmt", "wpa-eap")
	case Suite192:
		s.set("key-mgmt", "wpa-eap-suite-b-192")
		s.set("pmf", pmfRequired)
	default:
		return nil
	}
	return s
}

func (l *Login) settings() section {
	s := section{}
	s.set("eap", []string{string(l.Method)})
	s.set("identity", l.User)
	s.text("anonymous-identity", l.Anonymous)
	s.text("domain-suffix-match", l.Domain)
	file := func(key, path string) {
		if path != "" {
			s.set(key, []byte("file://"+path+"\x00")) // the "path scheme"
		}
	}
	file("ca-cert", l.CA)
	if l.SystemCA {
		s.set("system-ca-certs", true)
	}
	if l.Method == TLS {
		file("client-cert", l.Certificate)
		file("private-key", l.Key)
		if l.KeyPassword.Empty() {
			s.set("private-key-password-flags", notRequired)
		}
		s.text("private-key-password", l.KeyPassword.reveal())
		return s
	}
	inner := l.Inner
	if inner == "" {
		inner = map[LoginMethod]string{PEAP: "mschapv2", TTLS: "pap"}[l.Method]
	}
	s.set("phase2-auth", inner)
	s.text("password", l.Password.reveal())
	return s
}

func (m Mobile) settings() section {
	s := section{}
	s.text("apn", m.APN)
	if m.APN == "" {
		s.set("auto-config", true)
	}
	s.text("username", m.User)
	s.text("password", m.Password.reveal())
	s.text("pin", m.PIN.reveal())
	s.set("home-only", !m.Roaming)
	return s
}

// addresses is the section ipv4 or ipv6.
func (n Network) addresses(a Addresses, is4 bool) section {
	s := section{}
	if a.Off {
		s.set("method", "disabled")
		return s
	}
	s.set("method", "auto")
	s.set("route-metric", int64(n.Kind.Metric()))
	if len(a.Static) > 0 {
		s.set("method", "manual")
		var list []map[string]dbus.Variant
		for _, p := range a.Static {
			list = append(list, map[string]dbus.Variant{
				"address": dbus.MakeVariant(p.Addr().String()),
				"prefix":  dbus.MakeVariant(uint32(p.Bits())),
			})
		}
		s.set("address-data", list)
		if a.Gateway.IsValid() {
			s.set("gateway", a.Gateway.String())
		}
	}
	if len(n.DNS) > 0 {
		s.set("ignore-auto-dns", true) // they would be used besides
		if is4 {
			s.set("dns", dns4(n.DNS))
		} else {
			s.set("dns", dns6(n.DNS))
		}
	}
	if len(n.Search) > 0 {
		s.set("dns-search", n.Search)
	}
	return s
}

// dns4 is the property of that name: addresses in network byte order, as
// numbers.
func dns4(all []netip.Addr) []uint32 {
	out := []uint32{}
	for _, a := range all {
		if a.Is4() {
			b := a.As4()
			out = append(out, binary.NativeEndian.Uint32(b[:]))
		}
	}
	return out
}

func dns6(all []netip.Addr) [][]byte {
	out := [][]byte{}
	for _, a := range all {
		if a.Is6() {
			out = append(out, a.AsSlice())
		}
	}
	return out
}

// settings adds the sections proxy and user. NetworkManager hands scripts on
// to whoever loads pages, and knows no address of a proxy: so that becomes a
// script, and is kept beside it for the terminal.
func (p Proxy) settings(to settings) {
	s := section{}
	switch {
	case p.Address != "":
		s.set("pac-script", fmt.Sprintf("function FindProxyForURL(url, host) { return %q; }", "PROXY "+p.Address))
		to[sectionUser] = section{"data": dbus.MakeVariant(map[string]string{proxyKey: p.Address})}
	case p.Script != "":
		s.set("pac-url", p.Script)
	case !p.Auto:
		return
	}
	s.set("method", int32(1)) // NM_SETTING_PROXY_METHOD_AUTO
	to[sectionProxy] = s
}

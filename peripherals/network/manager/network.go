package manager

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Network is what a person says of a network to join. The zero value of a
// field leaves it to NetworkManager.
type Network struct {
	// Profile is the one to change; "": that of the same network, else a new
	// one.
	Profile ID
	Kind    Kind   // KindCable, KindWiFi, KindPhone (at a USB socket) or KindMobile
	Name    string // what the profile is called; "": after the network
	Device  string // the interface that it is for; "": any

	SSID     SSID
	Hidden   bool // tells no name, and is asked for by it
	Band     Band // "": any; there is no way to ask for Band6 alone
	Security Security
	Password Secret // none: asked for
	Login    *Login // 802.1X, of Wi-Fi or a cable

	IPv4, IPv6 Addresses
	DNS        []netip.Addr // instead of the network's
	Search     []string     // domains
	Proxy      Proxy
	Mobile     Mobile

	Metered  Choice
	Priority int  // -999 to 999, the highest first
	Manual   bool // not joined by itself
}

// Addresses says how a device gets its addresses of one IP version.
type Addresses struct {
	Off     bool
	Static  []netip.Prefix // none: by DHCP or router advertisements
	Gateway netip.Addr     // with Static; invalid: none
}

// Proxy is one for the web. At most one of the fields is set.
type Proxy struct {
	Address string // host:port
	Script  string // URL of a proxy auto-configuration file
	Auto    bool   // found by the network (WPAD)
}

// Mobile is what a modem needs.
type Mobile struct {
	APN      string // "": by the SIM card's operator
	User     string
	Password Secret
	PIN      Secret // of the SIM card
	Roaming  bool   // may use foreign networks
}

// LoginMethod is an EAP method.
type LoginMethod string

// Methods of login.
const (
	PEAP LoginMethod = "peap"
	TTLS LoginMethod = "ttls"
	TLS  LoginMethod = "tls"
)

// Login is an 802.1X login. Without a way to know the network's server the
// password goes to whoever names himself after the network, so that leaving
// all of CA, SystemCA and Unverified out is an error.
type Login struct {
	Method      LoginMethod
	User        string
	Anonymous   string // the name told in the clear; "": User
	Password    Secret // PEAP and TTLS; none: asked for
	Inner       string // "": mschapv2 in PEAP, pap in TTLS
	CA          string // absolute path of the authority's certificate
	SystemCA    bool   // trust the machine's authorities; needs Domain
	Domain      string // what the server's name ends with
	Unverified  bool   // trust whoever answers
	Certificate string // TLS: absolute path
	Key         string // TLS: absolute path
	KeyPassword Secret // TLS; none: the key has none
}

// Bounds of what a person may say.
const (
	maxPriority  = 999
	maxAddresses = 16
	maxWord      = 255 // bytes of a name, a user, a domain
)

// Check tells what is wrong with n; no error has a secret in it.
func (n Network) Check() error {
	switch n.Kind {
	case KindCable, KindWiFi, KindPhone, KindMobile:
	default:
		return fmt.Errorf("a network of kind %q: %w", n.Kind, errors.ErrUnsupported)
	}
	if n.Priority < -maxPriority || n.Priority > maxPriority {
		return fmt.Errorf("priority %d: not within %d of 0", n.Priority, maxPriority)
	}
	switch n.Metered {
	case Auto, Yes, No:
	default:
		return fmt.Errorf("metered %.16q: neither yes nor no", string(n.Metered))
	}
	for _, s := range append([]string{n.Name, n.Device, n.Mobile.APN, n.Mobile.User}, n.Search...) {
		if err := word(s); err != nil {
			return err
		}
	}
	if n.Login != nil && (n.Kind == KindWiFi) != (n.Security.family() == familyLogin) {
		return errors.New("login: the network wants none")
	}
	return errors.Join(n.checkWiFi(), n.checkAddresses(), n.Proxy.check())
}

// word refuses what is no line of text.
func word(s string) error {
	if len(s) > maxWord || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
		return fmt.Errorf("%.64q is too long, or no text", s)
	}
	return nil
}

func (n Network) checkWiFi() error {
	if n.Kind != KindWiFi {
		if n.Login != nil {
			return n.Login.check()
		}
		return nil
	}
	if n.SSID.blank() || len(n.SSID) > maxSSID {
		return fmt.Errorf("SSID %q: not of 1 to %d bytes", n.SSID.String(), maxSSID)
	}
	switch n.Security {
	case Open, Enhanced:
		if !n.Password.Empty() {
			return fmt.Errorf("password: %s networks have none", n.Security)
		}
	case WPA, WPA2, Mixed, WPA3:
		return checkPassword(n.Security, n.Password.reveal())
	case Enterprise, Suite192:
		if n.Login == nil {
			return errors.New("login: missing, the network wants one")
		}
		if n.Security == Suite192 && n.Login.Method != TLS {
			return fmt.Errorf("login by %s: %s takes tls only", n.Login.Method, n.Security)
		}
		return n.Login.check()
	default:
		return fmt.Errorf("a network with %q security: %w", n.Security, errors.ErrUnsupported)
	}
	return nil
}

// checkPassword knows what NetworkManager takes: a passphrase of 8 to 63
// bytes or a key of 64 hexadecimal digits, but any passphrase for SAE.
func checkPassword(s Security, p string) error {
	switch {
	case p == "": // asked for
	case strings.ContainsRune(p, 0):
		return errors.New("password: has a zero byte")
	case len(p) > 128:
		return errors.New("password: longer than 128 bytes")
	case s == WPA3, len(p) >= 8 && len(p) <= 63:
	case len(p) == 64 && strings.Trim(p, "0123456789abcdefABCDEF") == "":
	default:
		return fmt.Errorf("password: %s takes 8 to 63 characters", s)
	}
	return nil
}

func (l *Login) check() error {
	for _, s := range []string{l.User, l.Anonymous, l.Domain} {
		if err := word(s); err != nil {
			return fmt.Errorf("login: %w", err)
		}
	}
	for _, file := range []string{l.CA, l.Certificate, l.Key} {
		if file != "" && (!path.IsAbs(file) || word(file) != nil) {
			return fmt.Errorf("login: %.64q is no absolute path", file)
		}
	}
	switch {
	case l.User == "":
		return errors.New("login: the user's name is missing")
	case l.CA == "" && !l.SystemCA && !l.Unverified:
		return errors.New("login: nothing says which server to trust: give a certificate, or say that any will do")
	case l.SystemCA && l.Domain == "" && !l.Unverified:
		return errors.New("login: any web server's certificate would do: give the server's domain")
	}
	switch l.Method {
	case PEAP, TTLS:
		switch l.Inner {
		case "", "mschapv2", "pap", "chap", "mschap", "gtc":
		default:
			return fmt.Errorf("login: inner method %.16q: %w", l.Inner, errors.ErrUnsupported)
		}
	case TLS:
		if l.Certificate == "" || l.Key == "" {
			return errors.New("login: tls takes a certificate and its key")
		}
	default:
		return fmt.Errorf("login by %.16q: %w", string(l.Method), errors.ErrUnsupported)
	}
	return nil
}

func (n Network) checkAddresses() error {
	for is4, a := range map[bool]Addresses{true: n.IPv4, false: n.IPv6} {
		if len(a.Static) > maxAddresses {
			return fmt.Errorf("%d addresses: more than %d", len(a.Static), maxAddresses)
		}
		for _, p := range a.Static {
			switch {
			case !p.IsValid() || p.Addr().Is4() != is4 || p.Addr().Is4In6():
				return fmt.Errorf("address %v: of the other IP version, or none", p)
			case p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Bits() == 0:
				return fmt.Errorf("address %v: not one for a device", p)
			}
		}
		if a.Gateway.IsValid() && (a.Gateway.Is4() != is4 || len(a.Static) == 0 || a.Gateway.Is4In6()) {
			return fmt.Errorf("gateway %v: without an address of its IP version", a.Gateway)
		}
		if a.Off && len(a.Static) > 0 {
			return fmt.Errorf("address %v: of an IP version that is off", a.Static[0])
		}
	}
	if n.IPv4.Off && n.IPv6.Off {
		return errors.New("addresses: both IP versions are off")
	}
	if len(n.DNS) > maxAddresses || len(n.Search) > maxAddresses {
		return fmt.Errorf("name servers or domains: more than %d", maxAddresses)
	}
	for _, a := range n.DNS {
		if !a.IsValid() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" {
			return fmt.Errorf("name server %v: not an address", a)
		}
	}
	return nil
}

func (p Proxy) check() error {
	set := 0
	for _, is := range []bool{p.Address != "", p.Script != "", p.Auto} {
		if is {
			set++
		}
	}
	switch {
	case set > 1:
		return errors.New("proxy: more than one way to find it")
	case p.Script != "":
		if word(p.Script) != nil || !strings.HasPrefix(p.Script, "http://") && !strings.HasPrefix(p.Script, "https://") {
			return fmt.Errorf("proxy script %.64q: no http or https URL", p.Script)
		}
	case p.Address != "":
		// It goes into a script, so that only what cannot be one may pass.
		host, port, err := net.SplitHostPort(p.Address)
		if err != nil || !validHost(host) {
			return fmt.Errorf("proxy %.64q: not host:port", p.Address)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("proxy %.64q: no such port", p.Address)
		}
	}
	return nil
}

func validHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == ""
	}
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(host, func(r rune) bool {
		return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

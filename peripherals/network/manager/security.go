package manager

// Security is how a Wi-Fi network keeps strangers out.
type Security string

// Securities, weakest first.
const (
	Open       Security = "open"
	Enhanced   Security = "enhanced open" // OWE: encrypted, without a password
	WEP        Security = "WEP"           // broken, and not joined
	WPA        Security = "WPA"           // TKIP
	WPA2       Security = "WPA2"
	Mixed      Security = "WPA2/WPA3"
	WPA3       Security = "WPA3" // SAE
	Enterprise Security = "802.1X"
	Suite192   Security = "802.1X, 192 bits" // WPA3-Enterprise, Suite B
)

// Password reports whether joining takes a password alone.
func (s Security) Password() bool { return s.family() == familyPassword }

// family is what securities have in common that one profile fits: access
// points of one name and another family are another network, so that nobody
// is led from a WPA2 network to an open one of its name.
type family string

const (
	familyOpen     family = "open"
	familyWEP      family = "WEP"
	familyPassword family = "password"
	familyLogin    family = "802.1X"
)

func (s Security) family() family {
	switch s {
	case WEP:
		return familyWEP
	case WPA, WPA2, Mixed, WPA3:
		return familyPassword
	case Enterprise, Suite192:
		return familyLogin
	}
	return familyOpen
}

// Bits of an access point: NM80211ApFlags and NM80211ApSecurityFlags.
const (
	apPrivacy  = 0x1
	apTKIP     = 0x4
	apCCMP     = 0x8
	apPSK      = 0x100
	ap8021X    = 0x200
	apSAE      = 0x400
	apOWE      = 0x800
	apOWETrans = 0x1000
	apSuite192 = 0x2000
)

// securityOf reads what an access point announces: its flags, and those of
// its WPA and RSN elements.
func securityOf(flags, wpa, rsn uint32) Security {
	switch all := wpa | rsn; {
	case rsn&apSuite192 != 0 && rsn&ap8021X == 0:
		return Suite192
	case all&ap8021X != 0:
		return Enterprise
	case rsn&apSAE != 0 && all&apPSK != 0:
		return Mixed
	case rsn&apSAE != 0:
		return WPA3
	case rsn&apPSK != 0:
		return WPA2
	case wpa&apPSK != 0:
		return WPA
	case rsn&(apOWE|apOWETrans) != 0:
		return Enhanced
	case flags&apPrivacy != 0:
		return WEP
	}
	return Open
}

// union is the security of a network some of whose access points have a and
// some b, of one family.
func union(a, b Security) Security {
	if a == b || b == "" {
		return a
	}
	rank := func(s Security) int {
		for i, x := range []Security{Open, Enhanced, WEP, WPA, WPA2, Mixed, WPA3, Enterprise, Suite192} {
			if x == s {
				return i
			}
		}
		return -1
	}
	switch low, high := min(rank(a), rank(b)), max(rank(a), rank(b)); {
	case a == "":
		return b
	case low >= rank(WPA) && high == rank(WPA3):
		return Mixed // a profile for WPA3 alone would leave the others out
	case low == rank(WPA) && high == rank(WPA2):
		return WPA2 // a profile for either serves both
	case high == rank(Mixed):
		return Mixed
	case rank(a) == low:
		return a // the weaker, which a profile has to admit
	}
	return b
}

// Band is a part of the spectrum.
type Band string

// Bands. Band24 is where USB 3 and Bluetooth are too.
const (
	Band24 Band = "2.4 GHz"
	Band5  Band = "5 GHz"
	Band6  Band = "6 GHz"
)

// BandOf returns the band of a frequency in MHz; "" is none of Wi-Fi's.
func BandOf(mhz int) Band {
	switch {
	case mhz >= 2400 && mhz < 2500:
		return Band24
	case mhz >= 4900 && mhz < 5925:
		return Band5
	case mhz >= 5925 && mhz <= 7125:
		return Band6
	}
	return ""
}

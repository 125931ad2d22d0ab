package manager

import (
	"errors"
	"net/netip"
	"time"
)

// ErrGone is why something under way fails when NetworkManager, the bus or
// the device goes away.
var ErrGone = errors.New("NetworkManager or the device has gone")

// ID names a device or a profile as long as NetworkManager knows it. It is
// opaque: only one out of a State is of use.
type ID string

// State is all there is, as a value: whoever has one may keep and change it.
type State struct {
	// Service says that NetworkManager is there; without it the rest is empty.
	Service      bool
	Version      string // NetworkManager's
	Connectivity Connectivity
	// Portal is the page to open for the login of a captive portal; "": there
	// is none, or NetworkManager checks no page.
	Portal   string
	WiFi     Radio
	Mobile   Radio
	Devices  []Device  // the one in use first, then by kind and name
	Nearby   []Nearby  // the connected first, then by signal
	Profiles []Profile // by priority and name
}

// Radio is the switch of all radios of a kind.
type Radio struct {
	On      bool
	Blocked bool // by a switch on the machine: rfkill(8)
}

// Connectivity is how far the network leads.
type Connectivity string

// Connectivities, as NMConnectivityState orders them.
const (
	ConnectivityUnknown Connectivity = "not known"
	ConnectivityNone    Connectivity = "none"
	ConnectivityPortal  Connectivity = "captive portal" // wants a login first
	ConnectivityLimited Connectivity = "limited"        // a network without the Internet
	ConnectivityFull    Connectivity = "full"
)

// Kind is what a device or a profile is for, as far as a terminal cares.
type Kind string

// Kinds, in the order in which they are preferred.
const (
	KindCable  Kind = "cable"
	KindWiFi   Kind = "Wi-Fi"
	KindPhone  Kind = "phone" // shares its network by USB or Bluetooth
	KindMobile Kind = "mobile"
	KindOther  Kind = "other" // bridges, tunnels, the loopback
)

// Metric is the cost of routes over a kind of device: the lowest is used.
// They are NetworkManager's own, but that it takes a phone at a USB socket
// for a cable.
func (k Kind) Metric() int {
	switch k {
	case KindCable:
		return 100
	case KindWiFi:
		return 600
	case KindMobile:
		return 700
	case KindPhone:
		return 650
	}
	return 800
}

// Phase is where a device is on its way to a network.
type Phase string

// Phases.
const (
	PhaseUnmanaged    Phase = "unmanaged" // NetworkManager leaves it alone
	PhaseUnavailable  Phase = "unavailable"
	PhaseDisconnected Phase = "disconnected"
	PhaseConnecting   Phase = "connecting"
	PhaseAsking       Phase = "needs a password"
	PhaseAddress      Phase = "waits for an address"
	PhaseConnected    Phase = "connected"
	PhaseLeaving      Phase = "disconnecting"
	PhaseFailed       Phase = "failed"
)

// Device is a network device of this machine.
type Device struct {
	ID      ID
	Name    string // of the interface, sanitised
	Kind    Kind
	Driver  string // sanitised
	Address string // of the hardware
	Phase   Phase
	// Reason is why the last attempt on it failed; "": it did not.
	Reason  Reason
	Profile ID   // what it is connected or connecting with
	Primary bool // the default route leads here
	Metered bool // what goes over it is paid for by amount, as far as is known
	Carrier bool // a cable is plugged in at both ends
	Mbps    int  // the link's speed; 0: not known
	// SSID and Signal (per cent) are those of Wi-Fi while connected.
	SSID         SSID
	Signal       int
	Band         Band
	Addresses    []netip.Prefix
	Gateways     []netip.Addr
	Connectivity Connectivity
}

// Profile is a network that NetworkManager knows and joins by itself.
type Profile struct {
	ID       ID
	UUID     string
	Name     string // sanitised
	Kind     Kind
	SSID     SSID
	Hidden   bool
	Security Security // of Wi-Fi; Enterprise too where a cable wants a login
	Auto     bool     // joined by itself
	Priority int      // the highest first, within a kind
	Metered  Choice
	// Proxy is the host and port given to [Network], "": none.
	Proxy    string
	LastUsed time.Time // zero: never
}

// Choice is a yes or no that may be left to NetworkManager.
type Choice string

// Choices.
const (
	Auto Choice = "" // NetworkManager guesses
	Yes  Choice = "yes"
	No   Choice = "no"
)

// Reason is why a network could not be joined. It is an error, so that
// errors.Is tells.
type Reason string

// Reasons.
const (
	ReasonPassword Reason = "the password is missing or wrong"
	ReasonLogin    Reason = "the network refused the login"
	ReasonNotFound Reason = "the network is not in range"
	ReasonAddress  Reason = "the network gave no address"
	ReasonConfig   Reason = "the device does not take these settings"
	ReasonCable    Reason = "the cable is not plugged in at both ends"
	ReasonFirmware Reason = "the device's firmware is missing"
	ReasonNoSIM    Reason = "there is no SIM card"
	ReasonPIN      Reason = "the SIM card wants its PIN"
	ReasonPUK      Reason = "the SIM card is locked and wants its PUK"
	ReasonModem    Reason = "the mobile network was not reached"
	ReasonReplaced Reason = "it was ended in favour of another"
	ReasonOther    Reason = "the network could not be joined"
)

// Error implements error.
func (r Reason) Error() string { return string(r) }

package bluetooth

import "errors"

// Errors of whoever calls, or of what has happened meanwhile.
var (
	// ErrGone is why something under way fails when BlueZ or the bus goes
	// away.
	ErrGone = errors.New("BlueZ has gone")
	// ErrUnknown is the error for an adapter or device that BlueZ does not
	// know, or not any more.
	ErrUnknown = errors.New("no such adapter or device")
	// ErrBusy is the error for a second pairing, or a second search by an
	// adapter.
	ErrBusy = errors.New("busy with another")
)

// ID names an adapter or a device as long as BlueZ knows it. It is opaque:
// only one out of a State is of use.
type ID string

// State is all there is, as a value: whoever has one may keep and change it.
type State struct {
	// Service says that BlueZ is there; without it the rest is empty.
	Service  bool
	Adapters []Adapter // by ID
	Devices  []Device  // paired ones first, by name; then by signal
	// Pairing is the device that Pair is busy with; "": none.
	Pairing ID
	// Shown is the code that the person has to type on that device now; nil:
	// none.
	Shown *Shown
}

// Adapter is a radio of this machine.
type Adapter struct {
	ID          ID
	Name        string // sanitised, never empty
	Address     string
	Powered     bool
	Blocked     bool // by a switch: rfkill(8)
	Discovering bool
}

// Device is a device that is known or was seen lately.
type Device struct {
	ID      ID
	Adapter ID
	Name    string // sanitised, never empty
	Address string // with Low Energy privacy a temporary one
	Kind    Kind

	Paired    bool // and will be known tomorrow
	Trusted   bool // may connect by itself
	Connected bool
	Blocked   bool // refused by the person
	Battery   int  // per cent, -1: not known
	SignalDBm int  // 0: not known, as it is while connected
}

// Shown is a code for the person to type on the device.
type Shown struct {
	Code string // six digits, or up to sixteen printable ASCII characters
	// Typed is how many keys were pressed on the device, -1: it does not say.
	Typed int
}

// Reason is why BlueZ could not do something. It is an error, so that
// errors.Is tells.
type Reason string

// Reasons.
const (
	ReasonOff        Reason = "Bluetooth is switched off"
	ReasonBlocked    Reason = "Bluetooth is blocked by a switch"
	ReasonNotInRange Reason = "the device is off, asleep or not in range"
	ReasonCode       Reason = "the code was wrong, or the device refused"
	ReasonCanceled   Reason = "pairing was canceled on one side"
	ReasonTime       Reason = "it took too long"
	ReasonProfile    Reason = "the device has nothing that can be used here"
	ReasonBusy       Reason = "BlueZ is busy with that device or adapter"
	ReasonOther      Reason = "BlueZ could not do it"
)

// Error implements error.
func (r Reason) Error() string { return string(r) }

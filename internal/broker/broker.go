// Package broker is what a terminal and a broker say to each other before there
// is a session: one request, POST /v1/session, and its answer. docs/broker.yaml
// (OpenAPI 3) is normative; this package holds the same words as Go types and
// reads them from bytes of strangers.
//
// Reading is bounded and strict: one JSON object of limited size and depth, no
// member twice, every member that is known of the right type and within its
// range. Members that are not known are ignored, so that either side may be
// newer. Nothing here does I/O, knows HTTP, follows an address or keeps a
// token; whether an address may be followed is for [client/broker] to decide.
package broker

// Path is where a broker is asked.
const Path = "/v1/session"

// Bounds of the exchange. Lengths are in bytes, times in seconds.
const (
	MaxRequest  = 4 << 10
	MaxResponse = 32 << 10

	MaxMessage    = 500
	MaxURL        = 2048
	MaxToken      = 2048
	MaxName       = 64
	MaxScreens    = 4
	MaxRetryAfter = 3600
	MaxLifetime   = 7 * 24 * 3600
	MaxMaintained = 30 * 24 * 3600
	MaxICEServers = 8
	MaxICEURLs    = 4
	MaxICEURL     = 512
	MaxICESecret  = 512

	maxDepth = 6
)

// Request is what a terminal asks.
type Request struct {
	Terminal Terminal `json:"terminal"`
	// Wake says that a person wants the PC now: one that is asleep shall wake.
	// Without it the question wakes nobody.
	Wake bool `json:"wake,omitempty"`
}

// Terminal is who asks, in its own words.
type Terminal struct {
	Name    string `json:"name"`             // of the program, 1 to MaxName characters
	Version string `json:"version"`          // the same
	Device  string `json:"device,omitempty"` // what the device is called; a certificate's name goes before it
	Screens int    `json:"screens"`          // that it can show, 1 to MaxScreens
}

// State is how the PC is.
type State string

// The states. A terminal that is told anything but [Ready] asks again, but for
// [Revoked] after which it waits for a person.
const (
	Starting    State = "starting"    // it will be ready by itself
	Ready       State = "ready"       // WHEPURL is the way to it
	Asleep      State = "asleep"      // until somebody asks with Wake
	Moved       State = "moved"       // another broker knows: MovedTo
	Maintenance State = "maintenance" // the operator works on it
	Revoked     State = "revoked"     // this terminal is no longer wanted
)

// Response is the broker's answer. Which fields count depends on the state;
// [ParseResponse] leaves the others empty.
type Response struct {
	State State `json:"state"`
	// Message is one sentence for the person, may be empty.
	Message string `json:"message,omitempty"`
	// RetryAfter is when to ask again in seconds, 0: the terminal decides.
	RetryAfter int `json:"retry_after,omitempty"`
	// Progress is how much of the start is done, 0 to 100.
	Progress int `json:"progress,omitempty"`
	// WHEPURL is the host's endpoint, relative to the address that answered.
	WHEPURL string `json:"whep_url,omitempty"`
	// Token is for the host; empty: it asks for none.
	Token string `json:"token,omitempty"`
	// ExpiresIn is how long Token lasts, in seconds from the answer; 0 without one.
	ExpiresIn int `json:"expires_in,omitempty"`
	// ICEServers are STUN and TURN servers for the session.
	ICEServers []ICEServer `json:"ice_servers,omitempty"`
	// MovedTo is the broker to ask instead, relative to the address that answered.
	MovedTo string `json:"moved_to,omitempty"`
	// EndsIn is when maintenance should be over in seconds, 0: not known.
	EndsIn int `json:"ends_in,omitempty"`
}

// ICEServer is one STUN or TURN server (RFC 7064, RFC 7065).
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

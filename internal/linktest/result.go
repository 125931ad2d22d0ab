package linktest

import "time"

// Transport is how the packets of a test went.
type Transport string

// Transports.
const (
	TransportUDP   Transport = "udp"
	TransportTCP   Transport = "tcp"   // ICE-TCP, or TURN over TCP or TLS
	TransportRelay Transport = "relay" // TURN over UDP
	TransportNone  Transport = "none"  // the host answers by HTTP, but no packet gets through
)

// Reach says whether UDP gets through.
type Reach string

// Whether UDP gets through.
const (
	ReachOpen    Reach = "open"
	ReachBlocked Reach = "blocked"
	ReachUnknown Reach = "not known"
)

// Behaviour is how a NAT maps or filters, in the words of RFC 4787 and RFC 5780.
type Behaviour string

// Behaviours. A host has one address, so the first two cannot always be told
// apart: then the words say both.
const (
	BehaviourNone     Behaviour = "none"                                      // there is no NAT
	BehaviourShared   Behaviour = "endpoint-independent or address-dependent" // the same for two ports of the host
	BehaviourPerPort  Behaviour = "address and port-dependent"                // another for each port
	BehaviourNotKnown Behaviour = "not known"                                 // no answer came
)

// NAT is what stands between the terminal and the host.
type NAT struct {
	Mapping   Behaviour `json:"mapping"`
	Filtering Behaviour `json:"filtering"`
}

// MTU is the largest IP packet that got through each way in bytes, 0: not known.
type MTU struct {
	Down      int `json:"down"`
	Up        int `json:"up"`
	Interface int `json:"interface"`
}

// Path is what lies between the terminal and the host.
type Path struct {
	Transport Transport `json:"transport"`
	UDP       Reach     `json:"udp"`
	IPv6      bool      `json:"ipv6"`
	NAT       NAT       `json:"nat"`
	MTU       MTU       `json:"mtu_bytes"`
}

// LinkKind is what the terminal is connected by.
type LinkKind string

// Kinds of links.
const (
	LinkCable    LinkKind = "cable"
	LinkWiFi     LinkKind = "wi-fi"
	LinkMobile   LinkKind = "mobile"
	LinkVirtual  LinkKind = "virtual" // of a virtual machine, a tunnel or a bridge
	LinkLoopback LinkKind = "loopback"
	LinkUnknown  LinkKind = "not known"
)

// Link is the first metre: the terminal's own network interface.
type Link struct {
	Name        string   `json:"name"`
	Kind        LinkKind `json:"kind"`
	SpeedMbps   int      `json:"speed_mbps"`      // 0: not known
	BestMbps    int      `json:"best_mbps"`       // that this end could do, 0: not known
	PeerMbps    int      `json:"peer_best_mbps"`  // that the other end said it could do, 0: not known
	EarlierMbps int      `json:"earlier_mbps"`    // the most in earlier tests, 0: not known
	Duplex      string   `json:"duplex"`          // "full", "half" or "not known"
	MTU         int      `json:"mtu"`             // bytes
	Errors      uint64   `json:"errors"`          // damaged frames since the machine started
	Dropped     uint64   `json:"dropped"`         // frames that found no room
	NewErrors   uint64   `json:"errors_in_test"`  // of them during the test
	NewDropped  uint64   `json:"dropped_in_test"` //
	Losses      uint64   `json:"carrier_losses"`  // how often the link went down since the machine started
	NewLosses   uint64   `json:"carrier_in_test"` //
	SignalDBm   int      `json:"signal_dbm"`      // of Wi-Fi, 0: not known
	Fallen      bool     `json:"fallen"`          // it runs slower than both ends can, or than it did
}

// Result is one test. Its JSON form is what --json prints and the history keeps:
// fields are added, never changed.
type Result struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Host    string    `json:"host"` // name and port
	Seconds float64   `json:"seconds"`
	MaxBps  int       `json:"max_bps"` // that both ends allowed

	Path Path  `json:"path"`
	Link Link  `json:"link"`
	Idle Times `json:"idle_rtt_ms"`

	Down []Step `json:"down"`
	Up   []Step `json:"up"`
	// DownLine and UpLine are what the line carries.
	DownLine Line `json:"down_line"`
	UpLine   Line `json:"up_line"`

	// Stopped says why the test ended before its plan, "" where it did not.
	Stopped string `json:"stopped,omitempty"`

	Verdicts []Verdict `json:"verdicts"`
	Notes    []string  `json:"notes"`
}

// Line is what one direction carries.
type Line struct {
	Bps int `json:"bps"`
	// AtLeast says that the test did not reach the line's limit.
	AtLeast bool `json:"at_least"`
	// Slow says that the limit found is a computer's, not the line's.
	Slow bool `json:"too_slow"`
}

// Finish fills in what follows from the steps: lines, verdicts and notes.
func (r *Result) Finish() {
	r.Version = Version
	r.DownLine, r.UpLine = lineOf(r.Down), lineOf(r.Up)
	r.Verdicts, r.Notes = Grade(r)
}

// lineOf is what the steps of one direction say together: the highest rate
// carried, or what came through of the one that was too much.
func lineOf(steps []Step) Line {
	l := Line{AtLeast: len(steps) == 0}
	for _, s := range steps {
		switch {
		case s.Carried:
			l = Line{Bps: max(l.Bps, s.RateBps), AtLeast: true}
		case s.Slow:
			l.AtLeast, l.Slow = true, true
		default:
			l.Bps, l.AtLeast = max(l.Bps, s.DeliveredBps), false
		}
	}
	return l
}

// After fills in what earlier tests say of the same link.
func (l Link) After(earlier []Result) Link {
	for _, r := range earlier {
		if r.Link.Name == l.Name && r.Link.Kind == LinkCable {
			l.EarlierMbps = max(l.EarlierMbps, r.Link.SpeedMbps)
		}
	}
	l.Fallen = l.Fallen || l.Kind == LinkCable && l.SpeedMbps > 0 && l.SpeedMbps < l.EarlierMbps
	return l
}

// Since fills in what was counted after an earlier look at the same link.
func (l Link) Since(before Link) Link {
	if before.Name != l.Name {
		return l
	}
	less := func(now, then uint64) uint64 { return max(now, then) - then }
	l.NewErrors = less(l.Errors, before.Errors)
	l.NewDropped = less(l.Dropped, before.Dropped)
	l.NewLosses = less(l.Losses, before.Losses)
	return l
}

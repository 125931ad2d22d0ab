package client

import (
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

// Path is how a session's packets travel. In JSON it is what a summary says of it.
type Path struct {
	// Kind is "direct", "relay" (TURN) or "tcp" (ICE-TCP); "" before there is one.
	Kind      string        `json:"kind"`
	Local     string        `json:"local"` // candidate types: host, srflx, prflx, relay
	Remote    string        `json:"remote"`
	Interface string        `json:"interface,omitempty"` // of this machine, "" when it is not known
	RTT       time.Duration `json:"-"`
	Restarts  int           `json:"restarts"`         // other paths found since the session began
	Reason    string        `json:"reason,omitempty"` // of the last one
	Restarted time.Time     `json:"-"`                // when that was
	Silent    time.Duration `json:"-"`                // how long nothing has been heard, 0 while packets come
}

// String is the path in a few words for people.
func (p Path) String() string {
	s := "none yet"
	switch p.Kind {
	case "":
	case "relay":
		s = "by a relay"
	case "tcp":
		s = "direct, TCP"
	default:
		s = p.Kind
	}
	if p.Interface != "" {
		s += ", " + p.Interface
	}
	switch {
	case p.Restarts == 1:
		s += ", changed once"
	case p.Restarts > 1:
		s += fmt.Sprintf(", changed %d times", p.Restarts)
	}
	return s
}

// Path returns how the session's packets travel. Any goroutine.
func (s *Session) Path() Path {
	p := &s.path
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Path{RTT: s.RTT(), Restarts: p.restarts, Reason: p.reason, Restarted: p.at}
	if q := p.quiet(); q > gapAfter {
		out.Silent = q
	}
	if p.pair == nil {
		return out
	}
	out.Local, out.Remote, out.Kind = p.pair.Local.Typ.String(), p.pair.Remote.Typ.String(), "direct"
	switch {
	case p.pair.Local.Typ == webrtc.ICECandidateTypeRelay || p.pair.Remote.Typ == webrtc.ICECandidateTypeRelay:
		out.Kind = "relay"
	case p.pair.Local.Protocol == webrtc.ICEProtocolTCP:
		out.Kind = "tcp"
	}
	network, _, _ := p.network()
	if i, ok := network.Of(p.base); ok {
		out.Interface = i.Name
	}
	return out
}

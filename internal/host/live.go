package host

import (
	"net"

	"github.com/pion/ice/v4"

	"github.com/blade-shadow/terminal/internal/peer"
)

// Live says whether a session is answered or running.
func (s *Server) Live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions) > 0
}

// TCP is where media is taken over TCP, for what else has connections of its own
// beside the sessions; nil: nowhere. It may be called by HTTP handlers.
func (s *Server) TCP() ice.TCPMux { return s.tcp }

// ListensInside reports whether only this machine can reach a host that listens
// on host:port; an address that is none is for New to refuse.
func ListensInside(listen string) bool {
	if listen == "" {
		listen = defaultListen
	}
	name, _, err := net.SplitHostPort(listen)
	return err == nil && peer.IsLoopback(name)
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/peer"
)

// reachOptions say how terminals get through to this host where UDP alone
// does not.
type reachOptions struct {
	iceTCP     string
	iceServers string
}

func (o *reachOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.iceTCP, "ice-tcp", "", "host:port where media is taken over TCP, for terminals whose network lets no UDP through (default: nowhere)")
	f.StringVar(&o.iceServers, "ice-servers", "", "file with STUN and TURN servers for this host and its terminals, one a line: URL, for TURN a user name and a credential after it; not readable by others")
}

// addReach gives the host what the flags say.
func (w *wiring) addReach(o *reachOptions) (err error) {
	w.config.ICETCP = o.iceTCP
	if w.config.ICEServers, err = peer.ReadServers(o.iceServers); err != nil {
		return fmt.Errorf("--ice-servers: %w", err)
	}
	return nil
}

package netlab

import "net"

// DropsOf is dropsOf for tests.
func DropsOf(conns []*net.UDPConn) uint64 { return dropsOf(conns) }

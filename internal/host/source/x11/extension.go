package x11

import (
	"fmt"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// registry guards xgb's tables of events and errors, which all connections
// share and its own Init functions write without a lock. They are written
// once, for the process's first connection; after that they are only read.
var registry sync.Mutex

// useExtension does what the extension's Init does, safely, and says whether
// the server has it.
func useExtension(conn *xgb.Conn, name string) (bool, error) {
	registry.Lock()
	defer registry.Unlock()
	reply, err := xproto.QueryExtension(conn, uint16(len(name)), name).Reply()
	if err != nil {
		return false, fmt.Errorf("ask for the extension %s: %w", name, replyError(err))
	}
	if !reply.Present {
		return false, nil
	}
	conn.ExtLock.Lock()
	conn.Extensions[name] = reply.MajorOpcode
	conn.ExtLock.Unlock()
	register(xgb.NewEventFuncs, xgb.NewExtEventFuncs[name], reply.FirstEvent)
	register(xgb.NewErrorFuncs, xgb.NewExtErrorFuncs[name], reply.FirstError)
	return true, nil
}

// register adds what is new in an extension's table, shifted by first.
func register[F any](all, extension map[int]F, first byte) {
	for n, f := range extension {
		if _, known := all[int(first)+n]; !known {
			all[int(first)+n] = f
		}
	}
}

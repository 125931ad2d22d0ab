package client

import (
	"context"

	"github.com/pion/rtcp"
)

// maxRequests is how many requests wait to be written; those after them are
// forgotten, and made again when they are still needed.
const maxRequests = 64

// requests are what packets make us ask the host for: repairs and keyframes.
// Packets come on pion's SRTP goroutine, which must not write RTCP by itself.
// When DTLS ends pion waits for that goroutine and holds the lock meanwhile that
// writing takes: a request at that moment would keep the session from ending,
// for ever.
type requests struct {
	queue chan rtcp.Packet // never closed
}

func newRequests() requests { return requests{make(chan rtcp.Packet, maxRequests)} }

// add has p written by run. It never blocks.
func (r requests) add(p rtcp.Packet) {
	select {
	case r.queue <- p:
	default:
	}
}

// run writes requests as they come until ctx ends.
func (r requests) run(ctx context.Context, write func(...rtcp.Packet)) {
	for {
		select {
		case p := <-r.queue:
			write(p)
		case <-ctx.Done():
			return
		}
	}
}

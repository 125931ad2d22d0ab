package lane

import (
	"context"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// maxPings bounds how many pings are remembered between two looks.
const maxPings = 512

// pings are those since the last look.
type pings struct {
	sent    []time.Duration // when; what is not answered yet
	rtts    []time.Duration
	total   int
	unheard int // answers to pings that were never sent, or came twice
}

func (p *pings) ping(at time.Duration) {
	if len(p.sent) < maxPings {
		p.sent = append(p.sent, at)
		p.total++
	}
}

// pong finds the ping that was sent at echo: microseconds are what travels.
func (p *pings) pong(echo, now time.Duration) {
	for i, at := range p.sent {
		if at.Truncate(time.Microsecond) == echo {
			p.sent = append(p.sent[:i], p.sent[i+1:]...)
			if len(p.rtts) < maxPings {
				p.rtts = append(p.rtts, now-at)
			}
			return
		}
	}
	p.unheard++
}

// Ping sends one now.
func (l *Lane) Ping() {
	now := l.now()
	l.mu.Lock()
	l.pings.ping(now)
	l.mu.Unlock()
	l.small(linktest.Packet{Kind: linktest.KindPing, Sent: now})
}

// KeepPinging pings until ctx ends.
func (l *Lane) KeepPinging(ctx context.Context) {
	t := time.NewTicker(linktest.PingInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.Ping()
		}
	}
}

// RTTs returns the round trips since the last call and forgets them. Pings that
// have had no answer for longer than grace count as lost.
func (l *Lane) RTTs(grace time.Duration) linktest.Times {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.now() - grace
	lost := 0
	var waiting []time.Duration
	for _, at := range l.pings.sent {
		if at < old {
			lost++
		} else {
			waiting = append(waiting, at)
		}
	}
	t := linktest.NewTimes(l.pings.rtts, lost)
	l.pings = pings{sent: waiting}
	return t
}

// Probe sends a packet that is size bytes long from its IP header on, which must
// not be cut up on the way.
func (l *Lane) Probe(size, ipHeader int) {
	payload := size - ipHeader - (linktest.Overhead - 40)
	if payload < linktest.PacketHeader || payload > maxPayload || size > linktest.MaxProbe {
		return
	}
	l.sized(linktest.Packet{Kind: linktest.KindProbe, Number: uint32(size), Sent: l.now()}, payload)
}

// Probed says whether a size arrived there, and whether one came back.
func (l *Lane) Probed(size int) (there, back bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.probes[size].there, l.probes[size].back
}

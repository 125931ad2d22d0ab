package client

import (
	"context"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// How long an offer waits for our addresses. Those that come later follow it.
const (
	gatherPatience = 60 * time.Millisecond // once there is one
	gatherAtMost   = time.Second           // when there is none
)

// candidates collects what pion finds of our addresses, one set for each name
// (ufrag) of ours.
type candidates struct {
	mu      sync.Mutex // guards below
	found   []string
	done    bool          // that is all of them
	sent    int           // of found, the host has so many
	settled bool          // the host has answered to these names
	news    chan struct{} // capacity 1
}

// reset begins another set.
func (c *candidates) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found, c.done, c.sent, c.settled = nil, false, 0, false
}

// settle lets late ones follow.
func (c *candidates) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled = true
	c.tell()
}

// tell wakes who waits for news. c.mu is held.
func (c *candidates) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// add is pion's callback; nil says that there are no more.
func (c *candidates) add(found *webrtc.ICECandidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found == nil {
		c.done = true
	} else {
		c.found = append(c.found, found.ToJSON().Candidate)
	}
	c.tell()
}

// take returns those that the host does not have and counts them as sent.
func (c *candidates) take() (found []string, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = c.found[c.sent:]
	c.sent = len(c.found)
	return found, c.done
}

// takeLate is take for an exchange that is over, nothing before.
func (c *candidates) takeLate() (found []string, done bool) {
	c.mu.Lock()
	settled := c.settled
	c.mu.Unlock()
	if !settled {
		return nil, false
	}
	return c.take()
}

func (c *candidates) count() (n int, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.found), c.done
}

// wait returns when there is enough to make an offer of: all, or what there is
// soon.
func (c *candidates) wait(ctx context.Context, all bool) error {
	most, soon := time.NewTimer(gatherAtMost), time.NewTimer(gatherPatience)
	defer most.Stop()
	defer soon.Stop()
	late := false
	for {
		if n, done := c.count(); done || late && n > 0 && !all {
			return nil
		}
		select {
		case <-c.news:
		case <-soon.C:
			late = true
		case <-most.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

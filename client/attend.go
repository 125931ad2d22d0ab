package client

import (
	"context"
	"errors"
	"time"
)

// channelsAfter is when data channels that are not open will not open any
// more, on a path that carries: SCTP gives its handshake up after 8 tries,
// which an interruption at the very beginning can cost.
const channelsAfter = 5 * time.Second

// attend tells the person of silence, and asks for whole pictures when it ends.
func (p *path) attend(ctx context.Context) error {
	tick := time.NewTicker(pathTick)
	defer tick.Stop()
	silent, since := false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.back:
			for screen := range p.s.cfg.Screens {
				p.s.RequestKeyframe(screen, "the path carries again")
			}
		case <-tick.C:
		}
		p.mu.Lock()
		ours := p.ours
		p.mu.Unlock()
		if p.quiet() > gapAfter {
			since = time.Now()
		}
		if ours && time.Since(since) > channelsAfter && !p.s.channelsOpen() {
			p.s.end(fail(StageLive, false, "it is connected to again at once", errors.New("the host's data channels did not open")))
			return nil
		}
		now := ours && p.quiet() > silentAfter || p.broken.Load()
		if now != silent {
			silent = now
			p.s.cfg.OnSilence(silent)
		}
	}
}

package client

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
)

// tcpLead is the lead that UDP has before TCP.
const tcpLead = 300 * time.Millisecond

// nudges is when held back candidates are given to pion: it looks at what its
// checks have found only every 200 ms, or when there is another candidate.
var nudges = [...]time.Duration{15 * time.Millisecond, 40 * time.Millisecond, 90 * time.Millisecond}

// later are candidates of the host that pion is given after the others.
type later struct {
	soon []string
	tcp  []string // if UDP has led nowhere
}

// holdBack takes them out of f.
func holdBack(f *peer.Frag) (l later) {
	f.Candidates = slices.DeleteFunc(f.Candidates, func(c string) bool {
		w := strings.Fields(c)
		if len(w) > 2 && strings.EqualFold(w[2], "tcp") {
			l.tcp = append(l.tcp, c)
			return true
		}
		return false
	})
	if n := len(f.Candidates); n > 1 {
		first := max(1, n-len(nudges))
		l.soon = f.Candidates[first:]
		f.Candidates = f.Candidates[:first]
	}
	return l
}

// addLater gives pion what was held back.
func (p *path) addLater(ctx context.Context, l later) {
	begun := time.Since(p.begun)
	for n, c := range l.soon {
		if !wait(ctx, nudges[n]-(time.Since(p.begun)-begun)) {
			return
		}
		p.add(c)
	}
	if len(l.tcp) == 0 || p.listen(ctx, begun, tcpLead) {
		return
	}
	for _, c := range l.tcp {
		p.add(c)
	}
}

func (p *path) add(candidate string) {
	mid := ""
	if err := p.s.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate, SDPMid: &mid}); err != nil {
		p.s.log.Debug("candidate", "err", err)
	}
}

// wait waits; false: ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

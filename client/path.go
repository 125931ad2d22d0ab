package client

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/netwatch"
	"github.com/blade-shadow/terminal/internal/peer"
)

// Times of a path's life.
const (
	pathTick    = 50 * time.Millisecond
	quietAfter  = 700 * time.Millisecond // of a host of ours, which reports every 200 ms
	silentAfter = time.Second            // then the person is told
	gapAfter    = 300 * time.Millisecond // a longer one cannot be repaired from its packets
	noPathAfter = time.Second            // then more is tried than the preferred ways
	preferAfter = 3 * time.Second        // a better interface must have stayed so long
	sleepGap    = time.Second            // more sleep than that is noticed
)

// path keeps a session's packets flowing: it notices that they do not, by the
// kernel's news of the network and by silence, and looks for another way
// between the same two ends (ICE restart, RFC 8445, 9). One goroutine, run,
// does the work; heard comes from pion's.
type path struct {
	s      *Session
	watch  *netwatch.Watcher // nil: nothing is known of the network
	asleep func() time.Duration
	begun  time.Time // zero of heardAt

	heardAt    atomic.Int64  // ns; 0: nothing was heard yet
	back       chan struct{} // capacity 1: packets came after a gap
	everything atomic.Bool   // every interface is offered, not only the preferred
	broken     atomic.Bool   // pion says so
	more       atomic.Bool   // there are relays that the first search did not know

	candidates candidates

	mu       sync.Mutex // guards below
	resource *url.URL
	etag     string
	ufrag    peer.Frag // our names of this moment, without candidates
	patches  bool      // the host takes late candidates
	ours     bool      // it reports every 200 ms and knows what we know
	answer   string    // the host's first answer; later ones change its ICE part
	base     netip.Addr
	pair     *webrtc.ICECandidatePair
	restarts int
	reason   string
	at       time.Time
}

func (p *path) init(s *Session) {
	p.s, p.asleep, p.begun = s, netwatch.Asleep, time.Now()
	p.back = make(chan struct{}, 1)
	p.candidates.news = make(chan struct{}, 1)
}

// heard notes that a packet of media or of its control came; SRTP goroutine.
func (p *path) heard() {
	now := int64(time.Since(p.begun))
	if was := p.heardAt.Swap(now); was != 0 && now-was > int64(gapAfter) {
		select {
		case p.back <- struct{}{}:
		default:
		}
	}
}

// quiet returns how long nothing has been heard, 0 before anything was.
func (p *path) quiet() time.Duration {
	was := p.heardAt.Load()
	if was == 0 {
		return 0
	}
	return time.Since(p.begun) - time.Duration(was)
}

// network returns what is known of the network; known is false where nothing
// can be.
func (p *path) network() (s netwatch.Snapshot, changed <-chan struct{}, known bool) {
	if p.watch == nil {
		return s, nil, false
	}
	s, changed = p.watch.Current()
	return s, changed, true
}

// offers reports whether the host is told of an interface's addresses: those
// of stand-bys only when the preferred one has not led there.
func (p *path) offers(name string) bool {
	s, _, _ := p.network()
	if p.everything.Load() || standBys(s) == 0 {
		return true
	}
	for n, i := range s.Interfaces {
		if i.Name == name {
			return n == 0 || !i.Default
		}
	}
	return true
}

// standBys is how many interfaces beside the preferred one lead everywhere.
func standBys(s netwatch.Snapshot) (n int) {
	for k, i := range s.Interfaces {
		if k > 0 && i.Default {
			n++
		}
	}
	return n
}

// owner names the interface that packets from an address leave by; the zero
// address is any. "" leaves it to the routes, which are right where there is
// one way only.
func (p *path) owner(a netip.Addr) string {
	s, _, _ := p.network()
	best, ok := s.Preferred()
	if !ok || standBys(s) == 0 && !s.Stale {
		return ""
	}
	if a.IsValid() {
		best, _ = s.Of(a)
	}
	if !best.Default {
		return "" // a network of its own, with routes of its own
	}
	return best.Name
}

// begin notes what the first exchange brought.
func (p *path) begin(a *answer, ufrag peer.Frag) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resource, p.etag, p.patches, p.ours, p.answer = a.resource, a.etag, a.patches && a.resource != nil, a.ours, a.sdp
	ufrag.Candidates, ufrag.End = nil, false
	p.ufrag = ufrag
}

// selected is pion's callback: packets take this pair from now on.
func (p *path) selected(pair *webrtc.ICECandidatePair) {
	p.heard() // its checks were answered
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pair = pair
	address := pair.Local.Address
	if pair.Local.Typ != webrtc.ICECandidateTypeHost {
		address = pair.Local.RelatedAddress
	}
	p.base, _ = netip.ParseAddr(address)
	p.base = p.base.Unmap().WithZone("")
	p.s.log.Debug("path", "local", pair.Local.Typ, "remote", pair.Remote.Typ, "protocol", pair.Local.Protocol)
}

// trouble is why a path is looked after.
type trouble struct {
	reason string
	sure   bool // the old path is dead: nothing is lost by giving it up
	wanted bool // another one is better, though this one carries
}

// run looks after the path until ctx ends or the session has no path any more.
func (p *path) run(ctx context.Context, connected <-chan struct{}) error {
	tick := time.NewTicker(pathTick)
	defer tick.Stop()
	slept, better := p.asleep(), time.Time{}
	search := searchTimes{next: time.Now().Add(noPathAfter)}
	for {
		_, changed, _ := p.network()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
		}
		t := p.look(&better)
		if now := p.asleep(); now-slept > sleepGap {
			slept, t = now, &trouble{reason: "this machine slept"}
		}
		if !closedChannel(connected) {
			t = p.search(&search)
		}
		if t == nil {
			continue
		}
		better = time.Time{}
		if err := p.mend(ctx, *t, connected); err != nil {
			p.s.end(err)
			return nil
		}
	}
}

// searchTimes says when the first search begins anew.
type searchTimes struct {
	next time.Time
	n    int
}

// search begins the search for the first path anew when it has found none:
// once soon if there is something that it has not tried, and then every few
// seconds, in case what we offered or the host's answer to it was not right.
func (p *path) search(at *searchTimes) *trouble {
	p.mu.Lock()
	patches := p.patches // where it could not end well, what we have is kept
	p.mu.Unlock()
	if !patches || p.heardAt.Load() != 0 || time.Now().Before(at.next) {
		return nil
	}
	at.n++
	at.next = time.Now().Add(3 * noPathAfter)
	s, _, _ := p.network()
	if at.n == 1 && !p.more.Load() && standBys(s) == 0 {
		return nil
	}
	p.everything.Store(true)
	return &trouble{reason: "no path was found yet", sure: true}
}

// look says what is wrong with the path, nil for nothing. better is since when
// there has been a better interface.
func (p *path) look(better *time.Time) *trouble {
	p.mu.Lock()
	base, ours := p.base, p.ours
	p.mu.Unlock()
	if s, _, known := p.network(); known {
		if p.cutOff(s) {
			return &trouble{reason: "the network interface lost its address or its carrier", sure: true}
		}
		if p.better(s, base, better) {
			return &trouble{reason: "a better network interface is back", wanted: true}
		}
	}
	if ours && p.quiet() > quietAfter || p.broken.Load() {
		return &trouble{reason: "nothing was heard of the host"}
	}
	return nil
}

// better reports whether a better interface than the one in use has been there
// for a while: since is when it came.
func (p *path) better(s netwatch.Snapshot, base netip.Addr, since *time.Time) bool {
	current, known := s.Of(base)
	best, _ := s.Preferred()
	switch {
	case !known || best.Index == current.Index || !best.Default || best.Kind >= current.Kind && current.Default:
		*since = time.Time{}
	case since.IsZero():
		*since = time.Now()
	case time.Since(*since) > preferAfter:
		p.everything.Store(false)
		return true
	}
	return false
}

// cutOff reports whether the address that packets leave from is gone.
func (p *path) cutOff(network netwatch.Snapshot) bool {
	p.mu.Lock()
	base := p.base
	p.mu.Unlock()
	if !base.IsValid() || base.IsLoopback() {
		return false
	}
	_, there := network.Of(base)
	return !there
}

// errLost is how a session without a path ends.
func errLost() *Error {
	return fail(StageLive, false, "check the network on both sides", errors.New("the connection to the host was lost"))
}

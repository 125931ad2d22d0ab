package netlab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/metric"
)

// RelayConfig describes a [Relay].
type RelayConfig struct {
	// To is the WHEP endpoint (or any page beside it) of the side that
	// serves, such as http://127.0.0.1:8089/whep. Empty: the relay carries
	// UDP only and ServeHTTP is not used.
	To string
	// ViewerServes says that the viewer is at To and the host calls; by
	// default the host serves.
	ViewerServes bool
	// ViewerFacing and HostFacing are the addresses of this machine at which
	// each side reaches the relay; both default to 127.0.0.1. A side may be IPv6.
	ViewerFacing, HostFacing netip.Addr

	Profile   Profile
	Seed      uint64
	Transport http.RoundTripper // to the side that serves; nil: http.DefaultTransport
	Log       *slog.Logger      // nil: discarded
}

// side is one of the two that a relay stands between.
type side int

const (
	viewer side = iota
	host
)

func (s side) other() side { return 1 - s }

// Relay is a userspace UDP relay between one viewer and one host, with an
// impaired link in it, and the HTTP proxy that leads both there. For each
// address of one side it opens a socket that the other side talks to (a
// NAT with a mapping for each address and port, RFC 4787, in both directions), so any
// number of candidates, transports and ICE restarts pass. All share the link.
//
// HTTP itself is not impaired; ICE-TCP and names in candidates are left out
// of what passes. Memory is bounded: 64 sockets and 64 MiB a direction.
//
// Run owns all goroutines. The other methods may be called from any.
type Relay struct {
	cfg   RelayConfig
	log   *slog.Logger
	proxy *httputil.ReverseProxy // nil without To
	to    *url.URL
	link  *link
	lines [2]*line[destination] // by the side that packets come from

	overflow, unsent, stray [2]atomic.Uint64 // by the side that packets come from
	late                    [2]metric.Latency

	mu       sync.Mutex
	running  bool
	readers  sync.WaitGroup
	standIns [2]map[netip.AddrPort]*standIn // by the side they face and whom they stand for
	reserved [2]*standIn                    // stands for whom appears first
	dropped  [2]uint64                      // by the kernel at sockets that are closed, by the side they faced
	clock    uint64                         // counts uses, for eviction
}

// destination is where a packet goes and through which socket.
type destination struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

// NewRelay checks cfg; it opens no socket.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	if err := cfg.Profile.Check(); err != nil {
		return nil, err
	}
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if !cfg.ViewerFacing.IsValid() {
		cfg.ViewerFacing = local
	}
	if !cfg.HostFacing.IsValid() {
		cfg.HostFacing = local
	}
	if cfg.ViewerFacing.IsUnspecified() || cfg.HostFacing.IsUnspecified() {
		return nil, errors.New("the relay's addresses stand in candidates, so they must be ones that the sides can reach")
	}
	r := &Relay{cfg: cfg, log: cfg.Log, link: newLink(cfg.Seed, cfg.Profile)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for i := range r.standIns {
		r.standIns[i] = map[netip.AddrPort]*standIn{}
	}
	if cfg.To == "" {
		return r, nil
	}
	to, err := url.Parse(cfg.To)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a WHEP endpoint: it would look like http://127.0.0.1:8089/whep", cfg.To)
	}
	r.to = to
	r.proxy = r.newProxy()
	return r, nil
}

// Run carries packets until ctx ends. It is called once.
func (r *Relay) Run(ctx context.Context) error {
	alarms, err := preciseAlarms()
	if err != nil {
		return fmt.Errorf("run relay: %w", err)
	}
	for from, a := range alarms {
		r.lines[from] = newLine(r.link.start, a, func(buf []byte, d destination, due time.Duration) {
			r.transmit(side(from), buf, d, due)
			r.lines[from].recycle(buf)
		})
	}
	var lines sync.WaitGroup
	lines.Go(r.lines[viewer].run)
	lines.Go(r.lines[host].run)
	r.mu.Lock()
	r.running = true
	r.mu.Unlock()

	<-ctx.Done()
	r.mu.Lock()
	r.running = false
	for facing := range r.standIns {
		conns := r.openAtLocked(side(facing))
		r.dropped[facing] += dropsOf(conns)
		for _, c := range conns {
			_ = c.Close()
		}
		clear(r.standIns[facing])
		r.reserved[facing] = nil
	}
	r.mu.Unlock()
	r.readers.Wait()
	r.lines[viewer].end(true)
	r.lines[host].end(true)
	lines.Wait()
	return nil
}

// forward passes a packet, read at a socket that faces from, into the link.
func (r *Relay) forward(from side, packet []byte, d destination) {
	arrivals, n := r.link.send(from == viewer, len(packet))
	for _, due := range arrivals[:n] {
		if due <= time.Since(r.link.start) && r.lines[from].idle() {
			// Nothing is before it and it is due: spare it the wait for its turn.
			r.transmit(from, packet, d, due)
		} else if !r.lines[from].push(due, packet, d) {
			r.overflow[from].Add(1)
		}
	}
}

// transmit sends a packet that is due.
func (r *Relay) transmit(from side, packet []byte, d destination, due time.Duration) {
	if _, err := d.conn.WriteToUDPAddrPort(packet, d.to); err != nil {
		r.unsent[from].Add(1) // such as a peer whose socket is gone
		return
	}
	r.late[from].Record(time.Since(r.link.start) - due)
}

// SetProfile changes the link; the profile's time begins now. Packets on
// their way arrive as they would have.
func (r *Relay) SetProfile(p Profile) error {
	if err := p.Check(); err != nil {
		return err
	}
	r.link.setProfile(p)
	return nil
}

// Profile returns the profile that is set.
func (r *Relay) Profile() Profile { return r.link.profile() }

// Conditions returns a profile that stays as the one that is set is now.
func (r *Relay) Conditions() Profile { return r.link.frozen() }

// Blackout loses everything in both directions for d from now on; 0 ends it.
func (r *Relay) Blackout(d time.Duration) { r.link.blackout(d) }

// RelayStats is what a relay did.
type RelayStats struct {
	Profile string         `json:"profile"`
	Seed    uint64         `json:"seed"`
	Seconds float64        `json:"seconds"` // since NewRelay
	Sockets int            `json:"sockets"` // open now
	Up      DirectionStats `json:"up"`      // from the viewer to the host
	Down    DirectionStats `json:"down"`
}

// DirectionStats is what happened to one direction.
type DirectionStats struct {
	ModelStats
	// Losses that no profile asked for: figures of a run that has many are
	// those of an overloaded machine.
	Dropped  uint64 `json:"lost_kernel"`   // the relay did not read them in time
	Overflow uint64 `json:"lost_overflow"` // beyond the memory of the relay
	Unsent   uint64 `json:"lost_unsent"`   // refused by the kernel
	Stray    uint64 `json:"lost_stray"`    // came before it was known for whom
	// Late is how much later than the model said packets left, in milliseconds.
	Late metric.Quantiles `json:"late_ms"`
}

// Stats returns the counts so far.
func (r *Relay) Stats() RelayStats {
	s := RelayStats{Profile: r.Profile().Name, Seed: r.cfg.Seed, Seconds: time.Since(r.link.start).Seconds()}
	s.Up.ModelStats, s.Down.ModelStats = r.link.stats()
	for from, d := range map[side]*DirectionStats{viewer: &s.Up, host: &s.Down} {
		d.Overflow, d.Unsent, d.Stray = r.overflow[from].Load(), r.unsent[from].Load(), r.stray[from].Load()
		d.Late = r.late[from].Quantiles()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for from, d := range map[side]*DirectionStats{viewer: &s.Up, host: &s.Down} {
		conns := r.openAtLocked(from)
		s.Sockets += len(conns)
		d.Dropped = r.dropped[from] + dropsOf(conns)
	}
	return s
}

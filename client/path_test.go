package client_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/transport/v5"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/peer"
)

// fading is a network whose open sockets can all go dead at once, as those of
// an address that is gone do, and that can refuse packets by where they go.
type fading struct {
	transport.Net
	generation atomic.Int64 // sockets of older ones are dead
	cut        atomic.Bool  // all are dead
	allow      func(netip.AddrPort) bool
}

func newFading(t *testing.T) *fading {
	t.Helper()
	inner, err := peer.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	return &fading{Net: inner, allow: func(netip.AddrPort) bool { return true }}
}

// startFading connects a terminal to a host, with HTTP through a front and
// everything else over a network that can be cut.
func startFading(t *testing.T) (h *hosttest.Host, via *front, network *fading, r *terminal) {
	t.Helper()
	h = hosttest.Start(t, hosttest.Config{})
	via, network = newFront(t, h.URL), newFading(t)
	return h, via, network, start(t, via.url, func(c *client.Config) { c.Net = network })
}

// kill makes every open socket a dead one.
func (f *fading) kill() { f.generation.Add(1) }

// ListenUDP opens a socket of this generation.
func (f *fading) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := f.Net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	return &mortal{UDPConn: c, net: f, generation: f.generation.Load()}, nil
}

// ListenPacket does so for the way to a relay.
func (f *fading) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := f.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &mortal{UDPConn: c.(transport.UDPConn), net: f, generation: f.generation.Load()}, nil
}

type mortal struct {
	transport.UDPConn
	net        *fading
	generation int64
}

func (m *mortal) dead() bool { return m.net.cut.Load() || m.generation != m.net.generation.Load() }

// ReadFrom drops what comes while dead.
func (m *mortal) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, a, err := m.UDPConn.ReadFrom(b)
		if err != nil || !m.dead() && m.allowed(a) {
			return n, a, err
		}
	}
}

// WriteTo drops what is sent while dead.
func (m *mortal) WriteTo(b []byte, a net.Addr) (int, error) {
	if m.dead() || !m.allowed(a) {
		return len(b), nil
	}
	return m.UDPConn.WriteTo(b, a)
}

func (m *mortal) allowed(a net.Addr) bool {
	u, ok := a.(*net.UDPAddr)
	return ok && m.net.allow(netip.AddrPortFrom(u.AddrPort().Addr().Unmap(), u.AddrPort().Port()))
}

// front stands before a host's HTTP server and can fall silent.
type front struct {
	url string
	cut atomic.Bool // requests get no answer while it is set
	// intercept answers in the host's place if it returns true. May be nil.
	intercept func(http.ResponseWriter, *http.Request) bool
	end       func() // connections are refused from now on

	mu    sync.Mutex
	count map[string]int // requests by method
}

func newFront(t *testing.T, host string) *front {
	t.Helper()
	to, err := url.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{count: make(map[string]int)}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.count[r.Method]++
		f.mu.Unlock()
		if f.cut.Load() {
			<-r.Context().Done()
			return
		}
		if f.intercept == nil || !f.intercept(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	f.end = func() {
		_ = srv.Listener.Close()
		srv.CloseClientConnections()
	}
	f.url = srv.URL + "/whep"
	return f
}

func (f *front) requests(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[method]
}

// next waits for a picture that was sent from now on.
func (r *terminal) next(t *testing.T) {
	t.Helper()
	for len(r.pictures) > 0 {
		<-r.pictures
	}
	hosttest.Within(t, r.pictures, "another picture")
}

// works proves that pictures come and keys go.
func (r *terminal) works(t *testing.T, h *hosttest.Host) {
	t.Helper()
	r.next(t)
	const a = input.Usage(input.PageKeyboard<<16 | 4)
	before := len(h.Hands.Keys())
	hosttest.Until(t, "a key arrives", func() bool {
		r.Handle(input.Event{Kind: input.KindKey, Usage: a, Down: true, Time: time.Now()})
		r.Handle(input.Event{Kind: input.KindKey, Usage: a, Time: time.Now()})
		return len(h.Hands.Keys()) > before
	})
}

// A path whose sockets are dead is replaced by another one within the session:
// pictures, keys, SSRCs and the one POST stay.
func TestRestart(t *testing.T) {
	t.Parallel()
	h, via, network, r := startFading(t)
	r.keyframe(t, 0)
	r.works(t, h)
	if p := r.Path(); p.Kind != "direct" || p.Restarts != 0 || p.Local == "" {
		t.Errorf("Path() = %+v; want a direct one", p)
	}
	for n := 1; n <= 3; n++ {
		network.kill()
		killed := time.Now()
		hosttest.Until(t, "another path", func() bool { return r.Path().Restarts == n })
		r.next(t)
		t.Logf("silence, question, restart and a picture: %v", time.Since(killed))
		r.works(t, h)
	}
	if p := r.Path(); p.Reason == "" || p.Restarted.IsZero() || p.Silent != 0 {
		t.Errorf("Path() = %+v; want why and when it changed", p)
	}
	if n := via.requests(http.MethodPost); n != 1 {
		t.Errorf("%d sessions were asked for; want the first to live on", n)
	}
}

// While nothing at all gets through the old path is kept, and works again the
// moment it carries.
func TestBlackout(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newFront(t, h.URL)
	network := newFading(t)
	silent := make(chan bool, 16)
	r := start(t, via.url, func(c *client.Config) {
		c.Net = network
		c.OnSilence = func(s bool) { silent <- s }
	})
	r.keyframe(t, 0)
	r.works(t, h)
	for range 3 {
		network.cut.Store(true)
		via.cut.Store(true)
		if !hosttest.Within(t, silent, "OnSilence(true)") {
			t.Error("OnSilence(false) came first; want true")
		}
		if p := r.Path(); p.Silent < 900*time.Millisecond {
			t.Errorf("Path().Silent = %v; want about a second", p.Silent)
		}
		for len(r.pictures) > 0 {
			<-r.pictures
		}
		network.cut.Store(false)
		via.cut.Store(false)
		ended := time.Now()
		hosttest.Within(t, r.pictures, "a picture")
		t.Logf("the picture is back %v after the blackout", time.Since(ended))
		if hosttest.Within(t, silent, "OnSilence(false)") {
			t.Error("OnSilence(true) came again; want false")
		}
		r.works(t, h)
	}
	if p := r.Path(); p.Restarts != 0 {
		t.Errorf("Path() = %+v; want the old one, which carries again", p)
	}
}

// A longer one than ICE alone would bear: the session is there when it ends.
func TestLongBlackout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 9 s")
	}
	t.Parallel()
	h, via, network, r := startFading(t)
	r.keyframe(t, 0)
	r.works(t, h)
	network.cut.Store(true)
	via.cut.Store(true)
	time.Sleep(8 * time.Second) // the outage itself
	network.cut.Store(false)
	via.cut.Store(false)
	r.works(t, h)
	if n := via.requests(http.MethodPost); n != 1 {
		t.Errorf("%d sessions were asked for; want the first to live on", n)
	}
}

// A host that does not know the session any more says so, and the terminal
// does not wait for what cannot come.
func TestForgotten(t *testing.T) {
	t.Parallel()
	_, via, network, r := startFading(t)
	r.keyframe(t, 0)
	via.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		http.NotFound(w, r)
		return true
	}
	network.kill()
	begin := time.Now()
	err := r.failure(t)
	if !errors.Is(err, client.ErrForgotten) || err.Final || err.Hint == "" || time.Since(begin) > 4*time.Second {
		t.Errorf("Run() = %v, final %v, after %v; want %v soon", err, err.Final, time.Since(begin), client.ErrForgotten)
	}
}

// A path that stays dead while the host answers is tried again and again, and
// given up in the end.
func TestNoOtherPath(t *testing.T) {
	t.Parallel()
	_, via, network, r := startFading(t)
	r.SetLost(4 * time.Second)
	r.keyframe(t, 0)
	network.cut.Store(true)
	err := r.failure(t)
	if err.Final || err.Stage != client.StageLive || err.Hint == "" {
		t.Errorf("Run() = %v in stage %v, final %v; want a path lost while live", err, err.Stage, err.Final)
	}
	if n := via.requests(http.MethodPatch); n < 2 || n > 10 {
		t.Errorf("another path was asked for %d times; want a few", n)
	}
}

// An answer that was lost on its way is asked for again and is the same one.
func TestLostPatchAnswer(t *testing.T) {
	t.Parallel()
	h, via, network, r := startFading(t)
	r.keyframe(t, 0)
	var first atomic.Bool
	via.intercept = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPatch || !first.CompareAndSwap(false, true) {
			return false
		}
		forward, _ := http.NewRequest(req.Method, h.URL[:len(h.URL)-len("/whep")]+req.URL.Path, req.Body)
		forward.Header = req.Header.Clone()
		resp, err := http.DefaultClient.Do(forward)
		if err == nil {
			resp.Body.Close()
		}
		<-req.Context().Done()
		return true
	}
	network.kill()
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts == 1 })
	r.works(t, h)
	if n := via.requests(http.MethodPatch); n < 2 {
		t.Errorf("%d PATCHes; want a second after the answer to the first was lost", n)
	}
}

// A token that has expired meanwhile is asked for anew.
func TestTokenRenewal(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newFront(t, h.URL)
	var now atomic.Value
	now.Store("first")
	var refused atomic.Int32
	via.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer "+now.Load().(string) {
			return false
		}
		refused.Add(1)
		http.Error(w, "the token has expired", http.StatusUnauthorized)
		return true
	}
	var asked atomic.Int32
	network := newFading(t)
	r := start(t, via.url, func(c *client.Config) {
		c.Net = network
		c.Bearer = func() string {
			if asked.Add(1) > 1 && refused.Load() > 0 { // who renews learns of it from the refusal
				return now.Load().(string)
			}
			return "first"
		}
	})
	r.keyframe(t, 0)
	now.Store("second")
	network.kill()
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts == 1 })
	r.works(t, h)
	if refused.Load() == 0 {
		t.Error("no request was refused; want the old token refused once")
	}
}

// A machine that wakes up asks at once, and does not wait until it misses
// packets; when they come nothing is changed.
func TestAfterSleep(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newFront(t, h.URL)
	network := newFading(t)
	var slept atomic.Int64
	r := startWith(t, via.url, func(c *client.Config) { c.Net = network }, func(s *client.Session) {
		s.SetAsleep(func() time.Duration { return time.Duration(slept.Load()) })
	})
	r.keyframe(t, 0)
	r.works(t, h)
	slept.Add(int64(time.Hour))
	hosttest.Until(t, "the host is asked", func() bool { return via.requests(http.MethodOptions) == 1 })
	r.works(t, h)
	if p := r.Path(); p.Restarts != 0 {
		t.Errorf("Path() = %+v; want the old one, which carries", p)
	}
	network.kill()
	slept.Add(int64(time.Hour))
	hosttest.Until(t, "another path", func() bool { return r.Path().Restarts == 1 })
	if p := r.Path(); p.Reason != "this machine slept" {
		t.Errorf("Path().Reason = %q; want the sleep", p.Reason)
	}
	r.works(t, h)
}

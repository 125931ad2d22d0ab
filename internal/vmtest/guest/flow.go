//go:build linux

package main

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// flows are the guest's connections to addresses that the host answers for: a
// TCP connection each, or all datagrams from one UDP socket.
type flows struct {
	mu   sync.Mutex
	next int
	open map[string]http.HandlerFunc // by id, until the host takes it
}

func newFlows() *flows { return &flows{open: make(map[string]http.HandlerFunc)} }

// add makes a flow that the host may ask for, and returns its id.
func (f *flows) add(handler http.HandlerFunc) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := strconv.Itoa(f.next)
	f.open[id] = handler
	return id
}

// serve hands one flow to the host.
func (f *flows) serve(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	f.mu.Lock()
	handler := f.open[id]
	delete(f.open, id)
	f.mu.Unlock()
	if handler == nil {
		http.Error(w, "no such flow", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusOK)
	if http.NewResponseController(w).Flush() == nil {
		handler(w, r)
	}
}

// listen listens in the guest for the length of the request and tells the
// host of each new flow.
func (f *flows) listen(w http.ResponseWriter, r *http.Request) {
	network, address := r.URL.Query().Get("network"), r.URL.Query().Get("address")
	var err error
	switch network {
	case "tcp":
		err = f.listenTCP(w, r, address)
	case "udp":
		err = f.listenUDP(w, r, address)
	default:
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// announcer writes the flows' ids; it sends the response's header at once.
func announcer(w http.ResponseWriter) (*link.Writer, error) {
	flush := http.NewResponseController(w).Flush
	w.WriteHeader(http.StatusOK)
	return link.NewWriter(w, flush), flush()
}

// listenTCP returns an error only when it could not listen.
func (f *flows) listenTCP(w http.ResponseWriter, r *http.Request, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()
	go func() { <-r.Context().Done(); _ = listener.Close() }()
	out, err := announcer(w)
	if err != nil {
		return nil //nolint:nilerr // the host is gone
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return nil //nolint:nilerr // the request has ended
		}
		id := f.add(func(w http.ResponseWriter, r *http.Request) { serveTCP(conn.(*net.TCPConn), w, r) })
		if out.Write(link.KindFlow, []byte(id)) != nil {
			_ = conn.Close()
			return nil
		}
	}
}

// serveTCP passes both ways until both have ended.
func serveTCP(conn *net.TCPConn, w http.ResponseWriter, r *http.Request) {
	defer conn.Close()
	var both sync.WaitGroup
	both.Go(func() { link.FromRecords(conn, r.Body) })
	link.ToRecords(link.NewWriter(w, http.NewResponseController(w).Flush), conn)
	both.Wait()
}

// source is one peer of a UDP socket.
type source struct {
	datagrams chan []byte // of capacity 64; full drops; never closed
}

// listenUDP returns an error only when it could not listen.
func (f *flows) listenUDP(w http.ResponseWriter, r *http.Request, address string) error {
	local, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp", local)
	if err != nil {
		return err
	}
	defer socket.Close()
	go func() { <-r.Context().Done(); _ = socket.Close() }()
	out, err := announcer(w)
	if err != nil {
		return nil //nolint:nilerr // the host is gone
	}
	sources := make(map[netip.AddrPort]source)
	buf := make([]byte, 64<<10)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil //nolint:nilerr // the request has ended
		}
		peer, known := sources[from]
		if !known {
			peer = source{make(chan []byte, 64)}
			sources[from] = peer
			id := f.add(func(w http.ResponseWriter, r *http.Request) { serveUDP(socket, from, peer, w, r) })
			if out.Write(link.KindFlow, []byte(id)) != nil {
				return nil
			}
		}
		select {
		case peer.datagrams <- append([]byte(nil), buf[:n]...):
		default: // as a network would
		}
	}
}

// serveUDP passes on the datagrams of one peer, and to it, for the length of
// the request.
func serveUDP(socket *net.UDPConn, to netip.AddrPort, from source, w http.ResponseWriter, r *http.Request) {
	go func() {
		in := link.NewReader(r.Body)
		for {
			kind, payload, err := in.Next()
			if err != nil {
				return
			}
			if kind == link.KindData {
				_, _ = socket.WriteToUDPAddrPort(payload, to)
			}
		}
	}()
	out := link.NewWriter(w, http.NewResponseController(w).Flush)
	for {
		select {
		case datagram := <-from.datagrams:
			if out.Write(link.KindData, datagram) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

package client

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/blade-shadow/terminal/internal/peer"
)

// Bounds of the HTTP connections.
const (
	dialTimeout   = 5 * time.Second
	headerTimeout = 10 * time.Second // from the request to the answer's header
	maxHeader     = 32 << 10         // bytes of that
	idleTimeout   = 2 * time.Second  // a restart follows its probe on one connection
	boundLead     = 150 * time.Millisecond
)

// newTransport returns HTTP connections of one session. device names the
// interface that they shall leave by, "" for wherever the routes lead; it is
// asked for each.
func newTransport(cfg *Config, device func() string) *http.Transport {
	free := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		TLSClientConfig: cfg.TLS, Proxy: http.ProxyFromEnvironment,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout, MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 2,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			name := device()
			if name == "" {
				return free.DialContext(ctx, network, address)
			}
			return dialBound(ctx, &net.Dialer{Timeout: dialTimeout, Control: peer.BindTo(name)}, free, network, address)
		},
	}
}

// dialBound calls by the wanted interface and, when that does not answer soon,
// by the routes too: the host may stand on a network of its own.
func dialBound(ctx context.Context, bound, free *net.Dialer, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, 2)
	call := func(d *net.Dialer) {
		c, err := d.DialContext(ctx, network, address)
		results <- result{c, err}
	}
	go call(bound)
	lead := time.NewTimer(boundLead)
	defer lead.Stop()
	calls, started := 1, false
	for {
		select {
		case <-lead.C:
		case r := <-results:
			if calls--; r.err == nil {
				if calls > 0 {
					go func() { // the slower one has been cancelled, or was as quick
						if r := <-results; r.conn != nil {
							_ = r.conn.Close()
						}
					}()
				}
				return r.conn, nil
			}
			if started && calls == 0 {
				return nil, r.err
			}
		}
		if !started {
			started = true
			calls++
			go call(free)
		}
	}
}

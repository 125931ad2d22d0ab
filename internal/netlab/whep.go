package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
)

// errTooLong is about a body of SDP.
var errTooLong = errors.New("the description is too long")

// ServeHTTP passes every request on to the side that serves and its response
// back, pages included. In bodies of SDP and of trickled candidates all
// candidates become the relay's.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.proxy == nil {
		http.Error(w, "this relay has no server behind it", http.StatusNotFound)
		return
	}
	if isSDP(req.Header) {
		body, err := r.rewriteBody(r.caller(), req.Body)
		if err != nil {
			status := http.StatusInternalServerError
			switch {
			case errors.Is(err, errTooLong):
				status = http.StatusRequestEntityTooLarge
			case errors.Is(err, errNotRunning):
				status = http.StatusServiceUnavailable
			}
			http.Error(w, "relay: "+err.Error(), status)
			return
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.Header.Set("Content-Length", strconv.Itoa(len(body)))
		req.Header.Set("Accept-Encoding", "identity") // the answer is read here
	}
	r.proxy.ServeHTTP(w, req)
}

// caller is the side that sends requests.
func (r *Relay) caller() side {
	if r.cfg.ViewerServes {
		return host
	}
	return viewer
}

func (r *Relay) rewriteBody(from side, body io.Reader) ([]byte, error) {
	sdp, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read a description: %w", err)
	}
	if len(sdp) > maxBody {
		return nil, errTooLong
	}
	return r.rewrite(from, sdp)
}

func isSDP(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/sdp" || kind == "application/trickle-ice-sdpfrag")
}

// newProxy returns the proxy to the side that serves.
func (r *Relay) newProxy() *httputil.ReverseProxy {
	origin := &url.URL{Scheme: r.to.Scheme, Host: r.to.Host}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(origin)
			// A server that compares a page's origin with its own name shall
			// see of its own pages what it would see without the relay.
			from, err := url.Parse(p.In.Header.Get("Origin"))
			if err == nil && from.Host != "" && from.Host == p.In.Host {
				p.Out.Header.Set("Origin", origin.String())
			}
		},
		Transport: r.cfg.Transport,
		ModifyResponse: func(resp *http.Response) error {
			if at := resp.Header.Get("Location"); at != "" {
				resp.Header.Set("Location", beneath(origin, at))
			}
			if !isSDP(resp.Header) {
				return nil
			}
			body, err := r.rewriteBody(r.caller().other(), resp.Body)
			err = errors.Join(err, resp.Body.Close())
			if err != nil {
				return err
			}
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			r.log.Warn("relay cannot pass a request on", "method", req.Method, "err", err)
			http.Error(w, "relay: "+err.Error(), http.StatusBadGateway)
		},
	}
}

// beneath makes a URL on the server behind the relay one on the relay: its path alone.
func beneath(origin *url.URL, at string) string {
	rest, ok := strings.CutPrefix(at, origin.String())
	if ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return at
}

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// maxRedirects is how often an offer is sent on.
const maxRedirects = 5

// follow sends the offer and goes where it is sent, by 307 and 308 only: they
// are the ones that keep the method and the body (RFC 9110, 15.4).
func (w *whep) follow(ctx context.Context, offer string) (at *url.URL, resp *http.Response, err error) {
	at = w.endpoint
	seen := map[string]bool{}
	for {
		resp, err = w.do(ctx, request{method: http.MethodPost, url: at, kind: sdpType, body: offer})
		if err != nil {
			return at, nil, w.explain(at, err)
		}
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
			return at, resp, nil
		}
		_ = resp.Body.Close()
		seen[at.String()] = true
		next, err := redirect(at, resp.Header.Get("Location"), w.bearer() != "")
		switch {
		case err != nil:
		case seen[next.String()]:
			err = fmt.Errorf("%s sends us around in a circle", at.Host)
		case len(seen) > maxRedirects:
			err = fmt.Errorf("%s sends us on for the %dth time", at.Host, len(seen))
		}
		if err != nil {
			return at, nil, fail(StageSignal, true, "check the address: the host has moved, but not to where we can follow", err)
		}
		at = next
	}
}

// redirect returns where a host sends us. The offer's fingerprint, the answer
// and the token must not become readable by others on the way: TLS stays TLS,
// and the token is taken along only from TLS to TLS or within this machine.
// A host that we trusted with the token over TLS has the say to whom it goes.
func redirect(at *url.URL, location string, token bool) (*url.URL, error) {
	next, err := at.Parse(location)
	switch {
	case err != nil || location == "":
		return nil, fmt.Errorf("%s sends us on without saying where", at.Host)
	case next.Scheme != "http" && next.Scheme != "https":
		return nil, fmt.Errorf("%s sends us to an address that is not http or https", at.Host)
	case next.Host == "" || next.User != nil:
		return nil, fmt.Errorf("%s sends us to an address that names no host, or a user", at.Host)
	case at.Scheme == "https" && next.Scheme != "https":
		return nil, fmt.Errorf("%s sends us from https to http, where everybody could listen", at.Host)
	}
	next.Fragment = ""
	secure := at.Scheme == "https" && next.Scheme == "https"
	inside := peer.IsLoopback(at.Hostname()) && peer.IsLoopback(next.Hostname())
	if token && !secure && !inside {
		return nil, errors.New("the host sends us to " + wire.Printable(next.Host) + ", where the token must not go: configure that address with https")
	}
	return next, nil
}

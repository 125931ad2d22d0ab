package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/blade-shadow/terminal/internal/peer"
)

// Times of the exchanges while a path is sought.
const (
	probeTimeout = time.Second
	patchTimeout = 2 * time.Second
	// patchAgain is when the same is said again on another connection: a lost
	// SYN would cost a second.
	patchAgain  = 250 * time.Millisecond
	failedAgain = 30 * time.Millisecond
	patchCopies = 4
)

// errForgotten says that the host does not know the session any more.
var errForgotten = errors.New("the host has forgotten the session")

// errNoRestart says that the host cannot change a session's path.
var errNoRestart = errors.New("the host cannot change the session's path")

// probe asks whether the host can be asked, which says nothing about media.
func (w *whep) probe(ctx context.Context, resource *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	resp, err := w.do(ctx, request{method: http.MethodOptions, url: resource})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = readBounded(resp.Body, maxProblem) // so that the connection can be used again
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return errForgotten
	}
	return nil
}

// patched is what a host says to a fragment.
type patched struct {
	frag peer.Frag
	etag string
}

// patch sends a fragment once. A nil answer: it was taken, and that is all.
func (w *whep) patch(ctx context.Context, resource *url.URL, match string, f peer.Frag) (*patched, error) {
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	resp, err := w.do(ctx, request{method: http.MethodPatch, url: resource, kind: peer.FragType, body: f.String(), match: match})
	if err != nil {
		return nil, w.explain(resource, err)
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusNoContent:
		return nil, nil
	case code == http.StatusOK:
	case code == http.StatusNotFound || code == http.StatusGone:
		return nil, errForgotten
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented:
		return nil, refusal(resource, resp)
	default:
		return nil, fmt.Errorf("%w: %w", errNoRestart, refusal(resource, resp))
	}
	if err := checkType(resp.Header.Get("Content-Type"), peer.FragType); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRestart, err)
	}
	body, err := readBounded(resp.Body, peer.MaxFrag)
	if err != nil {
		return nil, w.explain(resource, err)
	}
	got, err := peer.ParseFrag([]byte(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRestart, err)
	}
	return &patched{got, resp.Header.Get("ETag")}, nil
}

// restart asks for another path. A host of ours gives the same answer to the
// same question, so it is asked again before the first has been waited out.
func (w *whep) restart(ctx context.Context, resource *url.URL, f peer.Frag, again bool) (*patched, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		p   *patched
		err error
	}
	results := make(chan result, patchCopies)
	ask := func() {
		p, err := w.patch(ctx, resource, "*", f)
		if err == nil && p == nil {
			err = errNoRestart // it was taken for late candidates
		}
		results <- result{p, err}
	}
	go ask()
	started, waiting := 1, 1
	copies := 1
	if again {
		copies = patchCopies
	}
	timer := time.NewTimer(patchAgain)
	defer timer.Stop()
	for {
		select {
		case r := <-results:
			waiting--
			if r.err == nil || errors.Is(r.err, errForgotten) || errors.Is(r.err, errNoRestart) || waiting == 0 && started == copies {
				return r.p, r.err
			}
			if waiting == 0 { // it failed at once: an address may be there before its route
				timer.Reset(failedAgain)
			}
		case <-timer.C:
			timer.Reset(patchAgain)
			if started < copies {
				started++
				waiting++
				go ask()
			} else if waiting == 0 {
				return nil, errors.New("the host could not be asked")
			}
		}
	}
}

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Bounds of the signalling exchange (docs/PROTOCOL.md, section 2).
const (
	signalTimeout = 10 * time.Second
	deleteTimeout = time.Second
	sdpType       = "application/sdp"
	maxAnswer     = 64 << 10 // bytes of SDP that we are willing to read
	maxProblem    = 512      // bytes of a host's error text that we show
	// sessionRelation is how a host says that it has our data channels.
	sessionRelation = "urn:shadow-terminal:ext:session"
)

// whep speaks the WHEP exchanges of one session with one endpoint.
type whep struct {
	transport *http.Transport
	endpoint  *url.URL      // as configured
	bearer    func() string // asked before each request
}

// parseEndpoint checks a host's URL before anything is sent to it.
func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("host address %q is not a URL", raw)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("host address %q must start with http:// or https://", raw)
	case u.Host == "":
		return nil, fmt.Errorf("host address %q names no host", raw)
	case u.User != nil:
		return nil, fmt.Errorf("host address carries a user name or password: put the token into a file")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/whep"
	}
	return u, nil
}

// answer is what a host says to an offer.
type answer struct {
	sdp      string
	resource *url.URL // of the session; nil: there is none that we could use
	etag     string
	patches  bool // it takes fragments
	ours     bool // it speaks this protocol, not only WHEP
	servers  []peer.Server
}

// post sends the offer, to where the endpoint sends us.
func (w *whep) post(ctx context.Context, offer string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, signalTimeout)
	defer cancel()
	at, resp, err := w.follow(ctx, offer)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return nil, refusal(at, resp)
	}
	if err := checkType(resp.Header.Get("Content-Type"), sdpType); err != nil {
		return nil, fail(StageSignal, true, notAHost, err)
	}
	body, err := readBounded(resp.Body, maxAnswer)
	if err != nil {
		return nil, w.explain(at, err)
	}
	a := &answer{sdp: body, etag: resp.Header.Get("ETag")}
	loc, err := at.Parse(resp.Header.Get("Location"))
	if resp.Header.Get("Location") != "" && err == nil && loc.Host == at.Host && loc.Scheme == at.Scheme {
		// Without a resource of its own the session cannot be deleted; it
		// ends by itself when the path does. A foreign one is not followed:
		// the token goes to no other server.
		a.resource = loc
	}
	for _, v := range resp.Header.Values("Accept-Patch") {
		a.patches = a.patches || strings.Contains(strings.ToLower(v), peer.FragType)
	}
	links := peer.ParseLinks(resp.Header.Values("Link"))
	a.servers = peer.ServersOf(links)
	for _, l := range links {
		a.ours = a.ours || l.Params["rel"] == sessionRelation
	}
	return a, nil
}

// errOversize says that a body is longer than anything we could use.
type oversize int

func (n oversize) Error() string { return fmt.Sprintf("the host's answer is over %d bytes", int(n)) }

// readBounded reads a body whole, but no more than limit.
func readBounded(r io.Reader, limit int) (string, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return "", err
	}
	if len(body) > limit {
		return "", oversize(limit)
	}
	return string(body), nil
}

// notAHost is the hint for answers that no host of ours gives.
const notAHost = "check the address: what answers there is not a streaming host"

func checkType(got, want string) error {
	mt, _, err := mime.ParseMediaType(got)
	if err != nil || mt != want {
		return fmt.Errorf("the host answered with %.60q instead of %s", got, want)
	}
	return nil
}

// delete ends the session's resource; a host that is gone is no error.
func (w *whep) delete(ctx context.Context, resource *url.URL) error {
	if resource == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	resp, err := w.do(ctx, request{method: http.MethodDelete, url: resource})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// request is one of ours.
type request struct {
	method string
	url    *url.URL
	kind   string // content type; "": no body
	body   string
	match  string // If-Match
}

// do sends a request with the token of this moment. A host that finds the
// token wrong is asked once more when there is a newer one.
func (w *whep) do(ctx context.Context, r request) (*http.Response, error) {
	token := w.bearer()
	resp, err := w.send(ctx, r, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	newer := w.bearer()
	if newer == token {
		return resp, nil
	}
	_ = resp.Body.Close()
	return w.send(ctx, r, newer)
}

func (w *whep) send(ctx context.Context, r request, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
		req.Header.Set("Accept", r.kind)
	}
	if r.match != "" {
		req.Header.Set("If-Match", r.match)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// Not through an http.Client: where a redirect leads is looked at first.
	return w.transport.RoundTrip(req)
}

// refusal turns a status into a sentence. The host's own text is shown,
// bounded and reduced to one printable line.
func refusal(at *url.URL, resp *http.Response) *Error {
	e := explainStatus(at, resp)
	e.status = resp.StatusCode
	return e
}

func explainStatus(at *url.URL, resp *http.Response) *Error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	said := wire.Printable(string(text))
	if said != "" && !strings.Contains(resp.Header.Get("Content-Type"), "html") {
		said = ": " + said
	} else {
		said = ""
	}
	err := fmt.Errorf("host %s refused: %s%s", at.Host, wire.Printable(resp.Status), said)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fail(StageSignal, true, "the token is missing or wrong: check the token file on both sides", err)
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return fail(StageSignal, true, notAHost, err)
	case code == http.StatusNotAcceptable:
		return fail(StageSignal, true, "allow both codecs on both sides (h264, hevc)", err)
	case code == http.StatusConflict || code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
		e := fail(StageSignal, false, "the host is not ready yet: try again in a moment", err)
		e.After = retryAfter(resp.Header.Get("Retry-After"))
		return e
	case code >= 500:
		return fail(StageSignal, false, "look at the host's log", err)
	case code == http.StatusBadRequest && at.Scheme == "http":
		return fail(StageSignal, true, "if the host has a certificate, use https://", err)
	}
	return fail(StageSignal, true, "", err)
}

// maxRetryAfter bounds what a host may ask for.
const maxRetryAfter = time.Minute

// retryAfter reads seconds (RFC 9110, 10.2.3); dates are not worth a clock.
func retryAfter(value string) time.Duration {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetryAfter)
}

// brokenHTTP is how net/http begins to tell of an answer that it cannot read.
const brokenHTTP = "net/http: HTTP/1.x transport connection broken: "

// explain turns a transport error into a sentence without Go's prefixes.
func (w *whep) explain(at *url.URL, err error) *Error {
	host := at.Host
	var long oversize
	if errors.As(err, &long) {
		return fail(StageSignal, true, notAHost, long)
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fail(StageSignal, false, "check the network and that shadow-host is running there",
			fmt.Errorf("host %s did not answer within %v", host, signalTimeout))
	case errors.Is(err, context.Canceled):
		return fail(StageSignal, false, "", context.Canceled)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(StageSignal, false, "start shadow-host there, or check the port",
			fmt.Errorf("nothing is listening at %s: %w", host, syscall.ECONNREFUSED))
	case errors.As(err, &dns):
		return fail(StageSignal, false, "check the spelling and the network",
			fmt.Errorf("host name %s is not known", at.Hostname()))
	}
	if e := explainTLS(host, err); e != nil {
		return e
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(StageSignal, false, notAHost, fmt.Errorf("host %s hung up instead of answering", host))
	}
	if what, broken := strings.CutPrefix(err.Error(), brokenHTTP); broken {
		return fail(StageSignal, false, notAHost, fmt.Errorf("the answer of %s is not HTTP as it should be: %s", host, strings.TrimPrefix(what, "net/http: ")))
	}
	return fail(StageSignal, false, "check the network and the address", fmt.Errorf("asking host %s: %w", host, err))
}

// explainTLS does so for what TLS has to say, nil for anything else.
func explainTLS(host string, err error) *Error {
	var (
		verify *tls.CertificateVerificationError
		name   x509.HostnameError
		date   x509.CertificateInvalidError
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &name):
		return fail(StageSignal, true, "address the host by a name that its certificate has", fmt.Errorf("the certificate of %s is for another host", host))
	case errors.As(err, &date):
		return fail(StageSignal, true, "renew the host's certificate, and check the clock here", fmt.Errorf("the certificate of %s is not valid: %w", host, date))
	case errors.As(err, &verify):
		return fail(StageSignal, true, "give the certificate authority: --ca-file, or ca_file in the configuration",
			fmt.Errorf("the certificate of %s is by nobody this machine trusts", host))
	case errors.As(err, &record):
		return fail(StageSignal, true, "use http:// or give the host a certificate", fmt.Errorf("host %s does not speak TLS", host))
	}
	return nil
}

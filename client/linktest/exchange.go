package linktest

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
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Bounds of the exchange.
const (
	askTimeout    = 10 * time.Second
	deleteTimeout = 500 * time.Millisecond
	maxAnswer     = 64 << 10
	maxProblem    = 512
	sdpType       = "application/sdp"
)

// notAHost is the hint for answers that no host of ours gives.
const notAHost = "check the address: what answers there is not a shadow-host"

// exchange is the HTTP side of one test. It follows no redirect: the token goes
// to no other server.
type exchange struct {
	client   *http.Client
	endpoint *url.URL
	resource *url.URL // nil: none
	bearer   func() string
	local    netip.Addr // ours, towards the host; not valid: not known
}

func newExchange(cfg Config) (*exchange, error) {
	u, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	x := &exchange{endpoint: u, bearer: cfg.Bearer}
	if x.bearer == nil {
		x.bearer = func() string { return "" }
	}
	x.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: cfg.TLS, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return x, nil
}

// CheckURL says what is wrong with a host's address.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// parseURL finds the test's endpoint: beside the WHEP endpoint of the host.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("host address %q is not a URL", raw)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("host address %q must start with http:// or https://", raw)
	case u.Host == "":
		return nil, fmt.Errorf("host address %q names no host", raw)
	case u.User != nil:
		return nil, errors.New("host address carries a user name or password: put the token into a file")
	}
	dir := path.Dir("/" + strings.Trim(u.Path, "/"))
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path.Join(dir, "linktest")}, nil
}

// loopback reports whether only this machine can be meant.
func (x *exchange) loopback() bool {
	name := x.endpoint.Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// post sends the offer and returns the answer.
func (x *exchange) post(ctx context.Context, offer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if a, ok := i.Conn.LocalAddr().(*net.TCPAddr); ok {
			x.local = a.AddrPort().Addr().Unmap()
		}
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.endpoint.String(), strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", sdpType)
	req.Header.Set("Accept", sdpType)
	x.authorize(req)
	resp, err := x.client.Do(req)
	if err != nil {
		return "", x.explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return "", x.refusal(resp)
	}
	if mt, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || mt != sdpType {
		return "", &Error{notAHost, fmt.Errorf("host %s did not answer with %s", x.endpoint.Host, sdpType)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return "", x.explain(err)
	}
	if len(body) > maxAnswer {
		return "", &Error{notAHost, fmt.Errorf("the answer of host %s is over %d bytes", x.endpoint.Host, maxAnswer)}
	}
	if loc, err := x.endpoint.Parse(resp.Header.Get("Location")); err == nil && loc.Host == x.endpoint.Host && loc.Scheme == x.endpoint.Scheme && loc.Path != x.endpoint.Path {
		x.resource = loc
	}
	return string(body), nil
}

// delete ends the test on the host; one that is gone is no error.
func (x *exchange) delete(ctx context.Context) {
	if x.resource == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, x.resource.String(), http.NoBody)
	if err != nil {
		return
	}
	x.authorize(req)
	if resp, err := x.client.Do(req); err == nil {
		_ = resp.Body.Close() // nothing is read of it
	}
}

func (x *exchange) authorize(req *http.Request) {
	if token := x.bearer(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}

// refusal turns a status into a sentence.
func (x *exchange) refusal(resp *http.Response) error {
	host, said := x.endpoint.Host, ""
	if !strings.Contains(resp.Header.Get("Content-Type"), "html") {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem)) // what came of it will do
		if said = wire.Printable(string(text)); said != "" {
			said = ": " + said
		}
	}
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return &Error{"it is another program, an older shadow-host, or one with --linktest=false", fmt.Errorf("host %s offers no link test", host)}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return &Error{"check the token file on both sides", fmt.Errorf("host %s refused: the token is missing or wrong", host)}
	case code == http.StatusConflict || code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
		hint := "try again in a moment"
		if after := resp.Header.Get("Retry-After"); after != "" && len(after) <= 3 && strings.Trim(after, "0123456789") == "" {
			hint = "try again in " + after + " s"
		}
		return &Error{hint, fmt.Errorf("host %s cannot test now%s", host, said)}
	case code >= 300 && code < 400:
		return &Error{"ask with the address of the host itself", fmt.Errorf("host %s points elsewhere, which a link test does not follow", host)}
	case code >= 500:
		return &Error{"look at the host's log", fmt.Errorf("host %s failed: %s%s", host, resp.Status, said)}
	}
	return &Error{notAHost, fmt.Errorf("host %s refused: %s%s", host, resp.Status, said)}
}

// explain turns a transport error into a sentence.
func (x *exchange) explain(err error) error {
	host := x.endpoint.Host
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var (
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		name   x509.HostnameError
		record tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{"check the network and that shadow-host is running there", fmt.Errorf("host %s did not answer within %v", host, askTimeout)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{"start shadow-host there, or check the port", fmt.Errorf("nothing is listening at %s: %w", host, syscall.ECONNREFUSED)}
	case errors.As(err, &dns):
		return &Error{"check the spelling and the network", fmt.Errorf("host name %s is not known", x.endpoint.Hostname())}
	case errors.As(err, &name):
		return &Error{"address the host by a name that its certificate has", fmt.Errorf("the certificate of %s is for another host", host)}
	case errors.As(err, &verify):
		return &Error{"give the certificate authority with --ca-file", fmt.Errorf("the certificate of %s is by nobody this machine trusts", host)}
	case errors.As(err, &record):
		return &Error{"use http:// or give the host a certificate", fmt.Errorf("host %s does not speak TLS", host)}
	}
	return &Error{"check the network and the address", fmt.Errorf("asking host %s: %w", host, err)}
}

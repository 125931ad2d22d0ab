package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/wire"
)

// maxSaid bounds what is shown of a refusal's own text, in bytes.
const maxSaid = 256

// refusal turns a status into a sentence.
func refusal(at *url.URL, resp *http.Response) *client.Error {
	said := ""
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxSaid)) // what there is of it
		if line := wire.Printable(string(text)); line != "" {
			said = ": " + line
		}
	}
	err := fmt.Errorf("broker %s refused: %s%s", at.Host, resp.Status, said)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return failed(true, "the device's certificate or token is missing or not known there: check its files", err)
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return failed(true, hintBroker, err)
	case code == http.StatusTooManyRequests || code >= 500:
		e := failed(false, "the broker is not ready: the terminal keeps asking", err)
		if n, perr := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); perr == nil {
			e.After = min(time.Duration(n)*time.Second, longPause)
		}
		return e
	case code >= 300 && code < 400:
		return failed(false, hintBroker, err)
	}
	return failed(true, "", err)
}

// explain turns a failed exchange into a sentence; the error of a ctx that has
// ended stays itself.
func explain(ctx context.Context, at *url.URL, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var (
		ue     *url.Error
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		name   x509.HostnameError
		date   x509.CertificateInvalidError
		record tls.RecordHeaderError
		alert  tls.AlertError
	)
	if errors.As(err, &ue) {
		err = ue.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failed(false, "check the network", fmt.Errorf("broker %s did not answer within %v", at.Host, exchange))
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed(false, "the broker may be starting, or its port is another", fmt.Errorf("nothing is listening at %s: %w", at.Host, syscall.ECONNREFUSED))
	case errors.As(err, &dns):
		return failed(false, "check the spelling and the network", fmt.Errorf("broker name %s is not known", at.Hostname()))
	case errors.As(err, &name):
		return failed(true, "address the broker by a name that its certificate has", fmt.Errorf("the certificate of %s is for another broker", at.Host))
	case errors.As(err, &date):
		return failed(true, "renew the broker's certificate, and check the clock here", fmt.Errorf("the certificate of %s is not valid: %w", at.Host, date))
	case errors.As(err, &verify):
		return failed(true, "give the certificate authority: --ca-file, or ca_file in the configuration", fmt.Errorf("the certificate of %s is by nobody this machine trusts", at.Host))
	case errors.As(err, &record):
		return failed(true, "the broker needs a certificate", fmt.Errorf("broker %s does not speak TLS", at.Host))
	case errors.As(err, &alert):
		return failed(true, "the device's certificate is not accepted there: check its files", fmt.Errorf("broker %s refused the connection: %w", at.Host, alert))
	}
	return failed(false, "check the network and the broker's address", fmt.Errorf("asking broker %s: %w", at.Host, err))
}

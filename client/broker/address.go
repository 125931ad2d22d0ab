package broker

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/peer"
)

// checkBroker refuses addresses that no device shows itself to.
func checkBroker(raw string, u *url.URL) error {
	switch {
	case u.User != nil:
		return errors.New("broker address carries a user name or password: put the token into a file")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("broker address %q must start with https://", raw)
	case u.Hostname() == "":
		return fmt.Errorf("broker address %q names no host", raw)
	case u.Scheme == "http" && !peer.IsLoopback(u.Hostname()):
		return fmt.Errorf("broker address %q must start with https://, because it is not on this machine", raw)
	}
	return nil
}

// follow resolves an address that an answer of from named. Whoever is reached
// over TLS leads to TLS only, and nobody on another machine leads to this one.
func follow(from *url.URL, ref string) (*url.URL, error) {
	to, err := from.Parse(ref)
	switch {
	case err != nil:
		return nil, errors.New("its address is not a URL")
	case to.User != nil:
		return nil, errors.New("its address carries a user name or password")
	case to.Hostname() == "":
		return nil, errors.New("its address names no host")
	case peer.IsLoopback(to.Hostname()) && !peer.IsLoopback(from.Hostname()):
		return nil, fmt.Errorf("%s would be this machine", to.Host)
	case to.Scheme == "https" || to.Scheme == "http" && from.Scheme == "http" && peer.IsLoopback(to.Hostname()):
		to.Fragment, to.RawFragment = "", ""
		return to, nil
	}
	return nil, fmt.Errorf("%s is not reached over https", to.Host)
}

// completePath gives a broker's address the path that is meant.
func completePath(u *url.URL) {
	if u.Path == "" || u.Path == "/" {
		u.Path = broker.Path
	}
}

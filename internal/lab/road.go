package lab

import (
	"context"
	"errors"
	"net/http"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// road is the impaired network between a host and whoever looks at it.
type road struct {
	*netlab.Relay
	site  string // where the host answers, under /whep, and the browser's page, under /viewer
	close func() error
}

// openRoad leads to the host at url, which is its WHEP endpoint.
func openRoad(ctx context.Context, url string, profile netlab.Profile, seed uint64) (*road, error) {
	relay, err := netlab.NewRelay(netlab.RelayConfig{To: url, Profile: profile, Seed: seed})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	site, stop, err := serve(withPage(http.Handler(relay)))
	if err != nil {
		cancel()
		return nil, errors.Join(err, <-ended)
	}
	return &road{Relay: relay, site: site, close: func() error {
		err := stop()
		cancel()
		return errors.Join(err, <-ended)
	}}, nil
}

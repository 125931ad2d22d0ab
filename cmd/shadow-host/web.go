package main

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/web"
)

// webRoutes is the client for browsers, where it is wanted. It is public: the
// page itself asks for the token, and nothing in it is secret.
func webRoutes(on bool) ([]host.Route, error) {
	if !on {
		return nil, nil
	}
	h, err := web.New()
	if err != nil {
		return nil, fmt.Errorf("serve the web client: %w", err)
	}
	var routes []host.Route
	for _, p := range web.Patterns() {
		routes = append(routes, host.Route{Pattern: p, Handler: h, Public: true})
	}
	return routes, nil
}

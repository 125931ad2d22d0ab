package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/linktest"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/program"
)

// linktestOptions is the link test on the command line.
type linktestOptions struct {
	on   bool
	most string
}

func (o *linktestOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.on, "linktest", true, "answer link tests of terminals (shadow-terminal linktest) while no session is live")
	f.StringVar(&o.most, "linktest-max", "50M", "highest rate of a link test either way in bits per second, with k or M, 500k to 200M")
}

// addLinktest adds the link test to the HTTP server's routes.
func (w *wiring) addLinktest(o *options, log *slog.Logger) error {
	if !o.linktest.on {
		return nil
	}
	most, err := media.ParseBitrate(o.linktest.most)
	if err != nil {
		return program.UsageError{Err: fmt.Errorf("--linktest-max: %w", err)}
	}
	w.linktest, err = linktest.New(linktest.Config{
		MaxBps: most, Loopback: host.ListensInside(w.config.Listen), Net: w.config.Net, ICEServers: w.config.ICEServers, Logger: log,
	})
	if err != nil {
		return program.UsageError{Err: err}
	}
	for pattern, h := range w.linktest.Handlers() {
		w.config.Routes = append(w.config.Routes, host.Route{Pattern: pattern, Handler: h})
	}
	return nil
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/program"
)

// relayConfig is what the flags of relay say.
type relayConfig struct {
	to, listen, profile string
	seed                uint64
	duration            time.Duration
	viewerServes        bool
	viewerIP, hostIP    string
}

func newRelay() *cobra.Command {
	var cfg relayConfig
	cmd := &cobra.Command{
		Use:   "relay --to URL",
		Short: "Put an impaired network between a viewer and a host",
		Long: `Relay stands between any WebRTC viewer and host that talk WHEP. Give viewers the
URL that it prints first: pages and requests go on to the host, and all UDP of
the session, both ways, goes through the relay's sockets and its impaired link.
It replaces the candidates in offers, answers and trickled fragments; ICE-TCP is
left out. HTTP itself is not impaired.

Commands on standard input, one a line; what is wrong with one is said on
standard error:

  profile NAME            another profile; its time begins now
  blackout 1s             lose everything for a while
  set up|down|both ...    change the conditions of a direction, as below
  stats                   print the statistics so far as one line of JSON
  quit

Settings for set:

  ` + strings.ReplaceAll(netlab.Settings, "\n", "\n  ") + `

Profiles:

` + profileHelp() + `
At the end (quit, a signal, or --for) the statistics are printed as one line of JSON:
for each direction packets and bytes, losses by cause, the longest wait in the
queue, and late_ms, how much later than the model wanted packets left.`,
		Example: `  shadow-lab relay --to http://127.0.0.1:8089/whep --profile wifi-busy --seed 1
  echo "blackout 1s" | shadow-lab relay --to http://127.0.0.1:8089/whep --profile 4g --for 30s`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return program.UsageError{Err: fmt.Errorf("relay takes no arguments, so %q has no meaning", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return relay(cmd, cfg) },
	}
	f := cmd.Flags()
	f.StringVar(&cfg.to, "to", "", "URL of the WHEP endpoint behind the relay (required)")
	f.StringVar(&cfg.listen, "listen", "127.0.0.1:0", "address for HTTP; port 0 takes a free one")
	f.StringVar(&cfg.profile, "profile", "clean", "profile to begin with")
	f.Uint64Var(&cfg.seed, "seed", 1, "what chance is drawn from")
	f.DurationVar(&cfg.duration, "for", 0, "end after this time (default never)")
	f.BoolVar(&cfg.viewerServes, "viewer-serves", false, "the viewer is at --to and the host calls")
	f.StringVar(&cfg.viewerIP, "viewer-facing", "127.0.0.1", "address of this machine that the viewer reaches")
	f.StringVar(&cfg.hostIP, "host-facing", "127.0.0.1", "address of this machine that the host reaches")
	return cmd
}

func profileHelp() string {
	var b strings.Builder
	for _, p := range netlab.Profiles() {
		fmt.Fprintf(&b, "  %-14s %s\n", p.Name, p.About)
	}
	return b.String()
}

// usage marks what the command line got wrong.
func usage(format string, args ...any) error {
	return program.UsageError{Err: fmt.Errorf(format, args...)}
}

func relay(cmd *cobra.Command, cfg relayConfig) error {
	if cfg.to == "" {
		return usage("say with --to which host the relay stands before, such as --to http://127.0.0.1:8089/whep")
	}
	if cfg.duration < 0 {
		return usage("--for %v is in the past", cfg.duration)
	}
	profile, err := netlab.Find(cfg.profile)
	if err != nil {
		return usage("%w", err)
	}
	viewerIP, err := netip.ParseAddr(cfg.viewerIP)
	if err != nil {
		return usage("--viewer-facing %q is no IP address", cfg.viewerIP)
	}
	hostIP, err := netip.ParseAddr(cfg.hostIP)
	if err != nil {
		return usage("--host-facing %q is no IP address", cfg.hostIP)
	}
	r, err := netlab.NewRelay(netlab.RelayConfig{
		To: cfg.to, ViewerServes: cfg.viewerServes, ViewerFacing: viewerIP, HostFacing: hostIP, Profile: profile, Seed: cfg.seed,
	})
	if err != nil {
		return usage("%w", err)
	}
	// No resolver: an address that is none is the caller's mistake.
	if _, err := netip.ParseAddrPort(cfg.listen); err != nil {
		return usage("--listen %q is no address and port, such as 127.0.0.1:0", cfg.listen)
	}
	listener, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen for viewers: %w", err)
	}
	if err := netlab.Urgent(); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "shadow-lab: the relay's times suffer when the machine is busy: %v\n", err)
	}
	return runRelay(cmd, cfg, r, listener)
}

// runRelay serves until quit, a signal or the end of --for, and prints what happened.
func runRelay(cmd *cobra.Command, cfg relayConfig, r *netlab.Relay, listener net.Listener) error {
	ctx, quit := context.WithCancel(cmd.Context())
	defer quit()
	if cfg.duration > 0 {
		ctx, quit = context.WithTimeout(ctx, cfg.duration)
		defer quit()
	}
	g, ctx := errgroup.WithContext(ctx)
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second}
	g.Go(func() error { return r.Run(ctx) })
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve viewers: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	out := &reporter{relay: r, to: json.NewEncoder(cmd.OutOrStdout())}
	fmt.Fprintln(cmd.OutOrStdout(), viewersURL(cfg.to, listener.Addr()))
	// It may block in a read for ever, so nobody waits for it; it ends with the program.
	go func() {
		if obey(cmd.InOrStdin(), cmd.ErrOrStderr(), r, out) {
			quit()
		}
	}()
	err := g.Wait()
	return errors.Join(err, out.print())
}

// reporter prints statistics, one line each.
type reporter struct {
	relay *netlab.Relay
	mu    sync.Mutex // guards to
	to    *json.Encoder
}

func (r *reporter) print() error {
	s := r.relay.Stats()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Encode(s)
}

// viewersURL is to as it is reached through the relay.
func viewersURL(to string, at net.Addr) string {
	path := "/"
	if _, rest, ok := strings.Cut(to, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			path = rest[i:]
		}
	}
	return "http://" + at.String() + path
}

// obey follows commands until quit, which it reports, or the end of in.
func obey(in io.Reader, complain io.Writer, r *netlab.Relay, out *reporter) (quit bool) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "quit" {
			return true
		}
		if err := command(words, r, out); err != nil {
			fmt.Fprintf(complain, "shadow-lab: %v\n", err)
		}
	}
	return false
}

// command follows one command.
func command(words []string, r *netlab.Relay, out *reporter) error {
	switch name, args := words[0], words[1:]; {
	case name == "profile" && len(args) == 1:
		p, err := netlab.Find(args[0])
		if err != nil {
			return err
		}
		return r.SetProfile(p)
	case name == "blackout" && len(args) == 1:
		d, err := time.ParseDuration(args[0])
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no time: it would look like blackout 1s", args[0])
		}
		r.Blackout(d)
		return nil
	case name == "set" && len(args) > 1:
		return set(args[0], args[1:], r)
	case name == "stats" && len(args) == 0:
		return out.print()
	}
	return fmt.Errorf("%q is no command; there are profile NAME, blackout TIME, set up|down|both SETTINGS, stats and quit", strings.Join(words, " "))
}

// set changes the conditions of a direction. The profile that was set has no steps after.
func set(direction string, settings []string, r *netlab.Relay) error {
	p := r.Conditions()
	var err error
	switch direction {
	case "up":
		p.Up, err = p.Up.With(settings...)
	case "down":
		p.Down, err = p.Down.With(settings...)
	case "both":
		if p.Up, err = p.Up.With(settings...); err == nil {
			p.Down, err = p.Down.With(settings...)
		}
	default:
		err = fmt.Errorf("%q is no direction: it is up, down or both", direction)
	}
	if err != nil {
		return err
	}
	return r.SetProfile(p)
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	probe "github.com/blade-shadow/terminal/client/linktest"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/linkplot"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/program"
	"github.com/blade-shadow/terminal/peripherals/network"
)

// linktestOptions is the link test on the command line.
type linktestOptions struct {
	json, quiet       bool
	plot, state       string
	most, config      string
	tokenFile, caFile string
	servers           string
	logLevel          string
}

func newLinktest() *cobra.Command {
	var o linktestOptions
	cmd := &cobra.Command{
		Use:   "linktest [URL]",
		Short: "Test what the line to a host is good for",
		Long: `Linktest sends frames like a session's to and from a host, at rising rates for a
second each, and says what came through: rate, loss and its bursts, jitter, the
round trip with and without load, the largest packet, whether UDP gets through,
the kind of NAT, and the state of the cable. Then it says for 1080p60, 1080p144,
4K30 and two screens whether the line is good, usable or not enough, why, and
what can be done. Without a URL the host of --config is tested.

It ends by itself within 25 seconds, never sends more than --max, and stops going
up where the line is full. The host does not test while a session is live, or
with --linktest=false. The exit code is 0 whenever there is a result.

With --state-dir results are kept: see linktest history.`,
		Example: `  shadow-terminal linktest https://pc.example:8089 --token-file token
  shadow-terminal linktest http://127.0.0.1:8089 --max 15M --json
  shadow-terminal linktest --plot line.png --state-dir /var/lib/shadow-terminal
  shadow-terminal linktest history --state-dir /var/lib/shadow-terminal`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return program.UsageError{Err: fmt.Errorf("linktest takes at most the host's URL, got %d arguments", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, strings.Join(args, "")) },
	}
	o.shared(cmd)
	f := cmd.Flags()
	f.StringVar(&o.most, "max", "50M", "highest rate either way in bits per second, with k or M, 500k to 200M")
	f.StringVar(&o.config, "config", "/etc/shadow-terminal.toml", "configuration file that names the host, its token and state_dir, without URL")
	f.StringVar(&o.tokenFile, "token-file", "", "file that holds the bearer token the host asks for")
	f.StringVar(&o.caFile, "ca-file", "", "PEM certificates to trust instead of the system's")
	f.StringVar(&o.servers, "ice-servers", "", "file with STUN and TURN servers, one a line: URL, for TURN a user name and a credential after it; not readable by others")
	f.BoolVar(&o.quiet, "quiet", false, "show no progress on stderr")
	f.StringVar(&o.logLevel, "log-level", "warn", "what to log to stderr: debug, info, warn or error")
	cmd.AddCommand(newLinktestHistory())
	return cmd
}

// shared are the flags that the test and its history have.
func (o *linktestOptions) shared(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "print JSON on stdout")
	f.StringVar(&o.plot, "plot", "", "file to draw a plot into, .png or .svg")
	f.StringVar(&o.state, "state-dir", "", "the terminal's folder of that name: results are kept there")
}

func newLinktestHistory() *cobra.Command {
	var o linktestOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show the results kept so far, graded by the present rules",
		Example: `  shadow-terminal linktest history --state-dir /var/lib/shadow-terminal
  shadow-terminal linktest history --state-dir /var/lib/shadow-terminal --plot history.svg --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.history(cmd) },
	}
	o.shared(cmd)
	return cmd
}

// format checks --plot before anything takes its time.
func (o *linktestOptions) format() (f linkplot.Format, err error) {
	if o.plot == "" {
		return "", nil
	}
	if f, err = linkplot.FormatOf(o.plot); err != nil {
		return "", program.UsageError{Err: err}
	}
	return f, nil
}

// draw writes a plot into the file of --plot.
func (o *linktestOptions) draw(write func(io.Writer) error) error {
	f, err := os.Create(o.plot)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("plot %s: %w", o.plot, err)
	}
	return nil
}

// target is the host to test, from the URL or from the configuration file.
func (o *linktestOptions) target(url string) (cfg probe.Config, err error) {
	from := agent.Config{URL: url}
	if url == "" {
		if from, err = agent.Load(o.config); err != nil {
			return cfg, fmt.Errorf("no URL was given, and the configuration does not help: %w", err)
		}
		if from.URL == "" {
			return cfg, program.UsageError{Err: fmt.Errorf("%s names no host, only a broker: give the host's URL", o.config)}
		}
	}
	if err := probe.CheckURL(from.URL); err != nil {
		return cfg, program.UsageError{Err: err}
	}
	if o.tokenFile != "" {
		if from.Token, err = agent.ReadToken(o.tokenFile); err != nil {
			return cfg, fmt.Errorf("token file: %w", err)
		}
	}
	if o.caFile != "" {
		if from.TLS, err = agent.ReadCA(o.caFile); err != nil {
			return cfg, fmt.Errorf("certificate authority file: %w", err)
		}
	}
	if o.state == "" {
		o.state = from.StateDir
	}
	cfg = probe.Config{URL: from.URL, TLS: from.TLS, Bearer: func() string { return from.Token }}
	if cfg.MaxBps, err = media.ParseBitrate(o.most); err != nil {
		return cfg, program.UsageError{Err: fmt.Errorf("--max: %w", err)}
	}
	if cfg.MaxBps < linktest.MinMax || cfg.MaxBps > linktest.MaxMax {
		return cfg, program.UsageError{Err: fmt.Errorf("--max %s is out of range: use 500k to 200M", o.most)}
	}
	own, err := peer.ReadServers(o.servers)
	if err != nil {
		return cfg, fmt.Errorf("--ice-servers: %w", err)
	}
	cfg.ICEServers = peer.Union(own, from.ICEServers)
	return cfg, nil
}

// run tests, keeps, draws and prints.
func (o *linktestOptions) run(cmd *cobra.Command, url string) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	cfg, err := o.target(url)
	if err != nil {
		return err
	}
	if cfg.Logger, err = program.Logger(cmd.ErrOrStderr(), o.logLevel); err != nil {
		return err
	}
	var earlier []linktest.Result
	if o.state != "" {
		if earlier, _, err = probe.NewStore(o.state).Read(); err != nil {
			return err
		}
	}
	cfg.Link = func(local netip.Addr) linktest.Link { return linkFacts(local).After(earlier) }
	p := progress{w: cmd.ErrOrStderr(), on: !o.quiet && isTerminal(cmd.ErrOrStderr())}
	cfg.Progress = p.show
	r, err := probe.Run(cmd.Context(), cfg)
	p.clear()
	if err != nil {
		return err
	}
	if o.state != "" {
		if err := probe.NewStore(o.state).Add(r); err != nil {
			return err
		}
	}
	local := *r
	local.At = r.At.Local()
	if format != "" {
		if err := o.draw(func(w io.Writer) error { return linkplot.Write(w, format, &local) }); err != nil {
			return err
		}
	}
	trend := linktest.Compare(append(earlier, *r))
	if !o.json {
		r = &local
	}
	return o.print(cmd.OutOrStdout(), r, trend)
}

func (o *linktestOptions) print(w io.Writer, r *linktest.Result, t linktest.Trend) error {
	if o.json {
		return writeJSON(w, struct {
			*linktest.Result
			Trend linktest.Trend `json:"trend"`
		}{r, t})
	}
	if err := r.WriteText(w); err != nil || t.Words == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", t.Words)
	return err
}

// history prints what is kept.
func (o *linktestOptions) history(cmd *cobra.Command) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	if o.state == "" {
		return program.UsageError{Err: errors.New("history needs --state-dir, the folder where results are kept")}
	}
	all, damaged, err := probe.NewStore(o.state).Read()
	if err != nil {
		return err
	}
	if damaged > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "shadow-terminal: %d kept results could not be read and are left out\n", damaged)
	}
	local := slices.Clone(all)
	for i := range local {
		local[i].At = local[i].At.Local()
	}
	if format != "" {
		if err := o.draw(func(w io.Writer) error { return linkplot.WriteHistory(w, format, local) }); err != nil {
			return err
		}
	}
	if !o.json {
		return linktest.WriteHistory(cmd.OutOrStdout(), local)
	}
	if all == nil {
		all = []linktest.Result{}
	}
	return writeJSON(cmd.OutOrStdout(), struct {
		Results []linktest.Result `json:"results"`
		Trend   linktest.Trend    `json:"trend"`
	}{all, linktest.Compare(all)})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// linkFacts is what this machine knows of the interface with an address; what
// it does not know stays zero.
func linkFacts(local netip.Addr) linktest.Link {
	unknown := linktest.Link{Kind: linktest.LinkUnknown, Duplex: network.DuplexUnknown}
	name, err := network.NameOf(local)
	if err != nil {
		return unknown
	}
	f, err := network.Source{}.Read(name)
	if err != nil {
		return unknown
	}
	return linktest.Link{
		Name: f.Name, Kind: linktest.LinkKind(f.Kind), SpeedMbps: f.SpeedMbps, BestMbps: f.OwnMbps, PeerMbps: f.PeerMbps,
		Duplex: f.Duplex, MTU: f.MTU, Errors: f.Damaged, Dropped: f.Dropped, Losses: f.Losses,
		SignalDBm: f.SignalDBm, Fallen: f.Fallen(),
	}
}

// progress is one line on a terminal.
type progress struct {
	w  io.Writer
	on bool
}

func (p progress) show(share float64, text string) {
	if p.on {
		const width = 30
		done := int(share * width)
		fmt.Fprintf(p.w, "\r\x1b[K[%s%s] %s", strings.Repeat("#", done), strings.Repeat(".", width-done), text)
	}
}

func (p progress) clear() {
	if p.on {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// isTerminal reports whether a person may be looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

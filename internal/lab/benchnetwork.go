package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// networkBitrateBps bounds the stream of the network benchmark, which is the
// same test card by the same encoder for every viewer. It fits every profile but
// the slowest lines, where the host has to find what does.
const networkBitrateBps = 7_000_000

// BenchNetwork has the terminal, Chromium and GStreamer show the same host
// through the same bad network, one after another, under every profile, and
// measures on the display what a person would see of it. A viewer that is not
// installed is said to be missing and left out.
func BenchNetwork(ctx context.Context, cfg NetworkConfig) error {
	if err := cfg.check(); err != nil {
		return err
	}
	report := NewReport(ctx)
	for _, profile := range cfg.Profiles {
		cells, err := benchProfile(ctx, cfg, profile)
		if err != nil {
			return err
		}
		keyFigure(report, profile, cells)
		networkFigures(report, profile, cells)
		if err := saveLatencies(filepath.Join(cfg.Pictures, "network-"+profile+".png"), profile, cells); err != nil {
			return err
		}
		if err := writeCells(cfg.Out, profile, cells); err != nil {
			return err
		}
	}
	if err := singleFigures(ctx, cfg, report); err != nil {
		return err
	}
	if err := report.Save(cfg.Report); err != nil {
		return err
	}
	return report.WriteTable(cfg.Out)
}

// NetworkConfig says what to measure and where results go.
type NetworkConfig struct {
	BenchConfig
	Profiles []string // of package netlab
	Viewers  []string // by name; empty: all
	Seed     uint64
}

// benchProfile has every viewer show the host under a profile.
func benchProfile(ctx context.Context, cfg NetworkConfig, profile string) (cells []*viewed, err error) {
	for _, v := range viewers(cfg.Programs.Terminal) {
		if !cfg.wants(v.name) {
			continue
		}
		fmt.Fprintf(cfg.Log, "shadow-lab: %s over %s\n", v.name, profile)
		cell, err := benchCell(ctx, cfg, profile, v)
		if errors.Is(err, errors.ErrUnsupported) && v.name != ownViewer {
			fmt.Fprintf(cfg.Log, "shadow-lab: SKIPPED %s: %v\n", v.name, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s over %s: %w", v.name, profile, err)
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

// ownViewer is the one that the others are peers of.
const ownViewer = "shadow-terminal"

func (c *NetworkConfig) wants(name string) bool {
	return len(c.Viewers) == 0 || slices.Contains(c.Viewers, name)
}

// check reports names that mean nothing, before anything takes its time.
func (c *NetworkConfig) check() error {
	for _, name := range c.Profiles {
		if _, err := netlab.Find(name); err != nil {
			return err
		}
	}
	var known []string
	for _, v := range viewers("") {
		known = append(known, v.name)
	}
	for _, name := range c.Viewers {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no viewer is called %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// benchCell measures one viewer under one profile, with a host, a network and
// a display of its own.
func benchCell(ctx context.Context, cfg NetworkConfig, profile string, v viewer) (cell *viewed, err error) {
	d, err := StartDisplay(ctx, DisplayConfig{Width: 1280, Height: 720})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	host, err := cfg.Programs.StartHost(ctx, HostConfig{
		Source: "testcard", Busy: true, Size: "1280x720", BitrateBps: networkBitrateBps, Audio: "none",
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Kill()) }()
	link, err := netlab.Find(profile)
	if err != nil {
		return nil, err
	}
	road, err := openRoad(ctx, host.URL, link, cfg.Seed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, road.close()) }()
	p, closeViewer, err := startViewer(ctx, v, d, road.site)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeViewer()) }()
	cell = &viewed{viewer: v.name, profile: profile}
	quiet := func() {}
	if v.name == ownViewer {
		quiet = sync.OnceFunc(d.typing(ctx))
		defer quiet()
	}
	if err := d.measure(ctx, cell, p, road, quiet); err != nil {
		return nil, fmt.Errorf("%w (its last lines: %s)", err, lastLines(p.Stderr(), 3))
	}
	if v.name == ownViewer {
		if err := ownSummaries(cell, p, host); err != nil {
			return nil, err
		}
	}
	return cell, nil
}

// ownSummaries ends both programs in order and reads what they say.
func ownSummaries(cell *viewed, terminal *Process, host *Host) error {
	if _, err := terminal.Stop(); err != nil {
		return err
	}
	if _, err := host.Stop(); err != nil {
		return err
	}
	var t TerminalSummary
	if err := terminal.Summary(&t); err != nil {
		return err
	}
	var h HostSummary
	if err := host.Summary(&h); err != nil {
		return err
	}
	cell.terminal, cell.keyP99 = &t, h.Input.OneWay.P99
	return nil
}

// typing presses keys now and then until the returned function is called.
func (d *Display) typing(ctx context.Context) func() {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(97 * time.Millisecond) // no multiple of a picture's interval
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if d.PressPlace(exerciseKeys[i%len(exerciseKeys)]) != nil {
				return // the display is gone, which measure will say
			}
		}
	}()
	return func() { stop(); <-ended }
}

// serve answers on a free port of this machine until the returned function is
// called.
func serve(h http.Handler) (site string, closeFn func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	return "http://" + l.Addr().String(), func() error {
		err := srv.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// networkFigures adds a profile's figures, beside each peer's.
func networkFigures(r *Report, profile string, cells []*viewed) {
	values := func(c *viewed) []Figure {
		return []Figure{
			{Name: "shown_pct", Unit: "%", Value: c.share()},
			{Name: "latency_ms_p50", Unit: "ms", Value: c.latency.at(0.5)},
			{Name: "latency_ms_p95", Unit: "ms", Value: c.latency.at(0.95)},
			{Name: "latency_ms_p99", Unit: "ms", Value: c.latency.at(0.99)},
			{Name: "freeze_count", Unit: "freezes", Value: float64(c.freezes)},
			{Name: "freeze_ms_total", Unit: "ms", Value: c.freezeTotal},
			{Name: "freeze_ms_longest", Unit: "ms", Value: c.freezeLongest},
			{Name: "blackout_recovery_ms", Unit: "ms", Value: c.recovery.at(0.99)},
			{Name: "cpu_s_per_min", Unit: "s/min", Value: c.cpuPerMinute},
			{Name: "rss_mib", Unit: "MiB", Value: c.memory},
		}
	}
	var own []Figure
	for _, c := range cells {
		if c.viewer == ownViewer {
			own = values(c)
		}
	}
	for i, figure := range own {
		name := profile + "." + figure.Name
		alone := true
		for _, c := range cells {
			if c.viewer == ownViewer {
				continue
			}
			alone = false
			r.AddPeer(name, figure.Unit, figure.Value, c.viewer, values(c)[i].Value)
		}
		if alone {
			r.Add(name, figure.Unit, figure.Value)
		}
	}
}

// keyFigure adds what keys need over the worst of the networks: half a round
// trip and what repeating lost ones costs.
func keyFigure(r *Report, profile string, cells []*viewed) {
	for _, c := range cells {
		if profile == "loss10" && c.viewer == ownViewer {
			r.AddGoal("key_ms_p99_loss10", "ms", c.keyP99, 30)
		}
	}
}

// writeCells prints a profile as a table for a person.
func writeCells(w io.Writer, profile string, cells []*viewed) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tshown\tof\tshare\tp50\tp95\tp99 ms\tfreezes\tlongest\ttotal ms\tafter a blackout\tCPU s/min\tMiB\n", profile)
	for _, c := range cells {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f %%\t%.1f\t%.1f\t%.1f\t%d\t%.0f\t%.0f\t%.0f ms\t%.1f\t%.0f\n", c.viewer, c.shown, c.sent, c.share(),
			c.latency.at(0.5), c.latency.at(0.95), c.latency.at(0.99), c.freezes, c.freezeLongest, c.freezeTotal, c.recovery.at(0.99), c.cpuPerMinute, c.memory)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range cells {
		if c.terminal == nil || len(c.terminal.Screens) == 0 {
			continue
		}
		_, why := causes(c.terminal.Screens[0].Dropped)
		tr := &c.terminal.Transport
		fmt.Fprintf(w, "shadow-terminal received %.1f Mb/s: %d packets, %d lost, %d repaired, %d NACKs, %d keyframes asked for; pictures lost by: %s\n",
			c.terminal.Screens[0].BitrateBps/1e6, tr.Packets, tr.Lost, tr.Repaired, tr.NACKs, tr.KeyframeRequests, why)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// singleFigures adds those that belong to no profile.
func singleFigures(ctx context.Context, cfg NetworkConfig, r *Report) error {
	course, err := benchRate(ctx, cfg)
	if err != nil {
		return fmt.Errorf("rate: %w", err)
	}
	r.AddGoal("rate_30mbps_time_to_80pct_s", "s", course.timeTo80, 2)
	r.Add("rate_30mbps_mbps", "Mb/s", course.firstMbps)
	r.Add("rate_5mbps_mbps", "Mb/s", course.narrowMbps)
	r.Add("rate_step_queue_ms_max", "ms", course.narrowQueue)
	r.Add("rate_back_to_80pct_s", "s", course.again)
	r.Add("rate_step_freeze_ms_longest", "ms", course.longestFreeze)
	for _, b := range []struct {
		figure, unit, pattern, pkg, metric string
		goal                               float64
	}{
		{"repair_beyond_rtt_ms_p50", "ms", "^BenchmarkRepairTime$", "./client/receive", "repair_beyond_rtt_ms_p50", 2},
		{"repair_beyond_rtt_ms_p99", "ms", "^BenchmarkRepairTime$", "./client/receive", "repair_beyond_rtt_ms_p99", 8},
		{"receive_cpu_pct_50mbps", "%", "^BenchmarkReceive50Mbps$", "./client", "cpu_pct", 12},
		{"receive_allocs_per_packet", "allocations", "^BenchmarkReceive$", "./client/receive", "allocs/packet", 0},
		{"address_change_ms", "ms", "^BenchmarkAddressChange$", "./client", "address_change_ms", 300},
	} {
		fmt.Fprintf(cfg.Log, "shadow-lab: %s of %s\n", b.pattern, b.pkg)
		metrics, err := Benchmark(ctx, b.pattern, b.pkg)
		if err != nil {
			return err
		}
		value, ok := metrics[b.metric]
		if !ok {
			return fmt.Errorf("benchmark %s of %s says no %s", b.pattern, b.pkg, b.metric)
		}
		r.AddGoal(b.figure, b.unit, value, b.goal)
	}
	return nil
}

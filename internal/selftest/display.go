package selftest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// DisplayConfig says what to show.
type DisplayConfig struct {
	Common
	Output
	Rounds   []map[string]mode.Mode // own modes by connector, one round after the other; empty: one with the best modes
	Span     time.Duration          // of each round, 0: 5 s
	Pictures string                 // folder for PNGs of what the monitors show; "": none are kept
	NoSweep  bool                   // leave variable refresh alone
}

const (
	// leastPSNR is how like the drawn picture a captured one has to be. What
	// is lost is the chroma at the edges of the bars.
	leastPSNR = 30
	// mostOff is how far the median of the intervals may be off the period.
	mostOff = 0.05
	// warmUp is left out of the figures: the pacer learns from 500 ms.
	warmUp = 700 * time.Millisecond
	// lightTime is how long the monitors may take to come on.
	lightTime = 10 * time.Second
	// maxMonitors get a picture of their own.
	maxMonitors = 4
	// windowHz is the rate of pictures for a window, whose monitor is not known.
	windowHz = 60
)

// Display shows a test picture on every monitor, or in a window, and measures
// when it was shown. The error says that nothing could be shown.
func Display(ctx context.Context, cfg DisplayConfig) (*DisplayReport, error) {
	return testDisplay(ctx, cfg, openDisplay, classDRM)
}

func testDisplay(ctx context.Context, cfg DisplayConfig, open func(plan) (screenful, error), sysfs string) (*DisplayReport, error) {
	cfg.Common = cfg.Common.withDefaults()
	if cfg.Span <= 0 {
		cfg.Span = 5 * time.Second
	}
	if len(cfg.Rounds) == 0 {
		cfg.Rounds = []map[string]mode.Mode{nil}
	}
	kind, err := cfg.kind()
	if err != nil {
		return nil, err
	}
	r := &DisplayReport{Monitors: []Monitor{}, Figures: []OutputFigures{}, Sweep: []SweepStep{}}
	r.Failed = []string{}
	for i, modes := range cfg.Rounds {
		s := &showing{cfg: cfg, kind: kind, round: i + 1, modes: modes, report: r, sysfs: sysfs, told: make(chan struct{}, 1)}
		if err := s.run(ctx, open); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, nil
}

// showing is one round: a display with one mode for each monitor.
type showing struct {
	cfg    DisplayConfig
	kind   string
	round  int
	modes  map[string]mode.Mode
	report *DisplayReport
	sysfs  string
	d      screenful
	told   chan struct{} // capacity 1, never closed: the outputs are others

	mu      sync.Mutex // guards what follows
	outputs []display.Output
	records [display.MaxScreens]record
}

// record is what was shown on one screen.
type record struct {
	from     time.Time // what was shown before does not count
	period   time.Duration
	last     time.Time // flip
	id       uint32    // of the picture shown last
	shown    uint64
	inside   uint64 // intervals within a tenth of a period
	skipped  uint64
	interval *metric.Latency
}

// add notes a flip.
func (r *record) add(f *media.Frame) {
	at, last := f.Timing.Shown, r.last
	r.last, r.id = at, f.FrameID
	if r.from.IsZero() || at.Before(r.from) {
		return
	}
	r.shown++
	if last.IsZero() || last.Before(r.from) || r.period <= 0 {
		return
	}
	d := at.Sub(last)
	r.interval.Record(d)
	if off := d - r.period; off.Abs() <= r.period/10 {
		r.inside++
	}
	if n := (d + r.period/2) / r.period; n > 1 {
		r.skipped += uint64(n - 1)
	}
}

func (s *showing) onShown(f *media.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[f.Screen].add(f)
}

func (s *showing) onOutputs(all []display.Output) {
	s.mu.Lock()
	s.outputs = all
	s.mu.Unlock()
	select {
	case s.told <- struct{}{}:
	default:
	}
}

func (s *showing) run(ctx context.Context, open func(plan) (screenful, error)) (err error) {
	p := plan{Output: s.cfg.Output, kind: s.kind, screens: 1, config: display.Config{
		OnShown: s.onShown, OnOutputs: s.onOutputs, Logger: s.cfg.Logger,
	}}
	if s.kind == outputs.Card {
		p.screens, p.Modes, p.policy = maxMonitors, s.modes, pace.Auto
	}
	if s.d, err = open(p); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return s.work(run) })
	err = s.d.Run(run)
	cancel()
	if werr := g.Wait(); err == nil && !errors.Is(werr, errEnded) {
		err = werr
	}
	return err
}

// describe says what there is, once, when all monitors are known.
func (s *showing) describe() {
	r := s.report
	if r.Display != "" {
		return
	}
	r.Display = describeDisplay(s.kind, s.d)
	m, ok := s.d.(monitors)
	if !ok {
		return
	}
	c := m.Capabilities()
	r.Card, r.Driver, r.Renderer, r.DMABuf, r.DMABufReason = c.Card, c.Driver, c.GL.Renderer, c.DMABuf, c.Reason
	list, err := survey(s.sysfs, filepath.Base(c.Card))
	if err != nil {
		r.fail("%v", err)
	}
	if l, ok := s.d.(lister); ok {
		for i := range list {
			if kernel, tried := l.Modes(list[i].Connector); len(kernel) > 0 {
				list[i].ModesFrom = "kernel"
				list[i].list(kernel, tried)
			}
		}
	}
	r.Monitors = append(r.Monitors, list...)
}

// work feeds all outputs at once, and looks at what they show.
func (s *showing) work(ctx context.Context) error {
	lit, err := s.awaitOutputs(ctx)
	if err != nil {
		return err
	}
	s.describe()
	s.cfg.say("round %d: %d output(s) for %v", s.round, len(lit), s.cfg.Span)
	feeds := make([]*feed, len(lit))
	for i, o := range lit {
		feeds[i] = s.newFeed(o)
	}
	if err := s.feedAll(ctx, feeds, s.cfg.Span); err != nil {
		return err
	}
	for _, f := range feeds {
		s.report.Figures = append(s.report.Figures, s.figures(ctx, f))
	}
	for _, f := range feeds {
		if f.out.Variable && !s.cfg.NoSweep {
			if err := s.sweep(ctx, f); err != nil {
				return err
			}
		}
	}
	return errEnded
}

// awaitOutputs waits until every monitor is on.
func (s *showing) awaitOutputs(ctx context.Context) ([]display.Output, error) {
	if s.kind == outputs.Window {
		o := display.Output{Connector: "window 1", Connected: true, Width: 1280, Height: 720, MilliHz: windowHz * 1000}
		if s.cfg.Width > 0 {
			o.Width, o.Height = s.cfg.Width&^1, s.cfg.Height&^1
		}
		return []display.Output{o}, nil
	}
	end := time.NewTimer(lightTime)
	defer end.Stop()
	for {
		lit, dark := s.lit()
		if len(lit) > 0 && dark == "" {
			return lit, nil
		}
		select {
		case <-s.told:
		case <-ctx.Done():
			return nil, errEnded
		case <-end.C:
			if len(lit) == 0 {
				return nil, fmt.Errorf("no monitor came on within %v: one has to be plugged in: %w", lightTime, errors.ErrUnsupported)
			}
			s.report.fail("%s did not come on within %v", dark, lightTime)
			return lit, nil
		}
	}
}

// lit returns the outputs that are on, and one that is not.
func (s *showing) lit() (lit []display.Output, dark string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.outputs {
		switch {
		case !o.Connected || o.Screen < 0:
		case o.Width == 0 || o.MilliHz == 0:
			dark = o.Connector
		default:
			lit = append(lit, o)
		}
	}
	return lit, dark
}

// Rates of the sweep through variable refresh, Hz.
const (
	sweepFrom = 30
	sweepStep = 10
)

// sweep shows pictures at one rate after the other and looks whether the panel
// follows.
func (s *showing) sweep(ctx context.Context, f *feed) error {
	top := max(f.out.VRRMaxMilliHz, 0) / 1000
	if top == 0 || top > f.out.MilliHz/1000 {
		top = f.out.MilliHz / 1000
	}
	defer func(p time.Duration) { f.period = p }(f.period)
	for hz := uint32(sweepFrom); hz <= top && ctx.Err() == nil; hz += sweepStep {
		f.period = time.Second / time.Duration(hz)
		s.cfg.say("%s at %d Hz", f.out.Connector, hz)
		if err := s.feedAll(ctx, []*feed{f}, time.Second); err != nil {
			return err
		}
		s.mu.Lock()
		q := s.records[f.out.Screen].interval.Quantiles()
		s.mu.Unlock()
		step := SweepStep{Connector: f.out.Connector, Hz: float64(hz), PeriodMS: round2(f.period.Seconds() * 1000), Interval: q}
		s.report.Sweep = append(s.report.Sweep, step)
		if abs(q.P50-step.PeriodMS) > mostOff*step.PeriodMS {
			s.report.fail("%s does not follow %d Hz: a new picture every %.2f ms, want %.2f", step.Connector, hz, q.P50, step.PeriodMS)
		}
	}
	return nil
}

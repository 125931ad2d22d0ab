package selftest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
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

// DisplayReport is what Display found.
type DisplayReport struct {
	Verdict
	Display      string          `json:"display"`
	Card         string          `json:"card"`
	Driver       string          `json:"driver"`
	Renderer     string          `json:"renderer"`
	DMABuf       bool            `json:"dmabuf"` // dma-bufs are drawn with the right pixels
	DMABufReason string          `json:"dmabuf_reason,omitempty"`
	Monitors     []Monitor       `json:"monitors"`
	Figures      []OutputFigures `json:"outputs"` // of each output in each round
	Sweep        []SweepStep     `json:"sweep"`
}

// OutputFigures is one output in one mode.
type OutputFigures struct {
	Round     int     `json:"round"` // from 1
	Connector string  `json:"connector"`
	Wished    string  `json:"wished,omitempty"` // mode
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Hz        float64 `json:"hz"`
	PeriodMS  float64 `json:"period_ms"` // by the mode, exactly
	GridMS    float64 `json:"grid_ms"`   // by the flips; 0: not known
	Variable  bool    `json:"variable"`
	// The beginning is not counted in Fed to Skipped, but in all below.
	Fed      uint64            `json:"fed"`
	Shown    uint64            `json:"shown"`
	Interval metric.Quantiles  `json:"interval_ms"` // between flips of new pictures
	OnGrid   float64           `json:"on_grid"`     // share of the intervals within a tenth of one period
	Skipped  uint64            `json:"skipped"`     // vertical blanks without a new picture
	Missed   uint64            `json:"missed"`      // flips a blank later than meant
	Dropped  map[string]uint64 `json:"dropped"`     // by cause
	Late     map[string]uint64 `json:"late"`        // by cause
	Wait     metric.Quantiles  `json:"wait_ms"`     // given until drawing began
	Draw     metric.Quantiles  `json:"draw_ms"`     // until the commit was accepted
	Flip     metric.Quantiles  `json:"flip_ms"`     // until it was on the screen
	Commits  uint64            `json:"flips"`       // all flips
	Lost     uint64            `json:"lost"`        // flips that never came
	PSNR     float64           `json:"psnr_db"`     // of what the card shows against what was drawn; 0: not looked at
	Picture  string            `json:"picture,omitempty"`
}

// SweepStep is one rate on a monitor with variable refresh.
type SweepStep struct {
	Connector string           `json:"connector"`
	Hz        float64          `json:"hz"`
	PeriodMS  float64          `json:"period_ms"`
	Interval  metric.Quantiles `json:"interval_ms"`
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
	if s.kind == Card {
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
	if s.kind == Window {
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

// feed gives one output its pictures.
type feed struct {
	out     display.Output
	picture *testPicture
	period  time.Duration // of the mode, exactly
	next    uint32        // number of the next picture
	fed     uint64        // since the record began
}

func (s *showing) newFeed(o display.Output) *feed {
	f := &feed{out: o, period: mode.FromMilliHz(o.MilliHz).Period()}
	if m, ok := s.modes[o.Connector]; ok && int(m.HDisplay) == o.Width && int(m.VDisplay) == o.Height {
		f.period = m.Period()
	}
	f.picture = newTestPicture(o.Screen, o.Width, o.Height)
	if m, ok := s.d.(monitors); ok && len(s.modes) == 0 {
		m.SetStream(o.Screen, o.Width, o.Height, mode.FromMilliHz(o.MilliHz))
	}
	return f
}

// feedAll feeds outputs until their time is over and the last pictures are on
// the screen.
func (s *showing) feedAll(ctx context.Context, feeds []*feed, span time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for _, f := range feeds {
		s.mu.Lock()
		s.records[f.out.Screen] = record{from: begin.Add(warmUp), period: f.period, interval: &metric.Latency{}}
		s.mu.Unlock()
		f.fed = 0
		g.Go(func() error { return s.feedOne(ctx, f, begin, span) })
	}
	return g.Wait()
}

func (s *showing) feedOne(ctx context.Context, f *feed, begin time.Time, span time.Duration) error {
	for at := begin; at.Before(begin.Add(warmUp + span)); at = at.Add(f.period) {
		if !until(ctx, at) {
			return nil
		}
		var p *media.Frame
		select {
		case p = <-f.picture.frames:
		case <-ctx.Done():
			return nil
		}
		if err := f.picture.draw(p, f.next); err != nil {
			return err
		}
		if !at.Before(begin.Add(warmUp)) {
			f.fed++
		}
		f.next++
		p.Timing = media.Timing{Decoded: time.Now()}
		s.d.Present(p)
		// A machine that cannot draw this fast skips pictures.
		for late := time.Since(at.Add(f.period)); late > f.period; late -= f.period {
			at = at.Add(f.period)
		}
	}
	return nil
}

// figures sums up one output.
func (s *showing) figures(ctx context.Context, f *feed) OutputFigures {
	s.settle(ctx, f)
	s.mu.Lock()
	rec := s.records[f.out.Screen]
	s.mu.Unlock()
	o := OutputFigures{
		Round: s.round, Connector: f.out.Connector, Width: f.out.Width, Height: f.out.Height,
		Hz: float64(f.out.MilliHz) / 1000, PeriodMS: f.period.Seconds() * 1000, GridMS: f.out.Period.Seconds() * 1000,
		Variable: f.out.Variable, Fed: f.fed, Shown: rec.shown, Interval: rec.interval.Quantiles(), Skipped: rec.skipped,
		Dropped: make(map[string]uint64), Late: make(map[string]uint64),
	}
	if o.Interval.N > 0 {
		o.OnGrid = round2(float64(rec.inside) / float64(o.Interval.N))
	}
	st := s.d.Stats().Screens[f.out.Screen]
	for c := range media.NumCauses {
		o.Dropped[c.String()], o.Late[c.String()] = st.Dropped[c], st.Late[c]
	}
	if k, ok := s.d.(recorder); ok {
		s.recorded(k, f, &o)
	}
	if m, ok := s.d.(monitors); ok {
		s.look(m, f, rec.id, &o)
	}
	s.judge(&o)
	return o
}

// recorded takes over what the display itself has measured.
func (s *showing) recorded(d recorder, f *feed, o *OutputFigures) {
	k, ok := d.Figures(f.out.Screen)
	if !ok {
		return
	}
	o.Wait, o.Draw, o.Flip = k.Wait.Quantiles(), k.Draw.Quantiles(), k.Flip.Quantiles()
	o.Missed, o.Commits, o.Lost = k.Missed, k.Flips, k.Lost
	for c := range media.NumCauses {
		o.Late[c.String()] = k.Late[c]
	}
}

// settle waits for the last picture to be on the screen.
func (s *showing) settle(ctx context.Context, f *feed) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(settleMost)
	defer end.Stop()
	for {
		s.mu.Lock()
		id := s.records[f.out.Screen].id
		s.mu.Unlock()
		if id+1 == f.next {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// look compares what the card shows with what was drawn.
func (s *showing) look(m monitors, f *feed, id uint32, o *OutputFigures) {
	got, err := m.Capture(f.out.Screen)
	if err != nil {
		s.report.fail("%s: %v", f.out.Connector, err)
		return
	}
	// A picture may have been drawn and not yet been flipped: the one that is
	// there says which it is.
	if code, err := barcode.ReadImage(got); err == nil && code.Frame >= id && code.Frame < f.next {
		id = code.Frame
	}
	want, err := expected(f.out.Screen, f.out.Width, f.out.Height, id)
	if err != nil {
		s.report.fail("%s: %v", f.out.Connector, err)
		return
	}
	if o.PSNR = round2(psnr(got, want)); o.PSNR < leastPSNR {
		s.report.fail("%s shows another picture than was drawn: %.1f dB, want %d", f.out.Connector, o.PSNR, leastPSNR)
	}
	if s.cfg.Pictures == "" {
		return
	}
	o.Picture = filepath.Join(s.cfg.Pictures, fmt.Sprintf("%s-%d-%dx%d.png", f.out.Connector, s.round, o.Width, o.Height))
	if err := writePNG(o.Picture, got); err != nil {
		s.report.fail("%v", err)
	}
}

func writePNG(path string, img image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, img), f.Close())
}

// judge compares an output's figures with what its mode promises.
func (s *showing) judge(o *OutputFigures) {
	if m, ok := s.modes[o.Connector]; ok {
		o.Wished = m.String()
		if int(m.HDisplay) != o.Width || int(m.VDisplay) != o.Height || abs(float64(m.MilliHz())/1000-o.Hz) > 0.01*o.Hz {
			s.report.fail("%s is in mode %dx%d@%.3f, not in %s", o.Connector, o.Width, o.Height, o.Hz, o.Wished)
		}
	}
	if o.Shown == 0 {
		s.report.fail("%s showed nothing", o.Connector)
		return
	}
	if s.kind == Card && abs(o.Interval.P50-o.PeriodMS) > mostOff*o.PeriodMS {
		s.report.fail("%s shows a new picture every %.2f ms, its mode has %.2f", o.Connector, o.Interval.P50, o.PeriodMS)
	}
}

func abs(v float64) float64 { return max(v, -v) }

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

func (r *DisplayReport) table(w io.Writer) {
	fmt.Fprintf(w, "display\t%s\n", r.Display)
	if r.Card != "" {
		text := "drawn with the right pixels"
		if !r.DMABuf {
			text = "not used: " + r.DMABufReason
		}
		fmt.Fprintf(w, "dma-bufs\t%s\n", text)
	}
	for i := range r.Monitors {
		r.Monitors[i].table(w)
	}
	for i := range r.Figures {
		r.Figures[i].table(w)
	}
	if len(r.Sweep) > 0 {
		fmt.Fprintf(w, "\nvariable refresh\tHz\tms\tp50\tp99\tmax\n")
	}
	for _, s := range r.Sweep {
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\n", s.Connector, s.Hz, s.PeriodMS, s.Interval.P50, s.Interval.P99, s.Interval.Max)
	}
}

func (o *OutputFigures) table(w io.Writer) {
	fmt.Fprintf(w, "\n%s\t%dx%d at %.3f Hz, %.3f ms (%.3f by its flips)\n", o.Connector, o.Width, o.Height, o.Hz, o.PeriodMS, o.GridMS)
	fmt.Fprintf(w, "  pictures\tgiven %d, shown %d; dropped: %s\n", o.Fed, o.Shown, counts(o.Dropped))
	fmt.Fprintf(w, "  between flips\t%s; %.0f %% within a tenth of a period\n", spread(o.Interval), o.OnGrid*100)
	fmt.Fprintf(w, "  blanks\t%d without a new picture, %d flips missed theirs, %d flips lost\n", o.Skipped, o.Missed, o.Lost)
	fmt.Fprintf(w, "  late\t%s\n", counts(o.Late))
	fmt.Fprintf(w, "  waiting, drawing, flip\t%s; %s; %s\n", spread(o.Wait), spread(o.Draw), spread(o.Flip))
	if o.PSNR > 0 {
		fmt.Fprintf(w, "  picture on the card\t%.1f dB %s\n", o.PSNR, o.Picture)
	}
}

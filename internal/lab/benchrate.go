package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// The road of the rate benchmark: 20 ms round trip, and first 30, then 5, then
// 30 Mb/s again. The host may use more than all of them.
const (
	rateHigh, rateLow = 30_000_000, 5_000_000
	rateHostBps       = 45_000_000
	rateFirst         = 10 * time.Second
	rateNarrow        = 6 * time.Second
	rateAgain         = 10 * time.Second
	rateSample        = 20 * time.Millisecond
	rateWindow        = 10 // samples that a rate is counted over
)

// rateCourse is what came through the road while its rate changed.
type rateCourse struct {
	timeTo80       float64 // s, from the first packet until 80 % of the first rate came through
	rampQueue      float64 // ms, the longest queue of the first part
	narrowQueue    float64 // ms, the longest queue until the end of the narrow part
	again          float64 // s, from the road's widening until 80 % came through
	longestFreeze  float64 // ms, over all of it
	firstMbps      float64
	narrowMbps     float64
	shown, ordered int
}

// benchRate has the terminal look at a host over a road whose rate changes.
func benchRate(ctx context.Context, cfg NetworkConfig) (c rateCourse, err error) {
	fmt.Fprintln(cfg.Log, "shadow-lab: shadow-terminal over 30, 5 and 30 Mb/s")
	d, err := StartDisplay(ctx, DisplayConfig{Width: 1280, Height: 720})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	host, err := cfg.Programs.StartHost(ctx, HostConfig{Source: "testcard", Busy: true, Size: "1280x720", BitrateBps: rateHostBps, Audio: "none"})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, host.Kill()) }()
	road, err := openRoad(ctx, host.URL, narrowed(rateHigh), cfg.Seed)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, road.close()) }()
	p, closeViewer, err := startViewer(ctx, viewers(cfg.Programs.Terminal)[0], d, road.site)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, closeViewer()) }()
	watching, stop := context.WithCancel(ctx)
	type result struct {
		seen []sighting
		err  error
	}
	watched := make(chan result, 1)
	go func() {
		seen, err := d.watch(watching)
		watched <- result{seen, err}
	}()
	from, to, err := c.drive(ctx, p, road)
	stop()
	r := <-watched
	if err = errors.Join(err, r.err); err != nil {
		return c, err
	}
	if err := tellPath(cfg.Log, p, host); err != nil {
		return c, err
	}
	v := &viewed{}
	v.count(r.seen, from, to)
	c.longestFreeze, c.shown, c.ordered = v.freezeLongest, v.shown, v.sent
	fmt.Fprintf(cfg.Log, "shadow-lab: %d of %d pictures seen, the longest gap %.0f ms; queue %.0f ms at most on the way up, %.0f ms on the way down\n",
		c.shown, c.ordered, c.longestFreeze, c.rampQueue, c.narrowQueue)
	return c, nil
}

// tellPath ends the programs and says what the host thought of the road.
func tellPath(w io.Writer, terminal *Process, host *Host) error {
	if _, err := terminal.Stop(); err != nil {
		return err
	}
	if _, err := host.Stop(); err != nil {
		return err
	}
	var said struct {
		Screens []struct {
			Captured uint64 `json:"captured"`
			Skipped  uint64 `json:"skipped"`
			ForRate  uint64 `json:"skipped_for_rate"`
		} `json:"screens"`
		Transport struct {
			Lost       uint64 `json:"lost"`
			Packets    uint64 `json:"packets"`
			Breakdowns uint64 `json:"breakdowns"`
			Path       struct {
				TargetBps float64 `json:"target_bps"`
				LossPct   float64 `json:"loss_pct"`
			} `json:"path"`
			QueueDelay metric.Quantiles `json:"queue_delay_ms"`
		} `json:"transport"`
	}
	if err := host.Summary(&said); err != nil {
		return err
	}
	t := &said.Transport
	fmt.Fprintf(w, "shadow-lab: the host ended at %.1f Mb/s, %.1f %% loss, queue %.1f ms (p99 %.1f); %d of %d packets lost, %d breakdowns\n",
		t.Path.TargetBps/1e6, t.Path.LossPct, t.QueueDelay.P50, t.QueueDelay.P99, t.Lost, t.Packets, t.Breakdowns)
	for _, sc := range said.Screens {
		fmt.Fprintf(w, "shadow-lab: it skipped %d of %d pictures, %d of them for the path\n", sc.Skipped, sc.Captured, sc.ForRate)
	}
	return nil
}

// narrowed is a road of that rate.
func narrowed(bps int) netlab.Profile {
	return netlab.Profile{
		Name: fmt.Sprintf("%d Mb/s", bps/1_000_000),
		Up:   netlab.Conditions{Delay: 10 * time.Millisecond},
		Down: netlab.Conditions{Delay: 10 * time.Millisecond, RateBps: bps, Queue: 250 * time.Millisecond},
	}
}

// drive changes the road's rate and notes what comes through. from is when
// the first picture had time to be there.
func (c *rateCourse) drive(ctx context.Context, p *Process, road *road) (from, to time.Time, err error) {
	first, err := sampleRate(ctx, p, road, rateFirst, true)
	if err != nil {
		return
	}
	from = first.began.Add(time.Second)
	c.timeTo80, c.firstMbps, c.rampQueue = first.timeTo(0.8*rateHigh), first.last()/1e6, first.queue
	if err = road.SetProfile(narrowed(rateLow)); err != nil {
		return
	}
	narrow, err := sampleRate(ctx, p, road, rateNarrow, false)
	if err != nil {
		return
	}
	c.narrowMbps, c.narrowQueue = narrow.last()/1e6, narrow.queue
	if err = road.SetProfile(narrowed(rateHigh)); err != nil {
		return
	}
	again, err := sampleRate(ctx, p, road, rateAgain, false)
	c.again = again.timeTo(0.8 * rateHigh)
	return from, time.Now(), err
}

// samples are what came through a road by time.
type samples struct {
	began time.Time // the first packet
	at    []time.Duration
	bits  []float64 // so far
	queue float64   // ms, the longest by now in the road's life
}

// sampleRate looks at a road for a while, from the first packet on where
// fresh says that there was none yet.
func sampleRate(ctx context.Context, p *Process, road *road, d time.Duration, fresh bool) (s samples, err error) {
	tick := time.NewTicker(rateSample)
	defer tick.Stop()
	before := road.Stats().Down
	if !fresh {
		s.began = time.Now()
	}
	deadline := time.Now().Add(d + 10*time.Second)
	for {
		select {
		case <-tick.C:
		case <-p.Done():
			return s, fmt.Errorf("the terminal ended: %s", lastLines(p.Stderr(), 3))
		case <-ctx.Done():
			return s, ctx.Err()
		}
		now, down := time.Now(), road.Stats().Down
		bits := 8 * float64(down.Bytes-before.Bytes)
		if s.began.IsZero() {
			if bits > 8*50_000 { // media flows, not only the handshake
				s.began = now
			} else if now.After(deadline) {
				return s, errors.New("nothing came through the road")
			}
			continue
		}
		s.at, s.bits = append(s.at, now.Sub(s.began)), append(s.bits, bits)
		s.queue = float64(down.QueueHigh.Microseconds()) / 1000
		if now.Sub(s.began) >= d {
			return s, nil
		}
	}
}

// rate is what came through in the window that ends with sample i, in bit/s.
func (s *samples) rate(i int) float64 {
	from := max(i-rateWindow, 0)
	if i == from {
		return 0
	}
	return (s.bits[i] - s.bits[from]) / (s.at[i] - s.at[from]).Seconds()
}

// timeTo returns how many seconds it took until that much came through.
func (s *samples) timeTo(bps float64) float64 {
	for i := rateWindow; i < len(s.at); i++ {
		if s.rate(i) >= bps {
			return s.at[i].Seconds()
		}
	}
	return s.at[len(s.at)-1].Seconds() // at least
}

// last is the rate of the last second.
func (s *samples) last() float64 {
	n := len(s.at) - 1
	from := max(n-int(time.Second/rateSample), 0)
	if n <= from {
		return 0
	}
	return (s.bits[n] - s.bits[from]) / (s.at[n] - s.at[from]).Seconds()
}

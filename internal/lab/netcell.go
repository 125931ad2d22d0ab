package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"
)

// One cell of the network benchmark: a viewer under a profile.
const (
	cellSettle    = 5 * time.Second // connecting, finding the rate
	cellWindow    = 20 * time.Second
	cellQuiet     = 300 * time.Millisecond // for keys on their way
	cellBlackout  = time.Second
	cellRecover   = 3 * time.Second // from one blackout's end to the next
	cellBlackouts = 2
	freezeFrom    = 100 * time.Millisecond // a longer gap between two pictures is a freeze
	cellFPS       = 60                     // pictures the host captures a second
)

// viewed is how one viewer did under one profile.
type viewed struct {
	viewer, profile string

	sent, shown   int          // pictures captured in the window, and those of them seen
	latency       distribution // ms from capture to sight, of those seen
	freezes       int
	freezeTotal   float64 // ms
	freezeLongest float64 // ms
	recovery      distribution
	cpuPerMinute  float64 // s
	memory        float64 // MiB

	keyP99   float64          // ms, one way, ours only
	terminal *TerminalSummary // ours only
}

// share is the part of the pictures that was seen, in percent.
func (v *viewed) share() float64 {
	if v.sent == 0 {
		return 0
	}
	return 100 * float64(v.shown) / float64(v.sent)
}

// count fills in what was seen between two moments. A viewer that shows nothing
// has seen nothing of as many pictures.
func (v *viewed) count(seen []sighting, from, to time.Time) {
	v.sent = int(math.Round(to.Sub(from).Seconds() * cellFPS))
	previous := from
	for _, s := range seen {
		if s.at.Before(from) || s.at.After(to) {
			continue
		}
		v.shown++
		v.latency = append(v.latency, float64(s.at.Sub(s.captured).Microseconds())/1000)
		v.gap(s.at.Sub(previous))
		previous = s.at
	}
	v.gap(to.Sub(previous))
	v.sent = max(v.sent, v.shown) // one more where the window ends between two
	sort.Float64s(v.latency)
}

func (v *viewed) gap(d time.Duration) {
	if d <= freezeFrom {
		return
	}
	ms := float64(d.Microseconds()) / 1000
	v.freezes++
	v.freezeTotal += ms
	v.freezeLongest = math.Max(v.freezeLongest, ms)
}

// recovered adds how long after a blackout's end the first picture was seen
// that had been captured after its beginning.
func (v *viewed) recovered(seen []sighting, began, ended time.Time) {
	for _, s := range seen {
		if s.at.After(ended) && s.captured.After(began) {
			v.recovery = append(v.recovery, float64(s.at.Sub(ended).Microseconds())/1000)
			return
		}
	}
	v.recovery = append(v.recovery, float64(cellRecover.Milliseconds())) // at least
}

// network is the road between host and viewer.
type network interface {
	Blackout(d time.Duration)
}

// measure watches the display while a viewer shows the host. quiet ends what
// happens in the window only: a key in a blackout is as late as that is long.
func (d *Display) measure(ctx context.Context, v *viewed, p *Process, road network, quiet func()) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	type result struct {
		seen []sighting
		err  error
	}
	watched := make(chan result, 1)
	go func() {
		seen, err := d.watch(watching)
		watched <- result{seen, err}
	}()
	var use tree
	from, to, ends, err := d.act(ctx, p, road, &use, v, quiet)
	stop()
	r := <-watched
	if err = errors.Join(err, r.err); err != nil {
		return err
	}
	v.count(r.seen, from, to)
	if v.shown == 0 && v.viewer == ownViewer {
		return errors.New("no picture was seen")
	}
	for _, end := range ends {
		v.recovered(r.seen, end.Add(-cellBlackout), end)
	}
	sort.Float64s(v.recovery)
	return nil
}

// act goes through the cell's times and returns the window's bounds and the
// ends of the blackouts.
func (d *Display) act(ctx context.Context, p *Process, road network, use *tree, v *viewed, quiet func()) (from, to time.Time, ends []time.Time, err error) {
	if err = pass(ctx, p, cellSettle); err != nil {
		return
	}
	if err = use.look(p.PID()); err != nil {
		return
	}
	before := use.total()
	from = time.Now()
	if err = pass(ctx, p, cellWindow); err != nil {
		return
	}
	to = time.Now()
	if err = use.look(p.PID()); err != nil {
		return
	}
	v.cpuPerMinute = (use.total() - before).Seconds() * 60 / to.Sub(from).Seconds()
	v.memory = float64(use.pss) / (1 << 20)
	quiet()
	if err = pass(ctx, p, cellQuiet); err != nil {
		return
	}
	for range cellBlackouts {
		road.Blackout(cellBlackout)
		if err = pass(ctx, p, cellBlackout); err != nil {
			return
		}
		ends = append(ends, time.Now())
		if err = pass(ctx, p, cellRecover); err != nil {
			return
		}
	}
	return
}

// pass lets time pass while a program runs.
func pass(ctx context.Context, p *Process, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.Done():
		return fmt.Errorf("it ended: %s", lastLines(p.Stderr(), 3))
	case <-ctx.Done():
		return ctx.Err()
	}
}

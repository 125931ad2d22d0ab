package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// LatencyConfig says what to measure.
type LatencyConfig struct {
	Common
	Agent agent.Config // the host and how it is shown
	Marks int          // inputs to send; 0: 50
}

// LatencyReport is the true round trip, from an input to the picture that
// answers it on the screen, without a camera: the light of the panel itself
// and the wire of a mouse are not in it.
type LatencyReport struct {
	Verdict
	Marks   int              `json:"marks"`
	Seen    int              `json:"seen"`
	Photon  metric.Quantiles `json:"click_to_photon_ms"`  // input to the picture on the screen
	Host    metric.Quantiles `json:"input_to_capture_ms"` // to the capture of that picture
	Picture metric.Quantiles `json:"capture_to_shown_ms"` // from there to the screen
	Session *agent.Summary   `json:"session"`
}

const (
	// markPatience is how long an answer may take before it counts as lost.
	markPatience = 2 * time.Second
	// markPause is the least time between two inputs: the host shows a marker
	// for a fifth of a second. As much again, at most, is added at random, so
	// that inputs fall anywhere between two pictures.
	markPause = 300 * time.Millisecond
	// maxMark is the largest number of a marker, 13 bits.
	maxMark = 1<<13 - 1
)

// mark is an input that is under way.
type mark struct {
	mu   sync.Mutex
	id   uint16
	seen chan media.Timing // capacity 1
}

// on is told of every marker in a picture on the screen. The first with the
// number that is awaited answers it.
func (m *mark) on(id uint16, t media.Timing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id != m.id || m.seen == nil {
		return
	}
	m.seen <- t
	m.seen = nil
}

// Latency shows a host and measures how long inputs take to be seen. It runs on
// the main OS thread, which windows need.
func Latency(ctx context.Context, cfg LatencyConfig) (*LatencyReport, error) {
	cfg.Common = cfg.Common.withDefaults()
	if cfg.Marks <= 0 {
		cfg.Marks = 50
	}
	r := &LatencyReport{Verdict: Verdict{Failed: []string{}}, Marks: cfg.Marks}
	m := &mark{}
	cfg.Agent.OnMarker, cfg.Agent.Once, cfg.Agent.Logger = m.on, true, cfg.Logger
	a, err := agent.New(cfg.Agent)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		defer cancel() // ends the agent
		return r.measure(ctx, cfg, a, m)
	})
	err = errors.Join(a.Run(ctx), g.Wait())
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	if r.Session, err = a.Summary(); err != nil {
		return nil, err
	}
	if r.Seen < r.Marks {
		r.fail("%d of %d inputs were answered by a picture: does the host draw markers, and has the window the focus?", r.Seen, r.Marks)
	}
	return r, nil
}

// measure sends one input after another.
func (r *LatencyReport) measure(ctx context.Context, cfg LatencyConfig, a *agent.Agent, m *mark) error {
	select {
	case <-a.Pictured():
	case <-ctx.Done():
		return ctx.Err()
	}
	var photon, host, picture metric.Latency
	pause := time.NewTimer(time.Second) // pictures settle
	defer pause.Stop()
	first := uint16(rand.IntN(maxMark))
	for i := range cfg.Marks {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		t, sent, ok, err := m.send(ctx, a, (first+uint16(i))%maxMark+1)
		if err != nil {
			return err
		}
		if ok {
			r.Seen++
			photon.RecordSpan(sent, t.Shown)
			host.RecordSpan(sent, t.Captured)
			picture.RecordSpan(t.Captured, t.Shown)
		}
		cfg.Progress(fmt.Sprintf("%d of %d inputs", i+1, cfg.Marks))
		pause.Reset(markPause + rand.N(markPause))
	}
	r.Photon, r.Host, r.Picture = photon.Quantiles(), host.Quantiles(), picture.Quantiles()
	return nil
}

// send makes one input and waits for its answer.
func (m *mark) send(ctx context.Context, a *agent.Agent, id uint16) (t media.Timing, sent time.Time, ok bool, err error) {
	seen := make(chan media.Timing, 1)
	m.mu.Lock()
	m.id, m.seen = id, seen
	m.mu.Unlock()
	sent = time.Now()
	if !a.Mark(id) {
		return t, sent, false, nil
	}
	late := time.NewTimer(markPatience)
	defer late.Stop()
	select {
	case t = <-seen:
		return t, sent, true, nil
	case <-late.C:
		return t, sent, false, nil
	case <-ctx.Done():
		return t, sent, false, ctx.Err()
	}
}

func (r *LatencyReport) table(w io.Writer) {
	fmt.Fprintf(w, "inputs\t%d, answered %d\n", r.Marks, r.Seen)
	fmt.Fprintf(w, "latency in ms\tp50\tp95\tp99\tmax\n")
	for _, row := range []struct {
		name string
		q    metric.Quantiles
	}{{"click -> photon", r.Photon}, {"  click -> capture", r.Host}, {"  capture -> shown", r.Picture}} {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\n", row.name, row.q.P50, row.q.P95, row.q.P99, row.q.Max)
	}
}

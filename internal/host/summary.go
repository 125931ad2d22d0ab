package host

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/metric"
)

// Summary is what a host did from New until now; its JSON is stable.
type Summary struct {
	Program   string          `json:"program"`
	Version   string          `json:"version"`
	DurationS float64         `json:"duration_s"`
	Source    string          `json:"source"`
	Sessions  int             `json:"sessions"`
	Screens   []ScreenSummary `json:"screens"`
	Input     any             `json:"input,omitempty"`
	Transport Transport       `json:"transport"`
	CPUS      float64         `json:"cpu_s"`
	CPUSMin   float64         `json:"cpu_s_per_min"`
	PeakRSS   float64         `json:"peak_rss_mib"`
}

// ScreenSummary is one screen over all sessions. Captured is every picture
// that was due; skipped those that were never encoded.
type ScreenSummary struct {
	Screen   int     `json:"screen"`
	Encoder  string  `json:"encoder"`
	Captured uint64  `json:"captured"`
	Encoded  uint64  `json:"encoded"`
	Sent     uint64  `json:"sent"`
	Skipped  uint64  `json:"skipped"`
	Stages   Latency `json:"stages_ms"`
}

// Latency is the host's part of a picture's way, in milliseconds.
type Latency struct {
	CaptureToEncoded metric.Quantiles `json:"capture_to_encoded"`
	EncodedToSent    metric.Quantiles `json:"encoded_to_sent"`
}

// Transport is what was sent and what came back as lost, over all sessions.
type Transport struct {
	Packets          uint64 `json:"packets"`
	Lost             uint64 `json:"lost"`
	Repaired         uint64 `json:"repaired"`
	KeyframeRequests uint64 `json:"keyframe_requests"`
}

// totals collects over sessions. Counters are added to while a session runs,
// packets when it ends.
type totals struct {
	start time.Time

	mu        sync.Mutex // guards below
	sessions  int
	screens   map[int]*screenTotals
	transport Transport
}

type screenTotals struct {
	captured, encoded, sent         atomic.Uint64
	captureToEncoded, encodedToSent metric.Latency
	encoder                         atomic.Pointer[string]
}

func newTotals() *totals {
	return &totals{start: time.Now(), screens: make(map[int]*screenTotals)}
}

func (t *totals) screen(index int) *screenTotals {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.screens[index] == nil {
		t.screens[index] = &screenTotals{}
	}
	return t.screens[index]
}

func (s *screenTotals) setEncoder(name string) { s.encoder.Store(&name) }

// add counts a session that ended.
func (t *totals) add(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions++
	sent := s.sender.Stats()
	t.transport.Packets += sent.Packets
	t.transport.Lost += sent.Lost
	for _, sc := range s.screens {
		v := sc.track.Stats()
		sc.totals.sent.Add(v.Sent)
		t.transport.Repaired += v.Repaired
		t.transport.KeyframeRequests += v.KeyframeRequests
	}
}

// Summary may be called from any goroutine; sent frames and packets count
// when their session has ended.
func (s *Server) Summary(program, version string) Summary {
	t := s.totals
	d := time.Since(t.start)
	sum := Summary{Program: program, Version: version, DurationS: d.Seconds(), Source: s.cfg.Source.Name(), Screens: []ScreenSummary{}}
	if p, err := metric.Self(); err == nil {
		sum.CPUS, sum.PeakRSS = p.CPU.Seconds(), p.PeakRSSMiB
		sum.CPUSMin = sum.CPUS / max(d, time.Second).Minutes()
	}
	if s.cfg.InputSummary != nil {
		sum.Input = s.cfg.InputSummary()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	sum.Sessions, sum.Transport = t.sessions, t.transport
	for _, k := range slices.Sorted(maps.Keys(t.screens)) {
		sum.Screens = append(sum.Screens, t.screens[k].summary(k))
	}
	return sum
}

func (s *screenTotals) summary(index int) ScreenSummary {
	out := ScreenSummary{
		Screen: index, Captured: s.captured.Load(), Encoded: s.encoded.Load(), Sent: s.sent.Load(),
		Stages: Latency{s.captureToEncoded.Quantiles(), s.encodedToSent.Quantiles()},
	}
	out.Skipped = out.Captured - min(out.Captured, out.Encoded)
	if name := s.encoder.Load(); name != nil {
		out.Encoder = *name
	}
	return out
}

// WriteText prints the summary for people.
func (s Summary) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d sessions in %.0f s from %s; %d packets, %d reported lost, %d repaired, %d keyframes asked for\n",
		s.Sessions, s.DurationS, s.Source, s.Transport.Packets, s.Transport.Lost, s.Transport.Repaired, s.Transport.KeyframeRequests)
	for _, sc := range s.Screens {
		if err != nil {
			break
		}
		c, e := sc.Stages.CaptureToEncoded, sc.Stages.EncodedToSent
		_, err = fmt.Fprintf(w, "screen %d (%s): %d captured, %d encoded, %d sent, %d skipped; capture to encoded %.2f ms (p99 %.2f), encoded to sent %.2f ms (p99 %.2f)\n",
			sc.Screen, sc.Encoder, sc.Captured, sc.Encoded, sc.Sent, sc.Skipped, c.P50, c.P99, e.P50, e.P99)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "processor %.1f s (%.1f s a minute), memory %.0f MiB at most\n", s.CPUS, s.CPUSMin, s.PeakRSS)
	return err
}

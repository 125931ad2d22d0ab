// Package metric measures latencies: a [Latency] takes durations from any
// goroutine without allocating and gives their distribution. Averages hide
// what a person feels, so it offers none.
package metric

import (
	"encoding/json"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution of durations between 1 us and 100 s, three
// significant digits (HdrHistogram). The zero value is ready.
type Latency struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

// Record adds d. Durations outside the range count at its ends.
func (l *Latency) Record(d time.Duration) {
	us := min(max(d.Microseconds(), 0), 100_000_000)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.h == nil {
		l.h = hdrhistogram.New(1, 100_000_000, 3)
	}
	// The value is inside the histogram's range, so this cannot fail.
	_ = l.h.RecordValue(us)
}

// RecordSpan adds to-from unless either end is unknown (zero).
func (l *Latency) RecordSpan(from, to time.Time) {
	if !from.IsZero() && !to.IsZero() {
		l.Record(to.Sub(from))
	}
}

// Quantiles is a distribution in milliseconds, as summaries print it.
type Quantiles struct {
	N   int64   `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Quantiles returns the distribution so far.
func (l *Latency) Quantiles() Quantiles {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.h == nil {
		return Quantiles{}
	}
	ms := func(us int64) float64 { return math.Round(float64(us)) / 1000 }
	return Quantiles{
		N:   l.h.TotalCount(),
		P50: ms(l.h.ValueAtQuantile(50)),
		P95: ms(l.h.ValueAtQuantile(95)),
		P99: ms(l.h.ValueAtQuantile(99)),
		Max: ms(l.h.Max()),
	}
}

// MarshalJSON writes the quantiles, so a struct of latencies is a report.
func (l *Latency) MarshalJSON() ([]byte, error) { return json.Marshal(l.Quantiles()) }

package metric_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/metric"
)

func TestQuantiles(t *testing.T) {
	var l metric.Latency
	if got := l.Quantiles(); got != (metric.Quantiles{}) {
		t.Errorf("Quantiles() of nothing = %+v; want zeros", got)
	}
	for i := range 1000 {
		l.Record(time.Duration(i+1) * 100 * time.Microsecond)
	}
	q := l.Quantiles()
	near := func(name string, got, want float64) {
		if got < want*0.999 || got > want*1.001 {
			t.Errorf("%s = %v ms; want %v within 0.1 %%", name, got, want)
		}
	}
	near("p50", q.P50, 50)
	near("p95", q.P95, 95)
	near("p99", q.P99, 99)
	near("max", q.Max, 100)
	if q.N != 1000 {
		t.Errorf("n = %d; want 1000", q.N)
	}
}

func TestRangeIsClamped(t *testing.T) {
	var l metric.Latency
	l.Record(-time.Second)
	l.Record(time.Hour)
	if q := l.Quantiles(); q.N != 2 || q.P50 != 0 || q.Max < 99_000 {
		t.Errorf("Quantiles() = %+v; want both counted at the ends of the range", q)
	}
}

func TestSpanNeedsBothEnds(t *testing.T) {
	var l metric.Latency
	now := time.Now()
	l.RecordSpan(time.Time{}, now)
	l.RecordSpan(now, time.Time{})
	l.RecordSpan(now, now.Add(time.Millisecond))
	if q := l.Quantiles(); q.N != 1 || q.Max < 0.99 || q.Max > 1.01 {
		t.Errorf("Quantiles() = %+v; want the one span of 1 ms", q)
	}
}

func TestConcurrentAndJSON(t *testing.T) {
	var l metric.Latency
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				l.Record(time.Millisecond)
			}
		})
	}
	wg.Wait()
	raw, err := json.Marshal(&l)
	if err != nil {
		t.Fatal(err)
	}
	var q metric.Quantiles
	if err := json.Unmarshal(raw, &q); err != nil || q.N != 8000 {
		t.Errorf("JSON = %s, %v; want 8000 values", raw, err)
	}
}

func TestSelf(t *testing.T) {
	before, err := metric.Self()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := before.CPU + 20*time.Millisecond; ; {
		p, err := metric.Self()
		if err != nil {
			t.Fatal(err)
		}
		if p.CPU > deadline {
			break // what we burned was counted
		}
	}
	if before.PeakRSSMiB < 1 {
		t.Errorf("PeakRSSMiB = %v; want at least one", before.PeakRSSMiB)
	}
}

func BenchmarkRecord(b *testing.B) {
	var l metric.Latency
	b.ReportAllocs()
	for i := range b.N {
		l.Record(time.Duration(i%1000) * time.Microsecond)
	}
}

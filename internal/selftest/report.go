package selftest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/blade-shadow/terminal/internal/metric"
)

// Report is what a test found. Its JSON form is stable: fields are added, never
// changed.
type Report interface {
	// Failures says in words what did not hold; empty: all is well.
	Failures() []string
	// table writes it for people.
	table(w io.Writer)
}

// Verdict is the part that all reports share.
type Verdict struct {
	Failed []string `json:"failed"` // what did not hold, never null
}

// Failures returns what did not hold.
func (v *Verdict) Failures() []string { return v.Failed }

func (v *Verdict) fail(format string, args ...any) {
	v.Failed = append(v.Failed, fmt.Sprintf(format, args...))
}

// Write prints a report as one JSON object or as a table.
func Write(w io.Writer, r Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	r.table(t)
	for _, f := range r.Failures() {
		fmt.Fprintf(t, "FAILED\t%s\n", f)
	}
	return t.Flush()
}

// Common is what every test takes.
type Common struct {
	// Progress is told in words what comes next, by the goroutine of the test.
	// nil: nobody is told.
	Progress func(string)
	// Logger: nil discards.
	Logger *slog.Logger
}

func (c Common) withDefaults() Common {
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Common) say(format string, args ...any) { c.Progress(fmt.Sprintf(format, args...)) }

// round2 keeps two digits, so that reports can be read.
func round2(v float64) float64 { return math.Round(v*100) / 100 }

// spread is a distribution as tables have it.
func spread(q metric.Quantiles) string {
	return fmt.Sprintf("p50 %.2f, p99 %.2f, max %.2f ms", q.P50, q.P99, q.Max)
}

// orNone is a text for a cell that may be empty.
func orNone(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}

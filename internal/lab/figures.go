package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Figure is one measured number. All goals are upper bounds.
type Figure struct {
	Name      string   `json:"name"`
	Unit      string   `json:"unit"`
	Value     float64  `json:"value"`
	Peer      string   `json:"peer,omitempty"`
	PeerValue *float64 `json:"peer_value,omitempty"`
	Goal      *float64 `json:"goal,omitempty"`
}

// Met reports whether the figure reaches its goal, if it has one.
func (f Figure) Met() bool { return f.Goal == nil || f.Value <= *f.Goal }

// Report is one benchmark's result, build/bench/NAME.json.
type Report struct {
	Commit  string   `json:"commit"`
	Machine string   `json:"machine"`
	Figures []Figure `json:"figures"`
}

// NewReport returns an empty report of this commit on this machine.
func NewReport(ctx context.Context) *Report {
	return &Report{Commit: commit(ctx), Machine: machine()}
}

// Add adds a figure without a goal.
func (r *Report) Add(name, unit string, value float64) {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: unit, Value: value})
}

// AddGoal adds a figure that shall be at most goal.
func (r *Report) AddGoal(name, unit string, value, goal float64) {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: unit, Value: value, Goal: &goal})
}

// AddPeer adds a figure beside that of another program in the same run.
func (r *Report) AddPeer(name, unit string, value float64, peer string, peerValue float64) {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: unit, Value: value, Peer: peer, PeerValue: &peerValue})
}

// Save writes the report, making its folder.
func (r *Report) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// WriteTable prints the figures and whether the goals are met.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "figure\tvalue\tunit\tgoal or peer\n")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Name, round(f.Value), f.Unit, f.verdict())
	}
	return t.Flush()
}

// round leaves as many digits as a person reads.
func round(v float64) string { return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64) }

func (f Figure) verdict() string {
	switch {
	case f.PeerValue != nil:
		return fmt.Sprintf("%s: %s", f.Peer, round(*f.PeerValue))
	case f.Goal == nil:
		return ""
	case f.Met():
		return fmt.Sprintf("<= %g met", *f.Goal)
	}
	return fmt.Sprintf("<= %g NOT met", *f.Goal)
}

// commit names what is checked out, "unknown" outside a repository.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// Benchmark runs one Go benchmark of this module and returns its metrics by
// unit, such as "ns/op" or "allocs/frame". Of several lines, such as those of
// sub-benchmarks, it returns the largest value of each unit.
func Benchmark(ctx context.Context, pattern, pkg string, flags ...string) (map[string]float64, error) {
	args := append([]string{"test", "-run", "^$", "-bench", pattern, "-benchmem"}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmark %s of %s: %w: %s", pattern, pkg, err, lastLines(string(out), 5))
	}
	metrics := parseBenchmark(out)
	if len(metrics) == 0 {
		return nil, fmt.Errorf("benchmark %s of %s: no result in: %s", pattern, pkg, lastLines(string(out), 5))
	}
	return metrics, nil
}

// parseBenchmark reads lines of "BenchmarkName N VALUE UNIT VALUE UNIT ...".
func parseBenchmark(out []byte) map[string]float64 {
	metrics := map[string]float64{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			unit := fields[i+1]
			if old, ok := metrics[unit]; ok {
				value = math.Max(value, old)
			}
			metrics[unit] = value
		}
	}
	return metrics
}

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// inputFigures are those of `shadow-terminal selftest input`.
type inputFigures struct {
	EventMSP50 float64 `json:"event_to_datagram_ms_p50"`
	EventMSP99 float64 `json:"event_to_datagram_ms_p99"`
	Allocs     float64 `json:"allocs_per_event"`
	Threads    float64 `json:"os_threads_12_devices"`
}

// lossyRTT is the round trip of the lossy line, in ms, and lateness what a key
// may take beyond half of it.
const (
	lossyRTT = 20
	lateness = 20
)

// BenchInput measures the way of keys and motion: from a device to the datagram,
// and in a session that loses one in ten packets on their way.
func BenchInput(ctx context.Context, cfg BenchConfig) error {
	report := NewReport(ctx)
	fmt.Fprintln(cfg.Log, "shadow-lab: from a device's event to the datagram")
	cmd := exec.CommandContext(ctx, cfg.Programs.Terminal, "selftest", "input", "--json")
	cmd.Stderr = cfg.Log
	out, err := cmd.Output() // a goal that is not met is in the figures
	var f inputFigures
	if jerr := json.Unmarshal(out, &f); jerr != nil {
		return fmt.Errorf("selftest input: %w: %w", jerr, err)
	}
	report.AddGoal("event_to_datagram_ms_p99", "ms", f.EventMSP99, 0.3)
	report.Add("event_to_datagram_ms_p50", "ms", f.EventMSP50)
	report.AddGoal("allocs_per_event", "allocations", f.Allocs, 0.5) // what else the process allocates meanwhile
	report.AddGoal("os_threads_12_devices", "threads", f.Threads, 2) // Go's own
	fmt.Fprintln(cfg.Log, "shadow-lab: a session that loses one in ten packets to the host")
	loss, err := Benchmark(ctx, "^BenchmarkInputLoss10$", "./client", "-benchtime=2000x")
	if err != nil {
		return err
	}
	report.Add("key_ms_p50_loss10", "ms", loss["key_ms_p50"])
	report.AddGoal("key_ms_p99_loss10", "ms", loss["key_ms_p99"], lossyRTT/2+lateness)
	report.AddGoal("motion_error_counts", "counts", loss["motion_errors"], 0)
	if err := report.Save(cfg.Report); err != nil {
		return err
	}
	return report.WriteTable(cfg.Out)
}

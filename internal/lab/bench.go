package lab

import (
	"context"
	"fmt"
	"io"
	"time"
)

// The measured session. The warm-up is a session of its own, so that files
// and code are in memory and the processor at its speed, while the measured
// one counts every picture from its first.
const (
	benchWarmUp     = 5 * time.Second
	benchMeasured   = 30 * time.Second
	benchBitrateBps = 10_000_000
)

// BenchConfig says where the programs are and where results go.
type BenchConfig struct {
	Programs Programs
	Report   string    // path of the JSON report
	Pictures string    // folder of the diagram and of the last picture
	Out      io.Writer // the table
	Log      io.Writer // both programs' standard error
	// Driver is the environment that makes the test-only libva driver the one
	// of the virtual terminal; only the display benchmark uses it.
	Driver []string
}

// Bench measures a session of 1280x720 at 60 frames/s, H.264 at 10 Mb/s, with
// keys and mouse all the while, and reports the figures and their goals. A
// goal that is not met is in the table and no error. What is streamed is the
// test card with noise, which needs the whole bit rate, and its sound.
func Bench(ctx context.Context, cfg BenchConfig) error {
	session := SessionConfig{
		Programs: cfg.Programs, Source: "testcard", Busy: true, Codec: "h264", BitrateBps: benchBitrateBps, Duration: benchWarmUp, Log: cfg.Log,
	}
	report := NewReport(ctx)
	if _, err := RunSession(ctx, session); err != nil {
		return fmt.Errorf("warm-up session: %w", err)
	}
	session.Duration, session.Pictures = benchMeasured, cfg.Pictures+"/bench-screen"
	result, err := RunSession(ctx, session)
	if err != nil {
		return fmt.Errorf("measured session: %w", err)
	}
	if len(result.Terminal.Screens) != 1 || len(result.Host.Screens) != 1 {
		return fmt.Errorf("measured session: %d screens shown of %d; want 1 of 1", len(result.Terminal.Screens), len(result.Host.Screens))
	}
	receive, err := Benchmark(ctx, "^BenchmarkReceive$", "./client/receive")
	if err != nil {
		return err
	}
	goals(report, result, receive)
	details(report, result)
	if err := report.Save(cfg.Report); err != nil {
		return err
	}
	if err := SaveStages(cfg.Pictures+"/bench-stages.svg", result.Terminal.Screens[0].Stages); err != nil {
		return err
	}
	if err := WriteTable(cfg.Out, &result.Terminal, &result.Host); err != nil {
		return err
	}
	fmt.Fprintln(cfg.Out)
	return report.WriteTable(cfg.Out)
}

// goals adds the figures that this product promises.
func goals(r *Report, s *Session, receive map[string]float64) {
	t := &s.Terminal
	stages := t.Screens[0].Stages
	r.AddGoal("received_to_shown_ms_p50", "ms", stages["received_to_shown"].P50, 8)
	r.AddGoal("received_to_shown_ms_p99", "ms", stages["received_to_shown"].P99, 25)
	r.Add("capture_to_shown_ms_p50", "ms", stages["capture_to_shown"].P50)
	r.Add("capture_to_shown_ms_p99", "ms", stages["capture_to_shown"].P99)
	r.AddGoal("terminal_dropped_frames", "frames", float64(t.DroppedByTerminal()), 0)
	r.AddGoal("receive_allocs_per_frame", "allocations", receive["allocs/frame"], 2)
	r.AddGoal("connect_to_first_picture_ms", "ms", t.ConnectToFirstPictureMS, 500)
	r.AddGoal("key_to_channel_ms_p99", "ms", t.Input.KeyToChannel.P99, 1)
	r.AddGoal("input_one_way_ms_p50", "ms", s.Host.Input.OneWay.P50, 1)
	r.Add("terminal_cpu_s_per_min", "s/min", t.CPUSecondsPerMinute)
	r.Add("terminal_peak_rss_mib", "MiB", t.PeakRSSMiB)
	if perPacket, ok := receive["allocs/packet"]; ok {
		r.AddGoal("receive_allocs_per_packet", "allocations", perPacket, 0)
	}
}

// details adds what helps to find out why a goal is not met.
func details(r *Report, s *Session) {
	screen := &s.Terminal.Screens[0]
	for _, name := range screen.Stages.Names() {
		q := screen.Stages[name]
		r.Add(name+"_ms_p95", "ms", q.P95)
		r.Add(name+"_ms_max", "ms", q.Max)
		if name != "received_to_shown" && name != "capture_to_shown" {
			r.Add(name+"_ms_p50", "ms", q.P50)
			r.Add(name+"_ms_p99", "ms", q.P99)
		}
	}
	for _, cause := range []string{"host", "network", "decoder", "pacer", "display"} {
		r.Add("dropped_by_"+cause, "frames", float64(screen.Dropped[cause]))
	}
	r.Add("frames_shown", "frames", float64(screen.Shown))
	r.Add("frames_captured", "frames", float64(s.Host.Screens[0].Captured))
	r.Add("frames_skipped_by_host", "frames", float64(s.Host.Screens[0].Skipped))
	r.Add("bitrate_bps", "bit/s", screen.BitrateBps)
	r.Add("input_one_way_ms_p99", "ms", s.Host.Input.OneWay.P99)
	r.Add("key_to_channel_ms_p50", "ms", s.Terminal.Input.KeyToChannel.P50)
	r.Add("host_cpu_s_per_min", "s/min", s.Host.CPUSecondsPerMinute)
	r.Add("host_peak_rss_mib", "MiB", s.Host.PeakRSSMiB)
}

package lab

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/blade-shadow/terminal/internal/metric"
)

// WriteTable prints both programs' summaries as one table for a person.
func WriteTable(w io.Writer, terminal *TerminalSummary, host *HostSummary) error {
	t := &table{w: tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)}
	t.row("session", fmt.Sprintf("%.1f s", terminal.DurationS), "first picture after", fmt.Sprintf("%.0f ms", terminal.ConnectToFirstPictureMS))
	for i := range terminal.Screens {
		t.screen(&terminal.Screens[i], host)
	}
	t.input(terminal, host)
	t.row()
	t.row("program", "CPU s", "CPU s/min", "peak MiB")
	t.usage("shadow-terminal", terminal.Usage)
	t.usage("shadow-host", host.Usage)
	return t.w.Flush()
}

// table writes rows of cells; tabwriter keeps the error for Flush.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(t.w, "%v\t", c)
	}
	fmt.Fprintln(t.w)
}

func (t *table) screen(s *TerminalScreen, host *HostSummary) {
	t.row()
	t.row(fmt.Sprintf("screen %d", s.Screen+1), s.Codec, fmt.Sprintf("%dx%d", s.Width, s.Height), fmt.Sprintf("%.2f Mb/s", s.BitrateBps/1e6))
	for _, h := range host.Screens {
		if h.Screen == s.Screen {
			t.row("host", "captured", "encoded", "sent", "skipped", "encoder")
			t.row("frames", h.Captured, h.Encoded, h.Sent, h.Skipped, h.Encoder)
		}
	}
	t.row("terminal", "received", "decoded", "shown", "dropped", "because of")
	dropped, why := causes(s.Dropped)
	t.row("frames", s.Received, s.Decoded, s.Shown, dropped, why)
	t.row("ms", "p50", "p95", "p99", "max", "n")
	for _, name := range s.Stages.Names() {
		t.quantiles(name, s.Stages[name])
	}
}

// causes sums dropped frames and says what they are charged to.
func causes(dropped map[string]uint64) (total uint64, why string) {
	var parts []string
	for _, cause := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[cause]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%s %d", cause, n))
		}
	}
	if total == 0 {
		return 0, "-"
	}
	return total, strings.Join(parts, ", ")
}

func (t *table) input(terminal *TerminalSummary, host *HostSummary) {
	t.row()
	t.row("ms", "p50", "p95", "p99", "max", "n")
	t.quantiles("key_to_channel", terminal.Input.KeyToChannel)
	t.quantiles("input_one_way", host.Input.OneWay)
	t.row()
	tr := &terminal.Transport
	t.row("network", "packets", "lost", "repaired", "NACKs", "keyframe requests")
	t.row("", tr.Packets, tr.Lost, tr.Repaired, tr.NACKs, tr.KeyframeRequests)
}

func (t *table) quantiles(name string, q metric.Quantiles) {
	if q.N == 0 {
		t.row(name, "-", "-", "-", "-", 0)
		return
	}
	t.row(name, fmt.Sprintf("%.2f", q.P50), fmt.Sprintf("%.2f", q.P95), fmt.Sprintf("%.2f", q.P99), fmt.Sprintf("%.2f", q.Max), q.N)
}

func (t *table) usage(name string, u Usage) {
	t.row(name, fmt.Sprintf("%.1f", u.CPUSeconds), fmt.Sprintf("%.1f", u.CPUSecondsPerMinute), fmt.Sprintf("%.0f", u.PeakRSSMiB))
}

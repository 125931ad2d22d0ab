package lab

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blade-shadow/terminal/internal/metric"
)

// Stages are latencies by the name of the stage.
type Stages map[string]metric.Quantiles

// stageOrder is the order in which a picture meets the stages.
var stageOrder = [...]string{
	"capture_to_encoded", "encoded_to_sent", "sent_to_received", "received_to_decoded", "decoded_to_shown",
	"received_to_shown", "capture_to_shown",
}

// Names returns the stages that are there, in the order in which a picture
// meets them, those that this lab does not know last.
func (s Stages) Names() []string {
	var names []string
	for _, name := range stageOrder {
		if _, ok := s[name]; ok {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Usage is what a program took from the machine.
type Usage struct {
	CPUSeconds          float64 `json:"cpu_s"`
	CPUSecondsPerMinute float64 `json:"cpu_s_per_min"`
	PeakRSSMiB          float64 `json:"peak_rss_mib"`
}

// TerminalScreen is one window's part of the summary.
type TerminalScreen struct {
	Screen     int               `json:"screen"`
	Codec      string            `json:"codec"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Received   uint64            `json:"received"`
	Decoded    uint64            `json:"decoded"`
	Shown      uint64            `json:"shown"`
	Dropped    map[string]uint64 `json:"dropped"` // by cause
	BitrateBps float64           `json:"bitrate_bps"`
	Stages     Stages            `json:"stages_ms"`
}

// TerminalSummary is what shadow-terminal --json prints.
type TerminalSummary struct {
	Version                 string           `json:"version"`
	DurationS               float64          `json:"duration_s"`
	ConnectToFirstPictureMS float64          `json:"connect_to_first_picture_ms"`
	Screens                 []TerminalScreen `json:"screens"`
	Input                   struct {
		Events       uint64           `json:"events"`
		KeyToChannel metric.Quantiles `json:"key_to_channel_ms"`
	} `json:"input"`
	Transport struct {
		Packets          uint64 `json:"packets"`
		Lost             uint64 `json:"lost"`
		Repaired         uint64 `json:"repaired"`
		NACKs            uint64 `json:"nacks"`
		KeyframeRequests uint64 `json:"keyframe_requests"`
	} `json:"transport"`
	Usage
}

// HostScreen is one captured screen's part of the summary.
type HostScreen struct {
	Screen   int    `json:"screen"`
	Encoder  string `json:"encoder"`
	Captured uint64 `json:"captured"`
	Encoded  uint64 `json:"encoded"`
	Sent     uint64 `json:"sent"`
	Skipped  uint64 `json:"skipped"`
	Stages   Stages `json:"stages_ms"`
}

// HostSummary is what shadow-host --json prints.
type HostSummary struct {
	Version   string       `json:"version"`
	DurationS float64      `json:"duration_s"`
	Source    string       `json:"source"`
	Screens   []HostScreen `json:"screens"`
	Input     struct {
		Events uint64           `json:"events"`
		OneWay metric.Quantiles `json:"one_way_ms"`
	} `json:"input"`
	Usage
}

// Summary reads what a program that has ended printed with --json into v.
func (p *Process) Summary(v any) error {
	// The object is the last thing printed; anything before it is not ours.
	out := p.Stdout()
	start := strings.Index(out, "{")
	if start < 0 {
		return fmt.Errorf("summary of %s: it printed none (its last lines: %s)", p.name, lastLines(p.Stderr(), 5))
	}
	if err := json.Unmarshal([]byte(out[start:]), v); err != nil {
		return fmt.Errorf("summary of %s: %w", p.name, err)
	}
	return nil
}

// DroppedByTerminal is how many frames the terminal itself lost: neither the
// host, which never sent them, nor the network is to blame.
func (s *TerminalSummary) DroppedByTerminal() uint64 {
	var n uint64
	for _, screen := range s.Screens {
		for cause, dropped := range screen.Dropped {
			if cause != "host" && cause != "network" {
				n += dropped
			}
		}
	}
	return n
}

package host

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
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
	Terminal  TerminalSummary `json:"terminal"`
	Pointer   PointerSummary  `json:"pointer"`
	Transport Transport       `json:"transport"`
	Record    *RecordSummary  `json:"record,omitempty"`
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
	Width    int     `json:"width"`     // as coded last, pixels
	Height   int     `json:"height"`    //
	MilliFPS int     `json:"milli_fps"` // pictures per 1000 s
	Stages   Latency `json:"stages_ms"`
	// SkippedForRate are those of skipped that were left out because earlier
	// ones still waited for the path; PathChanges is how often the path changed
	// rate or size of the pictures.
	SkippedForRate uint64 `json:"skipped_for_rate"`
	PathChanges    uint64 `json:"path_changes"`
	// PhaseError is how far from the moments that the terminal wished for
	// pictures were captured, while it had a wish.
	PhaseError metric.Quantiles `json:"phase_error_ms"`
}

// TerminalSummary is what terminals said of the pictures that they wanted:
// the last words of each kind, and how many there were.
type TerminalSummary struct {
	Decoders []DecoderSummary `json:"decoders,omitempty"`
	Limits   []LimitSummary   `json:"limits,omitempty"`
	Layouts  uint64           `json:"layouts"` // that were acted on
	Phases   uint64           `json:"phases"`
	Marks    uint64           `json:"marks"`
}

// PointerSummary is what was sent of the pointer's shape.
type PointerSummary struct {
	Shapes uint64 `json:"shapes"`
	Bytes  uint64 `json:"bytes"`
}

// DecoderSummary is an entry of DECODERS; 0 is no bound.
type DecoderSummary struct {
	Codec                string `json:"codec"`
	Hardware             bool   `json:"hardware"`
	MaxWidth             int    `json:"max_width"`
	MaxHeight            int    `json:"max_height"`
	MacroblocksPerSecond int    `json:"macroblocks_per_s"`
}

// LimitSummary is a LIMIT; 0 is no bound, screen 255 is each of them.
type LimitSummary struct {
	Screen      int `json:"screen"`
	MaxWidth    int `json:"max_width"`
	MaxHeight   int `json:"max_height"`
	MaxMilliFPS int `json:"max_milli_fps"`
}

// Latency is the host's part of a picture's way, in milliseconds.
type Latency struct {
	CaptureToEncoded metric.Quantiles `json:"capture_to_encoded"`
	EncodedToSent    metric.Quantiles `json:"encoded_to_sent"`
}

// Transport is what was sent and what came back as lost, over all sessions.
type Transport struct {
	Packets          uint64  `json:"packets"`
	Lost             uint64  `json:"lost"`
	Repaired         uint64  `json:"repaired"`
	KeyframeRequests uint64  `json:"keyframe_requests"`
	RepairsGivenUp   uint64  `json:"repairs_given_up"` // for a keyframe
	FECPackets       uint64  `json:"fec_packets"`
	FECSharePct      float64 `json:"fec_share_pct"` // of the pictures' bytes, in fact
	Probes           uint64  `json:"probes"`
	Breakdowns       uint64  `json:"breakdowns"` // of the path, for which what was queued was looked at again
	PaddingBytes     uint64  `json:"padding_bytes"`
	PictureBytes     uint64  `json:"picture_bytes"` // with headers, as all bytes here
	FECBytes         uint64  `json:"fec_bytes"`
	RepairBytes      uint64  `json:"repair_bytes"`
	SoundBytes       uint64  `json:"sound_bytes"`
	// Path is what was thought of the last ended session's path at the newest
	// feedback.
	Path PathSummary `json:"path"`
	// QueueDelay is how long packets waited in the path's queue, looked at
	// every 25 ms.
	QueueDelay metric.Quantiles `json:"queue_delay_ms"`
}

// PathSummary is an estimate of a path; zero where the terminal sends no
// transport-wide feedback.
type PathSummary struct {
	TargetBps  int     `json:"target_bps"`
	PacingBps  int     `json:"pacing_bps"`
	PictureBps int     `json:"picture_bps"`
	LossPct    float64 `json:"loss_pct"`
	LossRun    float64 `json:"loss_run"`
	FECPct     float64 `json:"fec_pct"` // aimed at
	QueueMS    float64 `json:"queue_ms"`
	RTTMS      float64 `json:"rtt_ms"`
}

// totals collects over sessions. Counters are added to while a session runs,
// packets when it ends.
type totals struct {
	start time.Time

	layouts, phases, marks atomic.Uint64
	shapes, shapeBytes     atomic.Uint64
	queueDelay             metric.Latency

	mu        sync.Mutex // guards below
	sessions  int
	screens   map[int]*screenTotals
	transport Transport
	decoders  []DecoderSummary
	limits    map[int]LimitSummary // by screen
}

type screenTotals struct {
	captured, encoded, sent         atomic.Uint64
	skippedForRate, degraded        atomic.Uint64
	captureToEncoded, encodedToSent metric.Latency
	phaseError                      metric.Latency
	encoder                         atomic.Pointer[encoderInUse]
}

// encoderInUse is what coded a screen's pictures last.
type encoderInUse struct {
	name string
	shape
}

func newTotals() *totals {
	return &totals{start: time.Now(), screens: make(map[int]*screenTotals), limits: make(map[int]LimitSummary)}
}

func (t *totals) screen(index int) *screenTotals {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.screens[index] == nil {
		t.screens[index] = &screenTotals{}
	}
	return t.screens[index]
}

func (s *screenTotals) setEncoder(name string, is shape) { s.encoder.Store(&encoderInUse{name, is}) }

// setDecoders notes what the terminal can decode now.
func (t *totals) setDecoders(all []wire.Decoder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.decoders = nil
	for _, d := range all {
		t.decoders = append(t.decoders, DecoderSummary{
			d.Codec.String(), d.Hardware, int(d.MaxWidth), int(d.MaxHeight), int(d.MacroblocksPerSecond),
		})
	}
}

// setLimit notes what the terminal wants at most. Screens that there cannot
// be are left out.
func (t *totals) setLimit(l wire.Limit) {
	if l.Screen >= wire.MaxScreens && l.Screen != wire.AllScreens {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limits[int(l.Screen)] = LimitSummary{int(l.Screen), int(l.MaxWidth), int(l.MaxHeight), int(l.MaxMilliFPS)}
}

// terminalLocked is what terminals said.
func (t *totals) terminalLocked() TerminalSummary {
	sum := TerminalSummary{
		Decoders: t.decoders, Layouts: t.layouts.Load(), Phases: t.phases.Load(), Marks: t.marks.Load(),
	}
	for _, k := range slices.Sorted(maps.Keys(t.limits)) {
		sum.Limits = append(sum.Limits, t.limits[k])
	}
	return sum
}

// add counts a session that ended.
func (t *totals) add(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions++
	sent := s.sender.Stats()
	t.transport.addSender(sent)
	for _, sc := range s.screens {
		v := sc.track.Stats()
		sc.totals.sent.Add(v.Sent)
		t.transport.Repaired += v.Repaired
		t.transport.KeyframeRequests += v.KeyframeRequests
		t.transport.RepairsGivenUp += v.GivenUp
		t.transport.FECPackets += v.FECPackets
	}
}

// addSender adds what one session's sender did.
func (t *Transport) addSender(s egress.Stats) {
	t.Packets += s.Packets
	t.Lost += s.Lost
	t.Probes += s.Probes
	t.Breakdowns += s.Breakdowns
	t.PaddingBytes += s.PaddingBytes
	t.PictureBytes += s.PictureBytes
	t.FECBytes += s.FECBytes
	t.RepairBytes += s.RepairBytes
	t.SoundBytes += s.SoundBytes
	if t.PictureBytes > 0 {
		t.FECSharePct = 100 * float64(t.FECBytes) / float64(t.PictureBytes)
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	t.Path = PathSummary{
		TargetBps: s.Path.TargetBps, PacingBps: s.Path.PacingBps, PictureBps: s.Path.PictureBps,
		LossPct: 100 * s.Path.Loss, LossRun: s.Path.LossRun, FECPct: 100 * s.Path.FECShare,
		QueueMS: ms(s.Path.QueueDelay), RTTMS: ms(s.RTT),
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
	sum.Pointer = PointerSummary{t.shapes.Load(), t.shapeBytes.Load()}
	sum.Sessions, sum.Transport, sum.Terminal = t.sessions, t.transport, t.terminalLocked()
	sum.Transport.QueueDelay = t.queueDelay.Quantiles()
	if s.recorder != nil {
		r := s.recorder.summary()
		sum.Record = &r
	}
	for _, k := range slices.Sorted(maps.Keys(t.screens)) {
		sum.Screens = append(sum.Screens, t.screens[k].summary(k))
	}
	return sum
}

func (s *screenTotals) summary(index int) ScreenSummary {
	out := ScreenSummary{
		Screen: index, Captured: s.captured.Load(), Encoded: s.encoded.Load(), Sent: s.sent.Load(),
		Stages:         Latency{s.captureToEncoded.Quantiles(), s.encodedToSent.Quantiles()},
		PhaseError:     s.phaseError.Quantiles(),
		SkippedForRate: s.skippedForRate.Load(), PathChanges: s.degraded.Load(),
	}
	out.Skipped = out.Captured - min(out.Captured, out.Encoded)
	if e := s.encoder.Load(); e != nil {
		out.Encoder, out.Width, out.Height, out.MilliFPS = e.name, e.width, e.height, e.milliFPS
	}
	return out
}

// WriteText prints the summary for people.
func (s Summary) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d sessions in %.0f s from %s; %d packets, %d reported lost, %d repaired, %d keyframes asked for\n",
		s.Sessions, s.DurationS, s.Source, s.Transport.Packets, s.Transport.Lost, s.Transport.Repaired, s.Transport.KeyframeRequests)
	if t := s.Transport; err == nil && t.Path.TargetBps > 0 {
		_, err = fmt.Fprintf(w, "path: target %.1f Mb/s, %.1f %% lost, queue %.1f ms (p99 %.1f), %d breakdowns; %d FEC packets (%.1f %% of the pictures), %d probes, %d kB of padding, %d repairs given up\n",
			float64(t.Path.TargetBps)/1e6, t.Path.LossPct, t.QueueDelay.P50, t.QueueDelay.P99, t.Breakdowns, t.FECPackets, t.FECSharePct, t.Probes, t.PaddingBytes/1000, t.RepairsGivenUp)
	}
	if r := s.Record; err == nil && r != nil {
		_, err = fmt.Fprintf(w, "recorded %d packets; %d left out because the disk was too slow\n", r.Packets, r.Dropped)
	}
	for _, sc := range s.Screens {
		if err != nil {
			break
		}
		if sc.SkippedForRate+sc.PathChanges > 0 {
			if _, err = fmt.Fprintf(w, "screen %d: %d pictures skipped for the path, %d changes of rate or size for it\n", sc.Screen, sc.SkippedForRate, sc.PathChanges); err != nil {
				break
			}
		}
		c, e := sc.Stages.CaptureToEncoded, sc.Stages.EncodedToSent
		_, err = fmt.Fprintf(w, "screen %d (%s): %d captured, %d encoded, %d sent, %d skipped; capture to encoded %.2f ms (p99 %.2f), encoded to sent %.2f ms (p99 %.2f)\n",
			sc.Screen, sc.Encoder, sc.Captured, sc.Encoded, sc.Sent, sc.Skipped, c.P50, c.P99, e.P50, e.P99)
		if p := sc.PhaseError; err == nil && p.N > 0 {
			_, err = fmt.Fprintf(w, "screen %d: %d pictures captured %.2f ms off the phase that the terminal wished for (p99 %.2f)\n", sc.Screen, p.N, p.P50, p.P99)
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "processor %.1f s (%.1f s a minute), memory %.0f MiB at most\n", s.CPUS, s.CPUSMin, s.PeakRSS)
	return err
}
